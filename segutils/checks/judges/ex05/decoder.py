"""The judge of DeepLabV3PlusDecoder.forward."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segutils.checks.base import Answers, Case
from segutils.checks.ex05 import DECODER_TASK
from segutils.checks.judges.base import Fault, Judge, UsualErrors, shape_of
from segutils.checks.judges.modules import conv_bn_relu, find_module_fault
from segutils.checks.modules import input_tensors, load_drawn_weights

NEAREST = "high_level was resized by mode='nearest' (F.interpolate's default); bilinearly is asked."
CORNERS = "high_level was resized with align_corners=True; the course resizes with align_corners=False."
ORDER = "reduce(low_level) was concatenated first; the resized high_level comes first."
DOWN = "the low-level map was resized to high_level's size; it is high_level that is resized."
FACTOR = "a scale_factor misses sizes whose ratio is another or no whole number; give low_level's size."
FRACTION = "a scale_factor that is a fraction may miss low_level's size by one position; give that size."
CUT = "high_level was enlarged by a scale_factor and {} low_level's size; give that size instead."
NOT_RESIZED = "high_level was not resized: torch.cat needs maps of one height and width."
NOT_REDUCED = "self.reduce is missing: low_level has to go through it."
NOT_REFINED = "self.refine is missing: the joined maps go through it before the classifier."
NOT_CLASSIFIED = "self.classifier is missing: the refined map was returned."
REFINED_COARSE = "the maps were joined and refined at high_level's size and enlarged afterwards; resize first."
TWO_MAPS = "{}; self.refine looks at both maps, joined."
ADDED = "the maps were added up; they have to be concatenated along dim=1."
SQUARE = "high_level was resized to a square; low_level has a height and a width."
LOGITS = "the output went through {}; logits are scores as the classifier gives them."
ENLARGED = "the logits were enlarged; they are returned at low_level's size."
RELU_FIRST = "{} went through a ReLU first; it goes in as it is."
IMAGES = "the first image's high_level was used for the whole batch."


class ReferenceDecoder(nn.Module):
    """The course's decoder (segutils.models.deeplab) without the seconds that importing torchvision takes.

    A test holds it to segutils' and segmentation-models-pytorch's decoder, with ported weights.
    """

    def __init__(self, low_level_channels: int, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.reduce = conv_bn_relu(low_level_channels, 48)
        self.refine = nn.Sequential(
            conv_bn_relu(in_channels + 48, in_channels, 3), conv_bn_relu(in_channels, in_channels, 3)
        )
        self.classifier = nn.Conv2d(in_channels, num_classes, kernel_size=1)

    def forward(self, low_level: Tensor, high_level: Tensor) -> Tensor:
        return self.decode([resize(high_level, low_level), self.reduce(low_level)])

    def decode(self, parts: list[Tensor], dim: int = 1) -> Tensor:
        return self.classifier(self.refine(torch.cat(parts, dim=dim)))


def resize(x: Tensor, like: Tensor, **options: object) -> Tensor:
    return F.interpolate(x, **{"size": like.shape[-2:], "mode": "bilinear", "align_corners": False, **options})


def reference(case: Case) -> tuple[ReferenceDecoder, Tensor, Tensor]:
    """Our decoder with the very weights that the student's was given, and its inputs."""
    low, high = input_tensors(case, ["low_level", "high_level"]).values()
    decoder = ReferenceDecoder(low.shape[1], int(case["num_classes"]), high.shape[1]).to(low.dtype)
    load_drawn_weights(DECODER_TASK.ordered_state(decoder), int(case["weights_seed"]))
    return decoder.eval(), low, high


def find_decoder_fault(case: Case, answers: Answers) -> Fault | None:
    decoder, low, high = reference(case)
    if answers.get("kind") == "dict":
        wanted = (len(low), int(case["num_classes"]), *low.shape[-2:])
        cause = "the dictionary with 'out' is the whole network's result; the decoder returns the logits themselves."
        return Fault("returned a dict", f"expected a tensor of shape {wanted}, got a dict", cause)
    inputs, seed = {"low_level": low, "high_level": high}, int(case["weights_seed"])
    return find_module_fault(DECODER_TASK, "ex05.decoder_forward", decoder, inputs, seed, answers)


def usual_decoder_errors(case: Case) -> UsualErrors:
    """Every error is made with the drawn weights; one that raises reproduces the exception's text."""
    decoder, low, high = reference(case)
    return [
        *usual_resize_errors(decoder, low, high),
        *usual_join_errors(decoder, low, high),
        *usual_part_errors(decoder, low, high),
        *usual_place_errors(decoder, low, high),
        *usual_other_errors(decoder, low, high),
    ]


def usual_resize_errors(decoder: ReferenceDecoder, low: Tensor, high: Tensor) -> UsualErrors:
    """How high_level is brought to the size of low_level."""
    height, width = low.shape[-2:]

    def joined(rich: Tensor) -> Tensor:
        return decoder.decode([rich, decoder.reduce(low)])

    def resized(**options: object) -> Tensor:
        return joined(resize(high, low, **options))

    def by_factor(factor: object, **options: object) -> Tensor:
        options = {"mode": "bilinear", "align_corners": False, **options}
        return joined(F.interpolate(high, scale_factor=factor, **options))

    def tiled() -> Tensor:
        return joined(high.repeat(1, 1, -(-height // high.shape[2]), -(-width // high.shape[3]))[..., :height, :width])

    def enlarged() -> Tensor:
        return F.interpolate(high, scale_factor=4, mode="bilinear")

    def filled_up() -> Tensor:
        rich = enlarged()
        return joined(F.pad(rich, (0, width - rich.shape[3], 0, height - rich.shape[2])))

    ratios = (height / high.shape[2], width / high.shape[3])
    whole = (height // high.shape[2], width // high.shape[3])
    return [
        (NEAREST, lambda: resized(mode="nearest", align_corners=None)),
        (CORNERS, lambda: resized(align_corners=True)),
        (NOT_RESIZED, lambda: joined(high)),
        ("align_corners goes with mode='bilinear', and the mode is missing.", lambda: resized(mode="nearest")),
        (
            "mode='nearest-exact' was used; bilinearly is asked.",
            lambda: resized(mode="nearest-exact", align_corners=None),
        ),
        ("mode='bicubic' was used; bilinearly is asked.", lambda: resized(mode="bicubic")),
        ("mode='area' was used; bilinearly is asked.", lambda: resized(mode="area", align_corners=None)),
        ("the resize is antialiased; plain bilinear is asked.", lambda: resized(antialias=True)),
        (FACTOR, partial(by_factor, 4)),
        (FACTOR, partial(by_factor, 4, align_corners=True)),
        (FACTOR, partial(by_factor, 4, mode="nearest", align_corners=None)),
        (FACTOR, partial(by_factor, whole)),
        (FACTOR, partial(by_factor, whole[0])),
        (FACTOR, partial(by_factor, whole[1])),
        ("one scale_factor for both axes; they may differ.", partial(by_factor, ratios[0])),
        ("one scale_factor for both axes; they may differ.", partial(by_factor, ratios[1])),
        (FRACTION, partial(by_factor, ratios)),
        (CUT.format("cut to"), lambda: joined(enlarged()[..., :height, :width])),
        (CUT.format("padded to"), filled_up),
        ("height and width are exchanged where high_level is resized.", lambda: resized(size=(width, height))),
        (SQUARE, lambda: resized(size=height)),
        (SQUARE, lambda: resized(size=width)),
        (
            "size takes height and width alone, .shape[-2:], not all of low_level.shape.",
            lambda: resized(size=low.shape),
        ),
        (
            "size takes height and width, .shape[-2:]; .shape[1:] has the channels, too.",
            lambda: resized(size=low.shape[1:]),
        ),
        (
            "size takes height and width, .shape[-2:]; .shape[:2] has batch and channels.",
            lambda: resized(size=low.shape[:2]),
        ),
        ("high_level was resized to its own size; low_level's is asked.", lambda: resized(size=high.shape[-2:])),
        ("high_level was repeated like tiles; each of its values has to be spread over its own part.", tiled),
        (
            "high_level was padded with zeros to low_level's size, not resized.",
            lambda: joined(F.pad(high, (0, width - high.shape[3], 0, height - high.shape[2]))),
        ),
        (
            "high_level was replaced by its average over the map; its places matter.",
            lambda: joined(high.mean(dim=(2, 3), keepdim=True).expand(-1, -1, height, width)),
        ),
        (
            "low_level was cut to the size of high_level; it is high_level that is resized.",
            lambda: cut(decoder, low, high),
        ),
    ]


def cut(decoder: ReferenceDecoder, low: Tensor, high: Tensor) -> Tensor:
    return decoder.decode([high, decoder.reduce(low)[..., : high.shape[2], : high.shape[3]]])


def usual_join_errors(decoder: ReferenceDecoder, low: Tensor, high: Tensor) -> UsualErrors:
    """How the two maps are put together."""
    rich, few = resize(high, low), decoder.reduce(low)

    def finish(joined: Callable[[], Tensor]) -> Tensor:
        return decoder.classifier(decoder.refine(joined()))

    return [
        (ORDER, lambda: decoder.decode([few, rich])),
        (ADDED, lambda: finish(lambda: rich + few)),
        (ADDED, lambda: finish(lambda: few + rich)),
        (
            "the maps were concatenated along the batch (dim=0, torch.cat's default); channels are dim=1.",
            lambda: decoder.decode([rich, few], 0),
        ),
        (
            "the maps were concatenated along the batch (dim=0, torch.cat's default); channels are dim=1.",
            lambda: decoder.decode([few, rich], 0),
        ),
        (
            "the maps were concatenated along the rows (dim=2); channels are dim=1.",
            lambda: decoder.decode([rich, few], 2),
        ),
        (
            "the maps were concatenated along the columns (dim=3); channels are dim=1.",
            lambda: decoder.decode([rich, few], 3),
        ),
        (
            "torch.stack makes a new axis; torch.cat(..., dim=1) joins the channels.",
            lambda: finish(lambda: torch.stack([rich, few], 1)),
        ),
        (
            "torch.stack makes a new axis; torch.cat(..., dim=1) joins the channels.",
            lambda: finish(lambda: torch.stack([rich, few])),
        ),
        (
            "torch.cat takes the two maps as one list: torch.cat([a, b], dim=1).",
            lambda: finish(lambda: torch.cat(rich, few, dim=1)),
        ),
        ("self.refine got a list; concatenate the maps first.", lambda: finish(lambda: [rich, few])),
        (
            "self.refine takes one map: concatenate the two first.",
            lambda: decoder.classifier(decoder.refine(rich, few)),
        ),
        ("low_level was concatenated as well; only its reduced form is.", lambda: decoder.decode([rich, few, low])),
        (IMAGES, lambda: decoder.decode([rich[:1].expand_as(rich), few])),
        (
            "high_level was averaged over the batch; each image has its own.",
            lambda: decoder.decode([rich.mean(0, keepdim=True).expand_as(rich), few]),
        ),
    ]


def usual_part_errors(decoder: ReferenceDecoder, low: Tensor, high: Tensor) -> UsualErrors:
    """Which of the parts are used, and what goes into them."""
    rich, few = resize(high, low), decoder.reduce(low)
    refine, classifier = decoder.refine, decoder.classifier
    joined = torch.cat([rich, few], dim=1)

    return [
        (NOT_REDUCED, lambda: decoder.decode([rich, low])),
        (NOT_REDUCED, lambda: decoder.decode([low, rich])),
        (NOT_REFINED, lambda: classifier(joined)),
        (NOT_CLASSIFIED, lambda: refine(joined)),
        ("self.refine and self.classifier are missing: the joined maps were returned.", lambda: joined),
        (
            "self.reduce was applied to high_level; low_level goes through it.",
            lambda: decoder.decode([decoder.reduce(rich), low]),
        ),
        (
            "self.reduce was applied to high_level; low_level goes through it.",
            lambda: decoder.decode([low, decoder.reduce(rich)]),
        ),
        (
            "self.reduce was applied to high_level; low_level goes through it.",
            lambda: decoder.decode([resize(decoder.reduce(high), low), low]),
        ),
        (
            "self.reduce was applied to high_level; low_level goes through it.",
            lambda: decoder.decode([low, resize(decoder.reduce(high), low)]),
        ),
        (
            "self.reduce was applied to high_level, too; only low_level goes through it.",
            lambda: decoder.decode([decoder.reduce(rich), few]),
        ),
        (
            "self.reduce was applied to high_level, too; only low_level goes through it.",
            lambda: decoder.decode([resize(decoder.reduce(high), low), few]),
        ),
        ("self.reduce was applied twice.", lambda: decoder.decode([rich, decoder.reduce(few)])),
        (
            "self.reduce was applied to the joined maps; low_level alone goes through it.",
            lambda: decoder.reduce(torch.cat([rich, low], 1)),
        ),
        (
            "self.reduce's convolution alone was used; batch normalisation and ReLU belong to it.",
            lambda: decoder.decode([rich, decoder.reduce[0](low)]),
        ),
        ("self.reduce's ReLU was left out.", lambda: decoder.decode([rich, decoder.reduce[:2](low)])),
        ("only the first convolution of self.refine was used.", lambda: classifier(refine[0](joined))),
        ("only the second convolution of self.refine was used.", lambda: classifier(refine[1](joined))),
        ("self.refine was applied twice.", lambda: classifier(refine(refine(joined)))),
        (TWO_MAPS.format("self.refine was applied to high_level alone"), lambda: classifier(refine(rich))),
        (TWO_MAPS.format("self.refine was applied to high_level alone"), lambda: decoder.decode([refine(rich), few])),
        (TWO_MAPS.format("self.refine was applied to high_level alone"), lambda: decoder.decode([refine(high), few])),
        (TWO_MAPS.format("self.refine was applied to high_level alone"), lambda: torch.cat([refine(rich), few], dim=1)),
        (TWO_MAPS.format("self.refine was applied to high_level alone"), lambda: refine(high)),
        (TWO_MAPS.format("self.refine was applied to low_level alone"), lambda: refine(few)),
        ("high_level alone was classified; self.refine looks at both maps, joined.", lambda: classifier(rich)),
        (
            "high_level alone was classified; self.refine looks at both maps, joined.",
            lambda: resize(classifier(high), low),
        ),
        (
            "the refined high-level features were added once more; the decoder has no such connection.",
            lambda: classifier(refine(joined) + rich),
        ),
        ("zeros stand where reduce(low_level) belongs.", lambda: decoder.decode([rich, torch.zeros_like(few)])),
        ("zeros stand where high_level belongs.", lambda: decoder.decode([torch.zeros_like(rich), few])),
    ]


def usual_place_errors(decoder: ReferenceDecoder, low: Tensor, high: Tensor) -> UsualErrors:
    """At what size things happen, and which map is which."""
    rich, few = resize(high, low), decoder.reduce(low)
    reduce = decoder.reduce

    def logits() -> Tensor:
        return decoder(low, high)

    return [
        (DOWN, lambda: decoder.decode([high, resize(reduce(low), high)])),
        (DOWN, lambda: decoder.decode([high, reduce(resize(low, high))])),
        (DOWN, lambda: decoder.decode([resize(reduce(low), high), high])),
        (DOWN, lambda: decoder.decode([high, F.adaptive_avg_pool2d(reduce(low), high.shape[-2:])])),
        (REFINED_COARSE, lambda: resize(decoder.decode([high, resize(reduce(low), high)]), low)),
        (REFINED_COARSE, lambda: resize(decoder.decode([high, reduce(resize(low, high))]), low)),
        ("low_level and high_level are exchanged; forward gets low_level first.", lambda: decoder(high, low)),
        ("both maps were resized to high_level's size.", lambda: decoder.decode([high, resize(few, high)])),
        (
            "the resized high_level is not used: what F.interpolate returns has to be kept.",
            lambda: decoder.decode([high, few]),
        ),
        (ENLARGED, lambda: F.interpolate(logits(), scale_factor=4, mode="bilinear", align_corners=False)),
        (ENLARGED, lambda: F.interpolate(logits(), scale_factor=4, mode="bilinear", align_corners=True)),
        (ENLARGED, lambda: F.interpolate(logits(), scale_factor=4)),
        (
            "the logits were made as small as high_level; they are returned at low_level's size.",
            lambda: resize(logits(), high),
        ),
        (
            ENLARGED,
            lambda: decoder.classifier(
                F.interpolate(decoder.refine(torch.cat([rich, few], 1)), scale_factor=4, mode="bilinear")
            ),
        ),
    ]


def usual_other_errors(decoder: ReferenceDecoder, low: Tensor, high: Tensor) -> UsualErrors:
    rich, few = resize(high, low), decoder.reduce(low)

    def logits() -> Tensor:
        return decoder(low, high)

    def trained() -> Tensor:
        decoder.train()
        try:
            return decoder(low, high)
        finally:
            decoder.eval()

    return [
        (LOGITS.format("a softmax"), lambda: logits().softmax(dim=1)),
        (LOGITS.format("a log-softmax"), lambda: logits().log_softmax(dim=1)),
        (LOGITS.format("a sigmoid"), lambda: logits().sigmoid()),
        (LOGITS.format("a ReLU"), lambda: logits().relu()),
        (LOGITS.format("argmax"), lambda: logits().argmax(dim=1)),
        (LOGITS.format("argmax"), lambda: logits().argmax(dim=1, keepdim=True)),
        (RELU_FIRST.format("high_level"), lambda: decoder.decode([rich.relu(), few])),
        (RELU_FIRST.format("high_level"), lambda: decoder.decode([resize(high.relu(), low), few])),
        (RELU_FIRST.format("low_level"), lambda: decoder(low.relu(), high)),
        ("the output was averaged over the map.", lambda: logits().mean(dim=(2, 3))),
        ("the mode was switched to train inside forward.", trained),
        ("the maps are turned into float32; any floating dtype must work.", lambda: decoder(low.float(), high.float())),
        ("high_level is turned into float32; any floating dtype must work.", lambda: decoder(low, high.float())),
        (
            "the joined map is made in float32, as by torch.zeros without a dtype; any floating dtype must work.",
            lambda: decoder.refine(torch.cat([rich, few], dim=1).float()),
        ),
    ]


decoder_forward = Judge(
    called=lambda case: (
        f"DeepLabV3PlusDecoder({case['low_level'].shape[1]}, {case['num_classes']}, {case['high_level'].shape[1]})"
        f" on low_level {shape_of(case['low_level'])}, high_level {shape_of(case['high_level'])}"
    ),
    find_fault=find_decoder_fault,
    usual_errors=usual_decoder_errors,
)
