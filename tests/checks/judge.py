"""`make judge`: try every wrong and every right solution on its check, and publish the figure in CONTRIBUTING.md."""

import contextlib
import io
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from checks.killing import mutants_of, survives
from checks.trying import ROOT, Cell, graded_cells

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
FIGURE = re.compile(r"(?<=<!-- judge -->\n).*?(?=<!-- /judge -->)", re.DOTALL)
HEAD = ["check", "wrong by hand", "of these by name", "mutants", "right"]


@dataclass(frozen=True)
class Score:
    """Of one check, pairs of (as it should be, tried).

    Wrong solutions refused, those whose cause was named, mutants refused, right solutions accepted.
    """

    name: str
    wrong: tuple[int, int]
    named: tuple[int, int]
    mutants: tuple[int, int]
    right: tuple[int, int]

    @property
    def perfect(self) -> bool:
        return all(done == tried for done, tried in (self.wrong, self.named, self.mutants, self.right))

    @property
    def cells(self) -> list[str]:
        counts = (self.wrong, self.named, self.mutants, self.right)
        return [self.name, *(f"{done} / {tried}" for done, tried in counts)]


def tried(cell: Cell) -> tuple[int, int, int]:
    """How many wrong solutions, mutants and right solutions there are for a check."""
    return len(cell.trials("WRONG")), len(mutants_of(cell)), len(cell.trials("RIGHT"))


def judge(cell: Cell) -> Score:
    """Try all of them on one check."""
    wrong, mutated, right = tried(cell)
    with contextlib.redirect_stdout(io.StringIO()):
        messages = [(cell.message(solution), cause) for solution, cause in cell.trials("WRONG").values()]
        accepted = sum(not cell.message(solution, seeds=range(4)) for solution in cell.trials("RIGHT").values())
    refused = sum(bool(message) for message, _ in messages)
    named = sum(bool(message and re.search(cause, message)) for message, cause in messages)
    killed = sum(not survives(cell, mutant) for mutant in mutants_of(cell))
    name = f"{cell.exercise}.{cell.grade_id}"
    return Score(name, (refused, wrong), (named, wrong), (killed, mutated), (accepted, right))


def total(scores: list[Score]) -> Score:
    """The sums over all checks."""

    def add(name: str) -> tuple[int, int]:
        return tuple(map(sum, zip(*(getattr(score, name) for score in scores), strict=True)))

    return Score(f"all {len(scores)}", add("wrong"), add("named"), add("mutants"), add("right"))


def table(scores: list[Score]) -> str:
    """The figure as a table in Markdown."""
    rows = [HEAD, ["---"] * len(HEAD), *(score.cells for score in [*scores, total(scores)])]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def published() -> str:
    """The table that stands in CONTRIBUTING.md."""
    return FIGURE.search(CONTRIBUTING.read_text(encoding="utf-8"))[0]


def main() -> int:
    """Print the table, write it into CONTRIBUTING.md, and return 0 where nothing went wrong."""
    with ProcessPoolExecutor(2) as pool:
        scores = list(pool.map(judge, graded_cells()))
    figure = table(scores)
    print(figure, end="")
    text = CONTRIBUTING.read_text(encoding="utf-8")
    CONTRIBUTING.write_text(FIGURE.sub(lambda _: figure, text), encoding="utf-8")
    for score in scores:
        if not score.perfect:
            print(f"{score.name} errs: `python -m pytest tests/checks -k '{score.name.split('.')[1]}'` shows where")
    return 0 if total(scores).perfect else 1


if __name__ == "__main__":
    sys.exit(main())
