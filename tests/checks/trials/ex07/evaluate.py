"""Solutions of ex07's evaluate, as students write them."""

import copy

import numpy as np
import torch
from torch import nn

from segutils import metrics, training
from segutils.metrics import ConfusionMatrix, confusion_matrix


def modes_of(model):
    return [(module, module.training) for module in model.modules()]


def restore(modes):
    for module, training_before in modes:
        module.training = training_before


def counting(count, finish=lambda matrix, batches: matrix):
    """A solution that adds up count(logits, masks, num_classes, ignore_index) over the batches, all else right."""

    def evaluate(model, loader, num_classes, ignore_index=255):
        modes = modes_of(model)
        model.eval()
        matrix, batches = torch.zeros(num_classes, num_classes, dtype=torch.int64), 0
        with torch.no_grad():
            for images, masks in loader:
                matrix = matrix + count(model(images)["out"], masks, num_classes, ignore_index)
                batches += 1
        restore(modes)
        return finish(matrix, batches)

    return evaluate


def deciding(decide):
    """A solution that takes classes from logits in this way."""
    return counting(lambda logits, masks, *settings: confusion_matrix(decide(logits), masks, *settings))


def finishing(finish):
    return counting(lambda logits, masks, *settings: confusion_matrix(logits.argmax(1), masks, *settings), finish)


right = deciding(lambda logits: logits.argmax(dim=1))


def around(before=lambda model: model.eval(), after=lambda model, modes: restore(modes), context=torch.no_grad):
    """A solution that prepares the model, runs it and puts it back in these ways."""

    def evaluate(model, loader, num_classes, ignore_index=255):
        modes = modes_of(model)
        before(model)
        matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        with context():
            for images, masks in loader:
                matrix += confusion_matrix(model(images)["out"].argmax(1), masks, num_classes, ignore_index)
        after(model, modes)
        return matrix

    return evaluate


def over(choose):
    """A solution that goes over these batches: choose(loader)."""
    return lambda model, loader, num_classes, **ignore: right(model, choose(loader), num_classes, **ignore)


def over_single_images_not(loader):
    return ((images, masks) for images, masks in loader if len(images) > 1)


def dropping_smaller(loader):
    first = None
    for images, masks in loader:
        first = first or len(images)
        if len(images) == first:
            yield images, masks


def after_a_look(loader):
    images, _ = next(iter(loader))
    assert images.ndim == 4
    return loader


def counted_twice(loader):
    print("batches:", sum(1 for _ in loader))
    return loader


def last_batch(model, loader, num_classes, ignore_index=255):
    modes = modes_of(model)
    model.eval()
    with torch.no_grad():
        for images, masks in loader:
            matrix = confusion_matrix(model(images)["out"].argmax(1), masks, num_classes, ignore_index)
    restore(modes)
    return matrix


def first_batch(model, loader, num_classes, ignore_index=255):
    modes = modes_of(model)
    model.eval()
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    with torch.no_grad():
        for images, masks in loader:
            matrix += confusion_matrix(model(images)["out"].argmax(1), masks, num_classes, ignore_index)
            restore(modes)
            return matrix


def detached(model, loader, num_classes, ignore_index=255):
    modes = modes_of(model)
    model.eval()
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for images, masks in loader:
        matrix += confusion_matrix(model(images)["out"].detach().argmax(1), masks, num_classes, ignore_index)
    restore(modes)
    return matrix


def eval_after_the_first_batch(model, loader, num_classes, ignore_index=255):
    modes = modes_of(model)
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    with torch.no_grad():
        for images, masks in loader:
            matrix += confusion_matrix(model(images)["out"].argmax(1), masks, num_classes, ignore_index)
            model.eval()
    restore(modes)
    return matrix


def freezing(model, loader, num_classes, ignore_index=255):
    modes = modes_of(model)
    model.eval().requires_grad_(False)
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for images, masks in loader:
        matrix += confusion_matrix(model(images)["out"].argmax(1), masks, num_classes, ignore_index)
    restore(modes)
    return matrix


def without_statistics(model):
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()


def global_switch(model, loader, num_classes, ignore_index=255):
    torch.set_grad_enabled(False)
    return right(model, loader, num_classes, ignore_index)


def cleaned_in_place(model, loader, num_classes, ignore_index=255):
    modes = modes_of(model)
    model.eval()
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    with torch.no_grad():
        for images, masks in loader:
            labelled = masks != ignore_index
            masks[~labelled] = 0
            pairs = (masks * num_classes + model(images)["out"].argmax(1))[labelled]
            matrix += torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)
    restore(modes)
    return matrix


def by_length(model, loader, num_classes, ignore_index=255):
    batches = iter(loader)
    return right(model, (next(batches) for _ in range(len(loader))), num_classes, ignore_index)


def by_index(model, loader, num_classes, ignore_index=255):
    return right(model, (loader[index] for index in range(3)), num_classes, ignore_index)


def on_a_device(model, loader, num_classes, ignore_index=255):
    device = next(model.parameters()).device
    batches = ((images.to(device), masks.to(device)) for images, masks in loader)
    return right(model, batches, num_classes, ignore_index)


def of_float_zeros(model, loader, num_classes, ignore_index=255):
    modes = modes_of(model)
    model.eval()
    matrix = torch.zeros(num_classes, num_classes)
    with torch.no_grad():
        for images, masks in loader:
            matrix += confusion_matrix(model(images)["out"].argmax(1), masks, num_classes, ignore_index)
    restore(modes)
    return matrix


def default_ignore(logits, masks, num_classes, ignore_index):
    return confusion_matrix(logits.argmax(1), masks, num_classes)


def void_as_class_0(logits, masks, num_classes, ignore_index):
    return confusion_matrix(logits.argmax(1), masks.where(masks != ignore_index, 0), num_classes, -7)


def counted_in_uint8(model, loader, num_classes, ignore_index=255):
    return right(model, loader, num_classes, ignore_index).byte().long()


def with_key(select):
    def evaluate(model, loader, num_classes, ignore_index=255):
        modes = modes_of(model)
        model.eval()
        matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        with torch.no_grad():
            for images, masks in loader:
                matrix += confusion_matrix(select(model(images)).argmax(1), masks, num_classes, ignore_index)
        restore(modes)
        return matrix

    return evaluate


def mean_of_batches(model, loader, num_classes, ignore_index=255):
    modes = modes_of(model)
    model.eval()
    values = []
    with torch.no_grad():
        for images, masks in loader:
            matrix = confusion_matrix(model(images)["out"].argmax(1), masks, num_classes, ignore_index)
            values.append(metrics.mean_iou(matrix))
    restore(modes)
    return torch.stack(values).mean()


def the_counter(model, loader, num_classes, ignore_index=255):
    modes = modes_of(model)
    model.eval()
    counter = ConfusionMatrix(num_classes, ignore_index)
    with torch.no_grad():
        for images, masks in loader:
            counter.update(model(images)["out"].argmax(1), masks)
    restore(modes)
    return counter


def train_again_if_it_trained(model, modes):
    if modes[0][1]:
        model.train()


def train_after_each_batch(model, loader, num_classes, ignore_index=255):
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for images, masks in loader:
        model.eval()
        with torch.no_grad():
            matrix += confusion_matrix(model(images)["out"].argmax(1), masks, num_classes, ignore_index)
        model.train()
    return matrix


def mode_noted_too_late(model, loader, num_classes, ignore_index=255):
    model.eval()
    was_training = model.training
    matrix = right(model, loader, num_classes, ignore_index)
    model.train(was_training)
    return matrix


WRONG = {
    "no eval": (around(before=lambda model: None), r"(?s)ran in train mode.*`model\.eval\(\)` is missing"),
    "train": (around(before=lambda model: model.train()), "ran in train mode"),
    "eval too late": (eval_after_the_first_batch, "ran in train mode"),
    "only the model's flag": (around(before=lambda model: setattr(model, "training", False)), "a flag of one module"),
    "left in eval": (around(after=lambda model, modes: None), r"model\.eval\(\) was never taken back"),
    "always train": (around(after=lambda model, modes: model.train()), "train mode at the end, whatever"),
    "only the model's flag restored": (
        around(after=lambda model, modes: setattr(model, "training", modes[0][1])),
        "a flag of one module",
    ),
    "only the children restored": (
        around(after=lambda model, modes: restore(modes[1:])),
        "a flag of one module",
    ),
    "trained after each batch": (train_after_each_batch, "train mode at the end, whatever"),
    "mode noted too late": (mode_noted_too_late, r"model\.eval\(\) was never taken back"),
    "no no_grad": (around(context=torch.enable_grad), "ran with gradients"),
    "detach": (detached, r"`\.detach\(\)` comes too late"),
    "parameters frozen": (freezing, "(?s)changed the model.*requires_grad"),
    "statistics reset": (around(before=without_statistics), "batch normalisation were reset"),
    "global switch": (global_switch, "left a global switch of torch changed"),
    "masks changed": (cleaned_in_place, "changed the batches of the loader"),
    "argmax over the batch": (deciding(lambda logits: logits.argmax(dim=0)), "the argmax runs over the wrong axis"),
    "argmax over the rows": (deciding(lambda logits: logits.argmax(dim=2)), "the argmax runs over the wrong axis"),
    "argmax over the columns": (deciding(lambda logits: logits.argmax(dim=-1)), "the argmax runs over the wrong axis"),
    "argmin": (deciding(lambda logits: logits.argmin(dim=1)), "argmin in place of argmax"),
    "max": (deciding(lambda logits: logits.max(dim=1)[0]), "gives values first"),
    "max and place": (deciding(lambda logits: logits.max(dim=1)), "gives values and places"),
    "logits": (deciding(lambda logits: logits), "the argmax runs over the wrong axis"),
    "threshold": (deciding(lambda logits: (logits[:, 1] > 0).long()), "a threshold is no decision"),
    "sigmoid above a half": (deciding(lambda logits: (logits.sigmoid() > 0.5).long().argmax(1)), "a threshold is no"),
    "softmax above a half": (deciding(lambda logits: (logits.softmax(1) > 0.5).long().argmax(1)), "a threshold is no"),
    "softmax over the batch": (deciding(lambda logits: logits.softmax(0).argmax(1)), "softmax over the batch"),
    "softmax over the rows": (deciding(lambda logits: logits.softmax(2).argmax(1)), "softmax over rows or columns"),
    "the dict": (with_key(lambda output: output), r'its logits are \["out"\]'),
    "aux": (with_key(lambda output: output["aux"]), r'in eval mode the model has no "aux"'),
    "aux where there is one": (with_key(lambda output: output.get("aux", output["out"])), "the auxiliary head"),
    "first entry": (with_key(lambda output: next(iter(output.values()))), "the auxiliary head"),
    "last entry": (with_key(lambda output: list(output.values())[-1]), "the auxiliary head"),
    "counts in uint8": (counted_in_uint8, "differs from the expected one"),
    "last batch": (last_batch, "only the last batch"),
    "first batch": (first_batch, "only the first batch"),
    "single images skipped": (over(over_single_images_not), "batches of a single image were skipped|last, smaller"),
    "smaller batch dropped": (over(dropping_smaller), "the last, smaller batch is missing"),
    "first image of each batch": (
        counting(lambda logits, masks, *rest: confusion_matrix(logits[:1].argmax(1), masks[:1], *rest)),
        "only the first image of each batch",
    ),
    "a look before": (over(after_a_look), "more than once|the first batch is missing"),
    "counted before": (over(counted_twice), "more than once|the loader was used up"),
    "len": (by_length, "a loader has no length"),
    "by index": (by_index, "nothing else is promised"),
    "device of a parameter": (on_a_device, "a model may have no parameters"),
    "ignore_index not passed on": (counting(default_ignore), "ignore_index was not passed on"),
    "void as class 0": (counting(void_as_class_0), "ignored pixels were counted as class 0"),
    "exchanged": (
        counting(lambda logits, masks, *settings: confusion_matrix(masks, logits.argmax(1), *settings)),
        "rows and columns are exchanged|prediction and target are exchanged",
    ),
    "transposed": (finishing(lambda matrix, batches: matrix.T.contiguous()), "rows and columns are exchanged"),
    "float zeros": (of_float_zeros, "a matrix of counts is int64"),
    "int32": (finishing(lambda matrix, batches: matrix.int()), "expected int64, got int32"),
    "mean of the matrices": (finishing(lambda matrix, batches: matrix / batches), "the mean over the batches"),
    "shares": (finishing(lambda matrix, batches: matrix / matrix.sum()), "divided by its sum"),
    "shares of rows": (finishing(lambda matrix, batches: matrix / matrix.sum(1, keepdim=True)), "its rows' sums"),
    "mean IoU": (finishing(lambda matrix, batches: metrics.mean_iou(matrix)), "the mean IoU was returned"),
    "mean IoU of batches": (mean_of_batches, "mean of the batches' mean IoUs"),
    "accuracy": (finishing(lambda matrix, batches: metrics.pixel_accuracy(matrix)), "the pixel accuracy was returned"),
    "IoU as a number": (finishing(lambda matrix, batches: metrics.mean_iou(matrix).item()), "one number|Python number"),
    "numpy": (finishing(lambda matrix, batches: matrix.numpy()), "a numpy array where a tensor"),
    "a list": (finishing(lambda matrix, batches: matrix.tolist()), "a list where a tensor"),
    "the counter": (the_counter, r"its `\.compute\(\)` is the matrix"),
    "no return": (finishing(lambda matrix, batches: None), "without `return`"),
    "images divided": (
        lambda model, loader, *settings, **ignore: right(model, ((x / 255, y) for x, y in loader), *settings, **ignore),
        "divided by 255",
    ),
    "the course's": (training.evaluate, r"hands the task over to segutils\.training"),
    "the course's matrix": (
        lambda *arguments, **ignore: training.evaluate(*arguments, **ignore).compute(),
        r"hands the task over to segutils\.training",
    ),
}


def finally_restored(model, loader, num_classes, ignore_index=255):
    before = {name: module.training for name, module in model.named_modules()}
    model.train(False)
    try:
        with torch.inference_mode():
            counter = ConfusionMatrix(num_classes, ignore_index)
            for batch in loader:
                counter.update(torch.max(model(batch[0])["out"], 1).indices, batch[1])
    finally:
        for name, module in model.named_modules():
            module.training = before[name]
    return counter.compute()


@torch.no_grad()
def on_a_copy(model, loader, num_classes, ignore_index=255):
    twin = copy.deepcopy(model).eval()
    pairs = ((twin(images)["out"].softmax(1).argmax(1), masks) for images, masks in loader)
    return sum(confusion_matrix(prediction, masks, num_classes, ignore_index) for prediction, masks in pairs)


def collected(model, loader, num_classes, ignore_index=255):
    training_modules = {module for module in model.modules() if module.training}
    model.eval()
    predictions, targets = [], []
    for images, masks in loader:
        with torch.no_grad():
            predictions.append(model(images)["out"].argmax(1).flatten())
        targets.append(masks.flatten())
    for module in model.modules():
        module.training = module in training_modules
    return confusion_matrix(torch.cat(predictions), torch.cat(targets), num_classes, ignore_index)


def in_numpy(model, loader, num_classes, ignore_index=255):
    modes = modes_of(model)
    model.eval()
    matrix = np.zeros((num_classes, num_classes), dtype=np.int64)
    for images, masks in loader:
        with torch.no_grad():
            prediction = model(images)["out"].numpy().argmax(axis=1)
        target = masks.numpy()
        labelled = target != ignore_index
        np.add.at(matrix, (target[labelled], prediction[labelled]), 1)
    restore(modes)
    return torch.from_numpy(matrix)


def image_by_image(model, loader, num_classes, ignore_index=255):
    training_flags = [module.training for module in model.modules()]
    for module in model.modules():
        module.training = False
    counts = torch.zeros(num_classes**2, dtype=torch.long)
    with torch.set_grad_enabled(False):
        for images, masks in list(loader):
            for image, mask in zip(images, masks, strict=True):
                _, prediction = model(image.unsqueeze(0))["out"][0].max(dim=0)
                keep = mask.ne(ignore_index)
                counts += torch.bincount(mask[keep] * num_classes + prediction[keep], minlength=num_classes**2)
    for module, flag in zip(model.modules(), training_flags, strict=True):
        module.training = flag
    return counts.view(num_classes, num_classes)


def on_its_device(model, loader, num_classes, ignore_index=255):
    parameter = next(model.parameters(), None)
    device = "cpu" if parameter is None else parameter.device
    return right(model, ((x.to(device), y.to(device)) for x, y in loader), num_classes, ignore_index)


RIGHT = {
    "modes in a list": around(),
    "train(was_training)": around(after=lambda model, modes: model.train(modes[0][1])),
    "train if it trained": around(after=train_again_if_it_trained),
    "train(mode) from the first module on": around(
        after=lambda model, modes: [module.train(mode) for module, mode in modes]
    ),
    "try and finally": finally_restored,
    "on a copy": on_a_copy,
    "all predictions collected": collected,
    "numpy": in_numpy,
    "image by image": image_by_image,
    "on the model's device": on_its_device,
}
