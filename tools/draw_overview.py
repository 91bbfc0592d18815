"""Draw the picture at the top of the README: `python tools/draw_overview.py` (needs the shipped checkpoint)."""

import torch

from segutils import models, plotting
from segutils.palettes import CAMVID
from segutils.paths import COURSE_ROOT, checkpoint_path
from segutils.toyscapes import ToyScapes
from segutils.training import load_weights, seed_everything
from segutils.transforms import denormalize, eval_transform

STREET, FRAME = 1002, 12  # a street that training never saw


def main() -> None:
    seed_everything()
    model = models.create("deeplabv3plus_tiny", ToyScapes.num_classes).eval()
    load_weights(model, checkpoint_path("toyscapes_deeplabv3plus"))
    image, mask = ToyScapes(FRAME + 1, seed=STREET, transform=eval_transform())[FRAME]
    with torch.no_grad():
        prediction = model(image[None])["out"].argmax(dim=1)[0]
    pictures = [
        denormalize(image),
        CAMVID.colorize(mask.numpy()),
        CAMVID.colorize(prediction.numpy()),
        plotting.error_map(prediction, mask),
    ]
    titles = ["image", "labels", "prediction", "errors (orange)"]
    figure = plotting.show_images(pictures, titles, columns=4, width=12)
    plotting.add_legend(figure, CAMVID, plotting.classes_in(mask), columns=7)
    target = COURSE_ROOT / "docs/images/overview.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={"Software": None})
    print(target.relative_to(COURSE_ROOT))


if __name__ == "__main__":
    main()
