"""Judge of ex07's evaluate: the matrix, how the model ran, and how it was left."""

import re
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from segutils import metrics, training
from segutils.checks.base import Answers, Case
from segutils.checks.ex07.evaluation import build_model, make_batches
from segutils.checks.judges.base import Fault, Judge, UsualErrors, find_side_effect, find_wrong_result, shorten

ERROR_HINTS = [  # of the exception's text
    (r"^StopIteration", "a model may have no parameters: next(model.parameters()) finds nothing. No device is needed."),
    (r"object of type '(generator|CountingLoader)' has no len", "a loader has no length: any iterable will do."),
    (r"'(generator|CountingLoader)' object (is not subscriptable|has no attribute)",
     "a loader can be passed over with `for`, and nothing else is promised."),
    (r"'dict' object has no attribute|must be Tensor, not dict|not 'collections.OrderedDict'",
     'the model returns a dict; its logits are ["out"].'),
    (r"prediction contains class", "prediction and target are exchanged: the ignored pixels are in the masks."),
    (r"target contains class", "ignore_index was not passed on to confusion_matrix."),
    (r"must have the same shape", "the argmax runs over the wrong axis: classes are dim=1 of (N, C, H, W)."),
    (r"class indices are integers", "confusion_matrix takes classes; the logits' `.argmax(dim=1)` are classes,"
     " `.max(dim=1)` gives values first."),
    (r"return_types", "`.max(dim=1)` gives values and places; `.argmax(dim=1)` gives the places, which are classes."),
    (r"KeyError: 'aux'", 'in eval mode the model has no "aux"; what counts is ["out"].'),
    (r"can't be cast to the desired output type", "counts are added up in an int64 matrix."),
    (r"'(list|tuple)' object has no attribute", "a batch is a pair: `for images, masks in loader`."),
]  # fmt: skip
OTHER_KINDS = {
    "ConfusionMatrix": "the counter itself was returned; its `.compute()` is the matrix.",
    "float": "one number was returned; asked is the confusion matrix, from which every number can be read.",
    "int": "`sum` of no batch, or a single number; asked is the confusion matrix.",
    "dict": "asked is the confusion matrix alone.",
}
OTHER_DTYPES = "a matrix of counts is int64: torch.zeros makes float32 unless a dtype is given, and `/` makes floats."


def find_evaluate_fault(case: Case, answers: Answers) -> Fault | None:
    if fault := find_bad_run(case, answers):  # first: train mode explains exceptions and results that depend on chance
        return fault
    if fault := find_side_effect(answers):
        hints = [hint for pattern, hint in ERROR_HINTS if re.search(pattern, str(answers.get("error_text", "")))]
        return replace(fault, cause=fault.cause or "".join(hints[:1]))
    expected = training.evaluate(build_model(case), make_batches(case), *sizes(case)).compute()
    fault = find_wrong_result(expected, answers, ("int64",), "the matrix")
    if fault is not None and not fault.cause:
        kind, dtype = str(answers["kind"]), str(answers.get("dtype"))
        counts = "wrong dtype" in fault.headline and torch.equal(torch.as_tensor(answers["value"]).long(), expected)
        return replace(fault, cause=OTHER_KINDS.get(kind, OTHER_DTYPES if counts and dtype != "int64" else ""))
    return fault or find_bad_end(answers)


def sizes(case: Case) -> tuple[int, int]:
    return int(case["num_classes"]), int(case["ignore_index"])


def find_bad_run(case: Case, answers: Answers) -> Fault | None:
    """The model ran in train mode, or built a graph."""
    ran_in = str(answers["ran_in"])
    before = f"before the call: {case['mode']}"
    if "train" in ran_in.split(", "):
        return Fault(
            "the model ran in train mode",
            f"expected eval mode, got {ran_in}; {before}",
            "`model.eval()` is missing, or comes after the model has run: dropout and batch norm are at work.",
        )
    if ran_in == "parts in train":
        return Fault(
            "parts of the model ran in train mode",
            f"expected all of it in eval mode; {before}",
            "model.training is a flag of one module; model.eval() sets it in all of its parts.",
        )
    if answers["with_graph"]:
        return Fault(
            "the model ran with gradients: its logits hold a graph",
            "expected logits.requires_grad False, got True",
            "torch.no_grad() is missing, or does not enclose the call of the model (`.detach()` comes too late).",
        )
    return None


def find_bad_end(answers: Answers) -> Fault | None:
    """The model or the batches are not as they were, or the loader was used up twice."""
    if answers["modes"]:
        changed = f"changed: {shorten(answers['modes'], 150)}"
        return Fault("the model is in another mode than before", changed, mode_cause(answers))
    if answers["changed_state"]:
        cause = "weights, statistics and requires_grad belong to the model's owner."
        return Fault("changed the model", f"changed: {shorten(answers['changed_state'], 120)}", cause)
    if answers["changed_batches"]:
        return Fault("changed the batches of the loader", cause="an assignment into images or masks: work on new ones.")
    if int(answers["passes"]) != 1:
        got = f"expected 1 pass over the loader, got {answers['passes']}"
        return Fault("went through the loader more than once", got, "a generator has nothing left for a second pass.")
    return None


def mode_cause(answers: Answers) -> str:
    changed = str(answers["modes"]).split(", ")
    if any(text.endswith("eval -> train") for text in changed):
        return "train mode at the end, whatever the mode was before: note `model.training` before model.eval()."
    if len(changed) < int(answers["modules"]):
        return "model.training is a flag of one module; model.train(mode) sets it in the model and all of its parts."
    return "model.eval() was never taken back: note `model.training` before it, and give it to model.train(...)."


def usual_evaluate_errors(case: Case) -> UsualErrors:
    model, batches = build_model(case).eval(), make_batches(case)
    num_classes, ignore = sizes(case)

    def outputs(key: str = "out") -> list[Tensor]:
        return [model(images)[key] for images, _ in batches]

    def count(prediction: Tensor, masks: Tensor, index: int = ignore) -> Tensor:
        return metrics.confusion_matrix(prediction, masks, num_classes, index)

    def matrices(
        decide: Callable = lambda out: out.argmax(dim=1), key: str = "out", index: int = ignore
    ) -> list[Tensor]:
        return [count(decide(out), masks, index) for out, (_, masks) in zip(outputs(key), batches, strict=True)]

    def total(decide: Callable = lambda out: out.argmax(dim=1), key: str = "out") -> Tensor:
        return sum(matrices(decide, key))

    def only(keep: Callable[[int, Tensor], bool]) -> Tensor:
        kept = [
            m for number, (m, (_, masks)) in enumerate(zip(matrices(), batches, strict=True)) if keep(number, masks)
        ]
        return sum(kept, torch.zeros(num_classes, num_classes, dtype=torch.int64))

    def first_images() -> Tensor:
        return sum(count(out[:1].argmax(dim=1), masks[:1]) for out, (_, masks) in zip(outputs(), batches, strict=True))

    def changed_images(change: Callable[[Tensor], Tensor]) -> Tensor:
        return sum(count(model(change(images))["out"].argmax(dim=1), masks) for images, masks in batches)

    def void_as_class(label: int) -> Tensor:
        pairs = zip(outputs(), batches, strict=True)
        return sum(count(out.argmax(dim=1), masks.where(masks != ignore, label), -7) for out, (_, masks) in pairs)

    def without_statistics() -> Tensor:
        fresh = build_model(case).eval()
        for module in fresh.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.reset_running_stats()
        return sum(count(fresh(images)["out"].argmax(dim=1), masks) for images, masks in batches)

    def one_of_two() -> Tensor:
        return total(lambda out: (out[:, 1 % num_classes] > 0).long())

    return [
        (
            "only the last batch is in the matrix; add the batches up.",
            lambda: only(lambda number, _: number == len(batches) - 1),
        ),
        (
            "only the first batch is in the matrix: a `return` or `break` inside the loop?",
            lambda: only(lambda number, _: number == 0),
        ),
        (
            "the last, smaller batch is missing; every image counts.",
            lambda: only(lambda _, masks: len(masks) == len(batches[0][1])),
        ),
        ("batches of a single image were skipped; every image counts.", lambda: only(lambda _, masks: len(masks) > 1)),
        ("the last batch is missing.", lambda: only(lambda number, _: number < len(batches) - 1)),
        (
            "the first batch is missing: it was taken out of the loader before the loop.",
            lambda: only(lambda number, _: number > 0),
        ),
        ("only the first image of each batch was counted.", first_images),
        ("the matrix is empty: the loader was used up before the loop, or nothing is added.", lambda: 0 * total()),
        ("every batch was counted twice: two passes over the loader.", lambda: 2 * total()),
        ("rows and columns are exchanged: rows are the target.", lambda: total().T.contiguous()),
        ("the ignored pixels were counted as class 0.", lambda: void_as_class(0)),
        ("the ignored pixels were counted as the last class.", lambda: void_as_class(num_classes - 1)),
        ("ignore_index was not passed on: only 255 is left out.", lambda: sum(matrices(index=255))),
        ("argmin in place of argmax: the least likely class.", lambda: total(lambda out: out.argmin(dim=1))),
        ('the auxiliary head ("aux") was evaluated; the result is ["out"].', lambda: total(key="aux")),
        (
            "a threshold is no decision between classes: take the class with the largest logit, argmax over dim=1.",
            one_of_two,
        ),
        (
            "a threshold is no decision between classes: take the class with the largest logit, argmax over dim=1.",
            lambda: total(lambda out: (out.sigmoid() > 0.5).long().argmax(dim=1)),
        ),
        (
            "a threshold is no decision between classes: take the class with the largest logit, argmax over dim=1.",
            lambda: total(lambda out: (out.softmax(dim=1) > 0.5).long().argmax(dim=1)),
        ),
        (
            "softmax over the batch (dim=0) changes which class is the largest.",
            lambda: total(lambda out: out.softmax(dim=0).argmax(dim=1)),
        ),
        (
            "softmax over rows or columns changes which class is the largest.",
            lambda: total(lambda out: out.softmax(dim=2).argmax(dim=1)),
        ),
        (
            "softmax over rows or columns changes which class is the largest.",
            lambda: total(lambda out: out.softmax(dim=3).argmax(dim=1)),
        ),
        (
            "the mean over the batches was returned; counts are added up.",
            lambda: torch.stack([m.float() for m in matrices()]).mean(dim=0),
        ),
        ("the matrix was divided by its sum; it holds counts.", lambda: total() / total().sum()),
        (
            "the matrix was divided by its rows' sums; it holds counts.",
            lambda: total() / total().sum(dim=1, keepdim=True),
        ),
        (
            "the matrix was divided by its rows' sums; it holds counts.",
            lambda: (total() / total().sum(dim=1, keepdim=True)).nan_to_num(0),
        ),
        ("the mean IoU was returned; asked is the matrix.", lambda: metrics.mean_iou(total())),
        (
            "a mean of the batches' mean IoUs was returned; asked is one matrix over everything.",
            lambda: torch.stack([metrics.mean_iou(m) for m in matrices()]).mean(),
        ),
        ("the IoU per class was returned; asked is the matrix.", lambda: metrics.iou_per_class(total())),
        ("the pixel accuracy was returned; asked is the matrix.", lambda: metrics.pixel_accuracy(total())),
        ("one matrix per batch was returned; add them up.", lambda: torch.stack(matrices())),
        (
            "the images were divided by 255; the loader gives what the model takes.",
            lambda: changed_images(lambda x: x / 255),
        ),
        (
            "the images were normalised once more; the loader gives what the model takes.",
            lambda: changed_images(lambda x: (x - x.mean()) / x.std()),
        ),
        (
            "the running statistics of batch normalisation were reset; in eval mode they are used.",
            without_statistics,
        ),
        (
            "height and width of the prediction are exchanged.",
            lambda: total(lambda out: out.argmax(dim=1).transpose(1, 2)),
        ),
        (
            "the matrix counts from 1: a row and a column too many.",
            lambda: torch.nn.functional.pad(total(), (0, 1, 0, 1)),
        ),
    ]


def called(case: Case) -> str:
    ignore = "" if int(case["ignore_index"]) == 255 else f", ignore_index={case['ignore_index']}"
    batches = ", ".join(map(str, case["batch_sizes"].tolist()))
    return (
        f"evaluate(model, loader, {case['num_classes']}{ignore}): {case['model']} ({case['mode']}), {case['loader']}"
        f" with batches of {batches} images {case['images'].shape[2]} x {case['images'].shape[3]}"
    )


evaluate = Judge(called=called, find_fault=find_evaluate_fault, usual_errors=usual_evaluate_errors)
