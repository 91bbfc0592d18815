"""How answers leave a kernel that is not to be trusted: npz archives, read with nothing taken on faith."""

import importlib
import io
import math
import os
import zipfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from segutils.checks.base import Answers, Case, Check

MAX_BYTES = 64_000_000  # of an archive
MAX_ENTRIES = 20_000
KINDS = "biufcU"  # what arrays of answers may hold: numbers, truth values, text; no Python objects


class Unreadable(ValueError):
    """The bytes are no archive of answers."""


def find_check(name: str) -> Check:
    """The check called e.g. "ex04.aspp_forward"."""
    exercise, grade_id = name.split(".")
    return getattr(importlib.import_module(f"segutils.checks.{exercise}"), grade_id)


def write_answers(namespace: Mapping[str, object], check: str, subject: str, seeds: Iterable[int], path: str) -> None:
    """Probe `namespace[subject]` on the cases of these seeds and write what was seen. Runs in the student's kernel.

    Raises NameError where the notebook does not define the object, MemoryError where its code ran out of memory.
    """
    if subject not in namespace:
        raise NameError(f"name {subject!r} is not defined")
    found = find_check(check)
    answers = [found.probe(namespace[subject], case) for seed in seeds for case in found.draw(seed)]
    if any(answer.get("error") == "MemoryError" for answer in answers):
        raise MemoryError("not enough memory")  # no answer like others: what used it up may still hold it
    temporary = Path(f"{path}.tmp")
    temporary.write_bytes(to_bytes(answers))
    os.replace(temporary, path)


def to_bytes(records: Iterable[Case | Answers]) -> bytes:
    """Cases or answers, in order, as one npz archive."""
    arrays = {f"{i}/{name}": np.asarray(v) for i, record in enumerate(records) for name, v in record.items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def from_bytes(archive: bytes, count: int) -> list[Answers]:
    """The inverse of `to_bytes` for `count` records; nothing is unpickled, unpacked or allocated on a header's word.

    Raises Unreadable for anything that `to_bytes` would not have written.
    """
    if len(archive) > MAX_BYTES:
        raise Unreadable(f"{len(archive)} bytes")
    records: list[Answers] = [{} for _ in range(count)]
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as members:
            entries = members.infolist()
            if len(entries) > MAX_ENTRIES or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise Unreadable("not an archive of answers")
            for entry in entries:
                if entry.file_size > MAX_BYTES:
                    raise Unreadable(f"{entry.file_size} bytes in an entry")
                index, _, name = entry.filename.removesuffix(".npy").partition("/")
                records[int(index)][name] = _read_array(members.read(entry))[()]  # 0-d arrays turn into scalars
    except Unreadable:
        raise
    except Exception as error:  # whatever a made-up archive leads to
        raise Unreadable(f"{type(error).__name__}: {error}") from None
    return records


def _read_array(raw: bytes) -> np.ndarray:
    start = len(np.lib.format.magic(1, 0)) + 2 + int.from_bytes(raw[8:10], "little")
    shape, fortran_order, dtype = _read_header(raw[:start])
    count = math.prod(shape)
    if dtype.kind not in KINDS or dtype.hasobject or count * dtype.itemsize != len(raw) - start:
        raise Unreadable(f"an array of {dtype}")
    values = np.frombuffer(raw, dtype, count, start) if count * dtype.itemsize else np.empty(count, dtype)
    return values.reshape(shape, order="F" if fortran_order else "C").copy()


@lru_cache(maxsize=10_000)  # many arrays have the same, and numpy takes longer to read one than to read the numbers
def _read_header(raw: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran's order, and type, from what stands before an array's numbers."""
    file = io.BytesIO(raw)
    if np.lib.format.read_magic(file) != (1, 0):
        raise Unreadable("not an array as numpy writes it")
    return np.lib.format.read_array_header_1_0(file)
