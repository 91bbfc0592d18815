"""Toy scenes as files, in the layout of CamSeq01."""

import os
import tempfile
from pathlib import Path

from PIL import Image, PngImagePlugin

from segutils.errors import CourseError
from segutils.palettes import CAMVID
from segutils.toyscapes.render import render
from segutils.toyscapes.scene import build_street, check_settings, frame_name

VERSION = 1  # of the scenes: raise it when a seed's pixels change, so that folders of the old ones are not kept
_KEY = "toyscapes"  # every picture carries its settings in a PNG text field


def generate(
    folder: str | os.PathLike, num_frames: int = 101, size: tuple[int, int] = (240, 180), seed: int = 0
) -> Path:
    """Write a toy street as `NAME.png`, `NAME_L.png` and `label_colors.txt` into `folder`, and return the folder.

    size is (width, height) in pixels. A folder that already holds exactly these frames is kept as it is.
    Raises CourseError for settings that cannot be drawn, and for a folder that holds anything else: nothing of
    somebody else's is ever overwritten. Interrupted, it leaves no folder behind.
    """
    check_settings(num_frames, size, seed)
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise CourseError(f"{folder}: is a file; name a folder for the toy scenes")
    names = [frame_name(seed, frame) for frame in range(num_frames)]
    settings = f"version={VERSION} seed={seed} width={size[0]} height={size[1]}"
    if folder.is_dir() and any(folder.iterdir()):
        _check_complete(folder, names, settings)
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent) as temporary:
            drawn = Path(temporary) / "scenes"
            drawn.mkdir()
            _write_frames(drawn, names, size, seed, settings)
            _write_label_colors(drawn)
            os.replace(drawn, folder)  # replaces an empty folder, and nothing else
    except OSError as error:
        raise CourseError(
            f"{folder}: the toy scenes cannot be written there ({error}): choose another folder"
        ) from error
    return folder


def _write_frames(folder: Path, names: list[str], size: tuple[int, int], seed: int, settings: str) -> None:
    street = build_street(seed, len(names))
    info = PngImagePlugin.PngInfo()
    info.add_text(_KEY, settings)
    for frame, name in enumerate(names):
        image, mask = render(street, frame, size)
        Image.fromarray(image).save(folder / f"{name}.png", compress_level=1, pnginfo=info)
        Image.fromarray(CAMVID.colorize(mask)).save(folder / f"{name}_L.png", compress_level=1, pnginfo=info)


def _write_label_colors(folder: Path) -> None:
    lines = [f"{r} {g} {b}\t{name}\n" for (r, g, b), name in zip(CAMVID.colors.tolist(), CAMVID.names, strict=True)]
    (folder / "label_colors.txt").write_text("".join(lines), encoding="utf-8", newline="\n")


def _check_complete(folder: Path, names: list[str], settings: str) -> None:
    """Raise CourseError unless the folder holds these frames with these settings and nothing else."""
    expected = {"label_colors.txt"} | {f"{name}{ending}" for name in names for ending in (".png", "_L.png")}
    found = {path.name for path in folder.iterdir()}
    if found != expected:
        odd = [f"holds {name}" for name in sorted(found - expected)] + [f"lacks {n}" for n in sorted(expected - found)]
        raise CourseError(
            f"{folder}: is not empty and not these toy scenes (it {odd[0]}{', ...' if len(odd) > 1 else ''}): "
            "choose another folder, or empty this one yourself"
        )
    for name in sorted(expected - {"label_colors.txt"}):
        try:
            with Image.open(folder / name) as image:
                same = image.info.get(_KEY) == settings
                image.verify()
        except (OSError, SyntaxError) as error:
            raise CourseError(f"{folder / name}: is damaged ({error}): delete the folder and draw it again") from error
        if not same:
            raise CourseError(f"{folder}: holds toy scenes of other settings ({name}): choose another folder")
