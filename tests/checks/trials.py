"""What the tests of the checks share: a check's message, and the definitions that an exercise gives to its student."""

from pathlib import Path

import nbformat

from segutils.checks.base import Check, CheckFailed

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES, MAX_WIDTH = 6, 260


def message_of(check: Check, student_object: object, seeds=(0,)) -> str:
    """What a check says about a wrong solution; empty where it lets it pass. Every message is short."""
    try:
        check(student_object, seeds=seeds)
    except CheckFailed as failed:
        message = str(failed)
    else:
        return ""
    lines = message.splitlines()
    assert len(lines) <= MAX_LINES, f"{len(lines)} lines:\n{message}"
    assert max(map(len, lines)) <= MAX_WIDTH, f"a line of {max(map(len, lines))} characters:\n{message}"
    return message


def given_definitions(exercise: str) -> dict[str, object]:
    """Everything that the untouched exercise defines."""
    path = ROOT / "exercises" / exercise / f"{exercise}.ipynb"
    namespace: dict[str, object] = {"__name__": exercise}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("grade"):
            exec(cell.source, namespace)
    return namespace
