"""CamSeq01: 101 frames of a drive through Cambridge with a class for every pixel, and data of the same layout.

J. Fauqueur, G. Brostow, R. Cipolla, "Assisted Video Object Labeling By Joint Tracking of Regions and Keypoints",
ICCV Workshop on Interactive Computer Vision 2007. For research and teaching; cite the paper where you use it.

A source is a folder or a zip with `NAME.png`, `NAME_L.png` and `label_colors.txt`, flat or nested, whatever else lies
beside them. Frames are found by their names, and their names in order are their order in time.
"""

import os
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from segutils import palettes
from segutils.errors import CourseError
from segutils.palettes import IGNORE_INDEX, Palette
from segutils.paths import data_folder

OFFICIAL_URL = "http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamSeq01/CamSeq01.zip"
MIRROR_URL = (
    "https://github.com/pvateekul/2110531_DSDE_2023s1/raw/main/code/Week05_Intro_Deep_Learning/data/Camseq_2007.zip"
)
MIRROR_SHA256 = "04924a649c8c6d786118bbe34fadb4f701346ab7a9cb8a7513a66b1e6c99030b"
NUM_FRAMES = 101
COLORS_FILE = "label_colors.txt"
LABEL_ENDING = "_L.png"


class CamSeqDataset(Dataset):
    """Frames and masks of CamSeq01, or of any folder or zip in its layout, in time order.

    An item is (image, mask): uint8 (3, H, W) and int64 (H, W), or what `transform(image, mask)` makes of them. Classes
    are the lines of label_colors.txt, counted from 0 and Void among them; pixels of Void become 255 in masks.

    Attributes: `names` of the frames, `class_names`, `num_classes`, `palette`.
    Raises CourseError, naming the file, for a source that is missing, damaged or no such data; for a damaged picture,
    sizes that differ and colours that label_colors.txt does not know, when the item is read.
    """

    def __init__(self, source: str | os.PathLike, transform: Callable[[Tensor, Tensor], tuple] | None = None) -> None:
        self.transform = transform
        self._files = _open_source(source)
        frames, self.palette = _find_frames(self._files)
        self.names = [name for name, _, _ in frames]
        self._frames = frames
        self._void = next((i for i, name in enumerate(self.palette.names) if name.lower() == "void"), IGNORE_INDEX)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.palette.names

    @property
    def num_classes(self) -> int:
        return len(self.palette)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, mask = self._read(index)  # (H, W, 3) and (H, W) uint8
        mask[mask == self._void] = IGNORE_INDEX
        image = torch.from_numpy(image).permute(2, 0, 1).contiguous()  # (3, H, W)
        mask = torch.from_numpy(mask).long()  # (H, W)
        return (image, mask) if self.transform is None else self.transform(image, mask)

    def __repr__(self) -> str:
        return f"CamSeqDataset of {len(self)} frames, {self.num_classes} classes, from {self._files.source}"

    def _read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        _, image_path, label_path = self._frames[index]
        image, label = self._files.picture(image_path), self._files.picture(label_path)
        if image.shape != label.shape:
            raise CourseError(
                f"{self._files.place(label_path)}: is {label.shape[1]}x{label.shape[0]} pixels, its frame "
                f"{image.shape[1]}x{image.shape[0]}: take both from the same copy of the data"
            )
        mask = self.palette.encode(label)
        unknown = mask == IGNORE_INDEX
        if unknown.any():
            color = tuple(label[unknown][0].tolist())
            raise CourseError(
                f"{self._files.place(label_path)}: {int(unknown.sum())} pixels, the first {color}, have colours that "
                f"{COLORS_FILE} does not know: take the label and the table from the same copy of the data, unchanged "
                "(a label saved as JPEG or resized bilinearly has such colours)"
            )
        return image, mask


def sequential_split(n: int, fractions: Sequence[float] = (0.70, 0.15, 0.15)) -> tuple[range, range, range]:
    """Split n frames in time order into a training, a validation and a test part: 101 -> 70, 15 and 16 frames.

    The first part has int(n * fractions[0]) frames, the second int(n * fractions[1]), the third the rest.
    Neighbouring frames of a video are nearly the same: a random split would test on what it has trained on.
    Raises CourseError where the fractions are not three shares that add up to 1, or n is no count.
    """
    if not isinstance(n, int) or n < 0:
        raise CourseError(f"sequential_split: n is a number of frames, not {n!r}")
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise CourseError(f"sequential_split: fractions are three shares that add up to 1, not {tuple(fractions)}")
    # As decimal fractions: 0.70 means seven tenths exactly, so 90 frames have 63 in the first part and not 62.
    first, second = (int(n * Fraction(str(share))) for share in fractions[:2])
    return range(first), range(first, first + second), range(first + second, n)


def find() -> Path | None:
    """Where CamSeq01 is on this machine: `SEGUTILS_CAMSEQ` (a folder or a zip), else data/camseq, else None.

    Set but empty, `SEGUTILS_CAMSEQ` means None: the stored outputs of the lectures must not show these frames.
    Raises CourseError where it names something that is not there.
    """
    named = os.environ.get("SEGUTILS_CAMSEQ")
    if named == "":
        return None
    if named is not None:
        if not Path(named).exists():
            raise CourseError(f"SEGUTILS_CAMSEQ: {named} does not exist: correct or unset the variable")
        return Path(named)
    folder = data_folder() / "camseq"
    return folder if (folder / COLORS_FILE).is_file() else None


def verify(source: str | os.PathLike, num_frames: int | None = None) -> CamSeqDataset:
    """Read all of a copy of CamSeq01 once: number of frames, labels, equal sizes, known colours; return its data set.

    `num_frames` is 101 unless given: a shorter sequence of the same layout can be verified too.
    Raises CourseError that names the first file at fault.
    """
    num_frames = NUM_FRAMES if num_frames is None else num_frames
    dataset = CamSeqDataset(source)
    if len(dataset) != num_frames:
        raise CourseError(
            f"{source}: holds {len(dataset)} frames with labels, CamSeq01 has {num_frames}: the copy is not complete, "
            "download it again"
        )
    sizes = {}
    for index, name in enumerate(dataset.names):
        _, mask = dataset._read(index)
        sizes.setdefault(mask.shape, name)
    if len(sizes) > 1:
        (_, one), (_, other) = list(sizes.items())[:2]
        raise CourseError(f"{source}: {one}.png and {other}.png have different sizes: the copy is a mixture of two")
    return dataset


def import_archive(source: str | os.PathLike, folder: str | os.PathLike | None = None) -> Path:
    """Copy CamSeq01 out of a zip or folder, verified, into `folder` (data/camseq unless given), and return it.

    The folder appears whole or not at all. One that already holds CamSeq01 is kept.
    Raises CourseError where the source is not a complete copy, or the folder holds something else.
    """
    folder = Path(folder) if folder is not None else data_folder() / "camseq"
    if _is_taken(folder):
        return folder
    dataset = verify(source)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent) as temporary:
            unpacked = Path(temporary) / "camseq"
            unpacked.mkdir()
            # Only the files of the frames, each under its own plain name: a path inside an archive leads nowhere.
            for name, image_path, label_path in dataset._frames:
                (unpacked / f"{name}.png").write_bytes(dataset._files.read(image_path))
                (unpacked / f"{name}{LABEL_ENDING}").write_bytes(dataset._files.read(label_path))
            lines = zip(dataset.palette.colors.tolist(), dataset.class_names, strict=True)
            table = "".join(f"{r} {g} {b}\t{name}\n" for (r, g, b), name in lines)
            (unpacked / COLORS_FILE).write_text(table, encoding="utf-8", newline="\n")
            os.replace(unpacked, folder)  # replaces an empty folder, and nothing else
    except OSError as error:
        raise CourseError(f"{folder}: cannot be written ({error}): make room or permit writing there") from error
    return folder


def download(
    folder: str | os.PathLike | None = None, url: str = OFFICIAL_URL, sha256: str | None = None, progress: bool = True
) -> Path:
    """Download CamSeq01 (about 90 MB), verify it, and unpack it into `folder` (data/camseq unless given).

    No checksum is published for the official archive, so its contents are checked instead; `MIRROR_URL` has
    `MIRROR_SHA256`. A folder that already holds CamSeq01 is kept, and nothing is downloaded.
    Raises CourseError, leaving nothing behind, where the download fails or brings something else.
    """
    import pooch  # here, because the data sets need no network

    folder = Path(folder) if folder is not None else data_folder() / "camseq"
    if _is_taken(folder):
        return folder
    instead = (
        "try again later; or fetch CamSeq01.zip in another way and run: "
        "python -m segutils data camseq --archive CamSeq01.zip"
    )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent) as temporary:
            archive = Path(temporary) / "CamSeq01.zip"
            try:
                pooch.HTTPDownloader(progressbar=progress, timeout=30)(url, str(archive), None)
            except (OSError, ValueError) as error:  # requests' errors are OSErrors
                raise CourseError(f"{url}: the download failed ({_first_line(error)}): {instead}") from error
            if sha256 is not None and pooch.file_hash(str(archive)) != sha256:
                raise CourseError(f"{url}: the file does not have the checksum {sha256[:12]}...: {instead}")
            try:
                return import_archive(archive, folder)
            except CourseError as error:
                reason = str(error).replace(str(archive), "CamSeq01.zip")
                raise CourseError(f"{url}: brought no complete CamSeq01 ({reason}): {instead}") from error
    except OSError as error:
        raise CourseError(f"{folder.parent}: cannot be written ({error}): make room or permit writing there") from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _is_taken(folder: Path) -> bool:
    """True where the folder holds CamSeq01, False where it is absent or empty, CourseError where it holds else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        verify(folder)
    except CourseError as error:
        raise CourseError(f"{folder}: exists and is not a complete CamSeq01 ({error}): delete or rename it") from error
    return True


class _Folder:
    """The files below a folder, by their paths with slashes."""

    def __init__(self, source: Path) -> None:
        self.source = source

    def paths(self) -> list[str]:
        return [path.relative_to(self.source).as_posix() for path in self.source.rglob("*") if path.is_file()]

    def read(self, path: str) -> bytes:
        try:
            return (self.source / path).read_bytes()
        except OSError as error:
            raise CourseError(f"{self.place(path)}: cannot be read ({error.strerror})") from error

    def place(self, path: str) -> str:
        return str(self.source / path)

    def picture(self, path: str) -> np.ndarray:
        """A picture as (H, W, 3) uint8."""
        try:
            with Image.open(BytesIO(self.read(path))) as image:
                return np.array(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            if isinstance(error, CourseError):
                raise
            raise CourseError(
                f"{self.place(path)}: is no complete picture ({error}): unpack or download the data again"
            ) from error


class _Zip(_Folder):
    """The files in a zip. Every process opens the zip for itself: two cannot share one place in a file."""

    def __init__(self, source: Path) -> None:
        super().__init__(source)
        self._opened: tuple[int, zipfile.ZipFile] | None = None

    def paths(self) -> list[str]:
        return [info.filename for info in self._archive().infolist() if not info.is_dir()]

    def read(self, path: str) -> bytes:
        try:
            return self._archive().read(path)
        except (OSError, zipfile.BadZipFile, EOFError, ValueError, RuntimeError, NotImplementedError) as error:
            if isinstance(error, CourseError):
                raise
            raise CourseError(
                f"{self.place(path)}: cannot be unpacked ({error}): the zip is damaged, download it again"
            ) from error

    def place(self, path: str) -> str:
        return f"{self.source}, {path}"

    def __getstate__(self) -> dict[str, object]:
        return {"source": self.source, "_opened": None}

    def _archive(self) -> zipfile.ZipFile:
        if self._opened is None or self._opened[0] != os.getpid():
            try:
                self._opened = os.getpid(), zipfile.ZipFile(self.source)
            except (OSError, zipfile.BadZipFile) as error:
                raise CourseError(
                    f"{self.source}: is no complete zip ({error}): the download was probably cut short, fetch it again"
                ) from error
        return self._opened[1]


def _open_source(source: str | os.PathLike) -> _Folder:
    source = Path(source)
    if source.is_dir():
        return _Folder(source)
    if source.is_file():
        return _Zip(source)
    raise CourseError(
        f"{source}: does not exist: name CamSeq01's folder or zip (python -m segutils data camseq gets it)"
    )


def _find_frames(files: _Folder) -> tuple[list[tuple[str, str, str]], Palette]:
    """(name, path of the image, path of the label) of every frame in time order, and the palette."""
    paths = [path for path in sorted(files.paths()) if _is_content(path)]
    tables = [path for path in paths if PurePosixPath(path).name.lower() == COLORS_FILE]
    labels = _by_name(files, [path for path in paths if path.lower().endswith(LABEL_ENDING.lower())], len(LABEL_ENDING))
    images = _by_name(files, [p for p in paths if p.lower().endswith(".png") and p not in set(labels.values())], 4)
    if not images and not labels:
        raise CourseError(f"{files.source}: holds no NAME.png with a NAME{LABEL_ENDING}: this is not CamSeq01")
    if not tables:
        raise CourseError(f"{files.source}: holds no {COLORS_FILE}: copy it there from the original archive")
    for name in sorted(images.keys() ^ labels.keys()):
        have, lack = (images, f"{name}{LABEL_ENDING}") if name in images else (labels, f"{name}.png")
        raise CourseError(f"{files.place(have[name])}: {lack} is missing: add it, or remove the one without the other")
    try:
        text = files.read(tables[0]).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CourseError(f"{files.place(tables[0])}: is no text: copy it from the original archive") from error
    palette = palettes.parse(text, files.place(tables[0]))
    return [(name, images[name], labels[name]) for name in sorted(images)], palette


def _is_content(path: str) -> bool:
    """False for what macOS and other systems put beside: __MACOSX/, ._NAME.png, .DS_Store."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    return not any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in parts)


def _by_name(files: _Folder, paths: list[str], ending: int) -> dict[str, str]:
    found = {}
    for path in paths:
        name = PurePosixPath(path.replace("\\", "/")).name[:-ending]
        if name in found:
            raise CourseError(f"{files.place(path)}: {files.place(found[name])} has the same name: keep one copy of it")
        found[name] = path
    return found
