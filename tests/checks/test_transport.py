"""Answers cross the border as they are; whatever else arrives is refused without harm."""

import io
import zipfile

import numpy as np
import pytest
import torch

from segutils.checks.transport import MAX_BYTES, Unreadable, from_bytes, to_bytes, write_answers

PLAIN = {
    "n": 3,
    "ok": True,
    "x": 0.5,
    "text": "größer",
    "array": np.arange(6.0).reshape(2, 3).T,
    "none": np.empty((0, 2)),
}


def archive(**members):
    """A zip archive of raw bytes by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def test_records_arrive_as_they_were_sent():
    first, second = from_bytes(to_bytes([PLAIN, {"n": 4}]), 2)
    assert second == {"n": 4}
    assert {name: type(value) for name, value in first.items()} == {
        "n": np.int64, "ok": np.bool_, "x": np.float64, "text": np.str_, "array": np.ndarray, "none": np.ndarray
    }  # fmt: skip
    assert first["text"] == "größer" and first["none"].shape == (0, 2)
    np.testing.assert_array_equal(first["array"], PLAIN["array"])
    first["array"] += 1  # judges may write into what they got


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was read')",)


HEADER = npy(np.zeros(3))
HOSTILE = {
    "nothing": b"",
    "no zip": b"PK but no zip",
    "cut off": to_bytes([PLAIN])[:-40],
    "a pickle": archive(**{"0/x.npy": npy(np.array([Bomb()], dtype=object), allow_pickle=True)}),
    "a record too many": to_bytes([{}, {"n": 1}]),
    "a record before the first": archive(**{"-2/x.npy": npy(np.zeros(3))}),
    "no record": archive(**{"x.npy": npy(np.zeros(3))}),
    "no array": archive(**{"0/x.npy": b"hello"}),
    "a shape without data": archive(
        **{"0/x.npy": HEADER.replace(b"(3,)", b"(9" + b"9" * 9 + b",)").replace(b" " * 10, b"", 1)}
    ),
    "a negative shape": archive(**{"0/x.npy": HEADER.replace(b"(3,), ", b"(-3,),")}),
    "more data than shape": archive(**{"0/x.npy": HEADER + b"\0"}),
    "dates": archive(**{"0/x.npy": npy(np.array(["2020-01-01"], dtype="datetime64[D]"))}),
    "a structure": archive(**{"0/x.npy": npy(np.zeros(3, dtype=[("a", "f8")]))}),
    "too many entries": archive(**{f"0/{n}.npy": b"" for n in range(20_001)}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_nobody_would_send_is_refused(name):
    with pytest.raises(Unreadable):
        from_bytes(HOSTILE[name], 1)


def test_a_bomb_is_not_unpacked():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("0/x.npy", bytes(10_000_000))
    assert len(buffer.getvalue()) < 20_000
    with pytest.raises(Unreadable, match="not an archive of answers"):
        from_bytes(buffer.getvalue(), 1)
    with pytest.raises(Unreadable, match="bytes"):
        from_bytes(bytes(MAX_BYTES + 1), 1)


def test_answers_are_written_at_once(tmp_path):
    path = tmp_path / "answers.npz"
    write_answers({"mean_iou": torch.nanmean}, "ex06.mean_iou", "mean_iou", [0, 7], str(path))
    assert [file.name for file in tmp_path.iterdir()] == ["answers.npz"]
    with pytest.raises(NameError, match="name 'mean_iou' is not defined"):
        write_answers({}, "ex06.mean_iou", "mean_iou", [0], str(path))
