import pytest

from segutils import experiments
from segutils.errors import CourseError


def test_a_table_comes_back_as_it_was_written(tmp_path, monkeypatch):
    rows = [{"rates": "1 2", "seed": 0, "iou": 0.5}, {"rates": "4 4", "seed": 1, "iou": 0.12345}]
    monkeypatch.setattr(experiments, "table_path", lambda name: tmp_path / f"{name}.csv")
    experiments.write_table(tmp_path / "00_some.csv", rows)
    assert experiments.read_table("00_some") == [rows[0], {"rates": "4 4", "seed": 1, "iou": 0.1235}]
    assert [path.name for path in tmp_path.iterdir()] == ["00_some.csv"]


def test_a_failed_write_leaves_the_old_table(tmp_path):
    path = tmp_path / "00_some.csv"
    experiments.write_table(path, [{"seed": 0}])
    with pytest.raises(ValueError, match="not in fieldnames"):
        experiments.write_table(path, [{"seed": 1}, {"other": 2}])
    assert path.read_text() == "seed\n0\n"


def test_a_missing_table_is_named_with_what_makes_it():
    with pytest.raises(CourseError, match=r"no table 00_none\.csv.*segutils\.experiments"):
        experiments.read_table("00_none")
