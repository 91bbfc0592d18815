"""ex07's evaluate: models and loaders, and the probe that watches a model while it is evaluated and afterwards."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from segutils.checks.base import Answers, Case, Check
from segutils.checks.ex07.ready import READY_ANSWERS
from segutils.checks.modules import load_drawn_weights
from segutils.checks.probing import as_tensor, call, describe, ignore_keyword, one_thread, same


def note_nothing(_model: nn.Module, _logits: Tensor) -> None:
    """What a model does with its logits until somebody watches it."""


class SmallNet(nn.Module):
    """A network with all that behaves differently in train mode: batch norm, dropout, an auxiliary head."""

    def __init__(self, num_classes: int, aux_place: str) -> None:
        super().__init__()
        self.note, self.aux_place = note_nothing, aux_place  # "first" or "last" entry, or "absent" in eval mode
        self.backbone = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.5))
        self.classifier = nn.Conv2d(6, num_classes, 1)
        self.aux_classifier = nn.Conv2d(6, num_classes, 1)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.backbone(images)
        logits = {"aux": self.aux_classifier(features), "out": self.classifier(features)}
        if self.aux_place == "last":
            logits = dict(reversed(logits.items()))
        if self.aux_place == "absent" and not self.training:
            del logits["aux"]
        self.note(self, logits["out"])
        return logits


class ColorRule(nn.Module):
    """A model without parameters: each class has a colour, and the logits say how well a pixel agrees with it."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.note, self.num_classes = note_nothing, num_classes
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        angles = torch.arange(self.num_classes)[:, None] + torch.tensor([0.0, 2.0, 4.0])  # (C, 3)
        logits = torch.einsum("nkhw,ck->nchw", self.dropout(images), angles.cos())
        self.note(self, logits)
        return {"out": logits}


def build_model(case: Case) -> nn.Module:
    """The case's model with drawn weights, in train or in eval mode."""
    num_classes = int(case["num_classes"])
    model = ColorRule(num_classes) if case["model"] == "ColorRule" else SmallNet(num_classes, str(case["aux_place"]))
    floating = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    load_drawn_weights(floating, int(case["weights_seed"]))
    return model.train(case["mode"] == "train")


def draw_evaluations(seed: int) -> list[Case]:
    """Models in both modes and loaders of several kinds: a smaller last batch, single images, ignored pixels."""
    rng = np.random.default_rng([7, 3, seed])
    # model, mode, loader, batch sizes, height, width, num_classes, ignore_index, ignored share, aux in eval mode
    table = [
        ("SmallNet", "train", "iterable", (3, 3, 2), 6, 9, 5, 255, 0.0, "absent"),
        ("SmallNet", "eval", "iterable", (2, 2, 1), 7, 5, 4, 255, 0.2, "absent"),
        ("SmallNet", "train", "generator", (1, 1, 1), 5, 8, 3, 255, 0.1, "first"),
        ("SmallNet", "eval", "DataLoader", (4, 4, 1), 40, 30, 2, -1, 0.3, "absent"),
        ("SmallNet", "train", "generator", (4, 2), 8, 3, 6, 0, 0.2, "last"),
        ("ColorRule", "train", "DataLoader", (2, 2, 2, 1), 3, 10, 12, 255, 0.1, "absent"),
        ("SmallNet", "eval", "list", (5,), 2, 3, 3, 255, 1.0, "absent"),
    ]
    cases = []
    for index, (model, mode, loader, sizes, height, width, num_classes, ignore, share, aux_place) in enumerate(table):
        images = rng.normal(size=(sum(sizes), 3, height, width)).astype(np.float32)
        masks = rng.integers(0, num_classes, size=(sum(sizes), height, width))
        masks = np.where(rng.random(masks.shape) < share, ignore, masks)
        case = {"model": model, "mode": mode, "loader": loader, "batch_sizes": np.array(sizes), "images": images}
        case |= {"masks": masks, "num_classes": num_classes, "ignore_index": ignore, "aux_place": aux_place}
        cases.append({**case, "weights_seed": 10 * seed + index})
    return cases


def make_batches(case: Case) -> list[tuple[Tensor, Tensor]]:
    """Fresh tensors of the case's images and masks, cut into its batches."""
    sizes = case["batch_sizes"].tolist()
    return list(zip(as_tensor(case["images"]).split(sizes), as_tensor(case["masks"]).split(sizes), strict=True))


class CountingLoader:
    """What a loader promises and no more: it can be passed over. Counts how often that is begun."""

    def __init__(self, batches: list) -> None:
        self.batches, self.passes = batches, 0

    def __iter__(self) -> Iterator:
        self.passes += 1
        return iter(self.batches)


def make_loader(case: Case, batches: list) -> object:
    """The case's batches as an iterable that counts its passes, a generator, a list, or a torch DataLoader."""
    kind = str(case["loader"])
    if kind == "DataLoader":
        frames = [frame for images, masks in batches for frame in zip(images, masks, strict=True)]
        return DataLoader(frames, batch_size=int(case["batch_sizes"][0]))
    makers: dict[str, Callable] = {"iterable": CountingLoader, "generator": lambda batches: (b for b in batches)}
    return makers.get(kind, list)(batches)


@one_thread()
def probe_evaluate(evaluate: object, case: Case) -> Answers:
    """Call evaluate with a fresh model and loader, and watch the model while it runs and afterwards."""
    seen: dict = {}

    def run(num_classes, **keywords):
        model, batches = build_model(case), make_batches(case)
        loader = make_loader(case, batches)
        watch = seen["watch"] = watched(model)
        before = state_of(model)
        try:
            return evaluate(model, loader, num_classes, **keywords)
        finally:
            watch["modes after"] = modes_of(model)
            watch["changed state"] = changed_between(before, state_of(model))
            watch["passes"] = getattr(loader, "passes", 1)
            pairs = zip(make_batches(case), batches, strict=True)
            equal = all(torch.equal(a, b) for fresh, used in pairs for a, b in zip(fresh, used, strict=True))
            watch["changed batches"] = not equal

    _, answers = call(run, {"num_classes": int(case["num_classes"])}, READY_ANSWERS, **ignore_keyword(case))
    watch = seen["watch"]
    return answers | {
        "ran_in": ", ".join(sorted(set(watch["ran in"]))),
        "with_graph": any(watch["graphs"]),
        "modules": len(watch["modes before"]),
        "modes": describe_modes(watch["modes before"], watch["modes after"]),
        "changed_state": watch["changed state"],
        "passes": watch["passes"],
        "changed_batches": watch["changed batches"],
    }


def watched(model: nn.Module) -> dict:
    """Note, at every forward pass of the model or of a copy of it, the modes it runs in and whether a graph is kept."""
    watch: dict = {"ran in": [], "graphs": [], "modes before": modes_of(model)}

    def note(running: nn.Module, logits: Tensor) -> None:
        training = [part.training for part in running.modules()]
        watch["ran in"].append("train" if running.training else "parts in train" if any(training) else "eval")
        watch["graphs"].append(logits.requires_grad)

    model.note = note  # a copy of the model keeps it
    return watch


def modes_of(model: nn.Module) -> dict[str, bool]:
    return {name or "the model itself": module.training for name, module in model.named_modules()}


def describe_modes(before: dict[str, bool], after: dict[str, bool]) -> str:
    """Which modules are in another mode than before: "backbone.1: eval -> train"."""
    word = {True: "train", False: "eval"}
    changed = [name for name in before if before[name] != after.get(name)]
    return ", ".join(f"{name}: {word[before[name]]} -> {word.get(after.get(name), '?')}" for name in changed)


def state_of(model: nn.Module) -> dict[str, Answers]:
    """Weights and statistics, and which weights are to be trained, as plain facts."""
    state = model.state_dict() | {f"requires_grad of {n}": p.requires_grad for n, p in model.named_parameters()}
    return {name: describe(value) for name, value in state.items()}


def changed_between(before: dict[str, Answers], after: dict[str, Answers]) -> str:
    return ", ".join(name for name in before if not same(before[name], after.get(name, {})))


evaluate = Check(
    name="ex07.evaluate",
    subject="evaluate",
    draw=draw_evaluations,
    probe=probe_evaluate,
    ready_answers=READY_ANSWERS,
    verified="models in train and eval mode, smaller last batches, single images, ignored pixels, any iterable",
)
