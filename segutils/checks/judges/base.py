"""What judges share: compare answers with the reference, and find the usual error that reproduces them."""

from collections.abc import Callable, Container
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segutils.checks.base import Answers, Case
from segutils.checks.probing import describe, ignore_keyword, one_thread

Attempt = Callable[[], object]  # computes what one usual error would give
UsualErrors = list[tuple[str, Attempt]]  # the sentence that names an error, and the error made

TOLERANCE = {"float64": 1e-8, "float32": 1e-4, "float16": 2e-2, "bfloat16": 5e-2}  # relative to the largest value
NOT_WRITTEN = (
    "not written yet. Replace the line `raise NotImplementedError(...)` in the cell above by your own\n"
    "  code, run that cell, and then this one again."
)


@dataclass(frozen=True)
class Fault:
    """What is wrong with one case: the headline, expected and got, and the cause where the fault itself tells it."""

    headline: str
    detail: str = ""
    cause: str = ""


@dataclass(frozen=True)
class Judge:
    """The half of a check that knows the right answer.

    `find_fault(case, answers)` compares one case with the reference, `called(case)` says in half a line what was
    called, and `usual_errors(case)` lists what students get wrong, each as something that can be computed.
    """

    called: Callable[[Case], str]
    find_fault: Callable[[Case, Answers], Fault | None]
    usual_errors: Callable[[Case], UsualErrors]

    @one_thread()
    def message(self, subject: str, cases: list[Case], answers: list[Answers]) -> str | None:
        """None when every case is right; otherwise what happened in the first wrong one, and the likely cause."""
        for case, answer in zip(cases, answers, strict=True):
            fault = find_misuse(answer) or self.find_fault(case, answer)
            if fault is None:
                continue
            if fault.headline == NOT_WRITTEN:
                return f"{subject}: {NOT_WRITTEN}"
            causes = [fault.cause] if fault.cause else self.likely_causes(case, cases, answers)
            lines = [f"{subject}: {fault.headline}", f"called: {self.called(case)}", fault.detail]
            lines += [f"{'or' if index else 'Likely cause'}: {cause}" for index, cause in enumerate(causes)]
            return "\n  ".join(line for line in lines if line)
        return None

    def likely_causes(self, wrong_case: Case, cases: list[Case], answers: list[Answers]) -> list[str]:
        """The usual errors that reproduce the wrong case and most of the others, in words; empty where none does.

        A wrong result is told by one of them; where an exception came, as many as three may have led to it.
        """
        wrong_answer = next(answer for case, answer in zip(cases, answers, strict=True) if case is wrong_case)
        explained = dict.fromkeys(self.matching(wrong_case, wrong_answer), 0)
        for case, answer in zip(cases, answers, strict=True) if explained else ():
            for text in self.matching(case, answer, among=explained):
                explained[text] += 1
        best = [text for text in explained if explained[text] == max(explained.values())]  # in the order of their list
        return best[: 3 if wrong_answer.get("error") else 1]

    def matching(self, case: Case, answers: Answers, among: Container[str] | None = None) -> dict[str, None]:
        """The usual errors (of those `among`) that give these very answers, each once, in the order of their list."""
        return {
            text: None
            for text, attempt in self.usual_errors(case)
            if (among is None or text in among) and reproduces(attempt, answers)
        }


def find_misuse(answers: Answers) -> Fault | None:
    """Faults that come before any value: not written yet, or handed over to a ready answer."""
    line = str(answers.get("error_line", ""))  # torch, too, raises NotImplementedError: for a mode that a dtype lacks
    if answers.get("error") == "NotImplementedError" and (not line or "NotImplementedError" in line):
        return Fault(NOT_WRITTEN)
    if answers.get("delegated_to"):
        return Fault(
            f"hands the task over to {answers['delegated_to']}",
            cause="that module is a ready answer, absent while this exercise is graded: write the lines yourself.",
        )
    return None


def find_side_effect(answers: Answers) -> Fault | None:
    """What explains more than a wrong value: an exception, a changed input or global switch, chance."""
    if answers.get("error") == "TooManySteps":
        return Fault(
            "loops over the pixels in Python",
            str(answers["error_text"]).partition(": ")[2],
            "a `for`, a comprehension or np.vectorize over the pixels; a comparison, an index or a sum acts on all of"
            " them at once.",
        )
    if "modified by an inplace operation" in str(answers.get("error_text", "")):
        return Fault(
            "backward() cannot run from the result",
            cause="a value that backward() needs was overwritten in place (`+=`, a name that ends in _): work on a new"
            " one.",
        )
    if answers.get("error"):
        where = f"in the line `{shorten(answers['error_line'], 90)}`" if answers.get("error_line") else ""
        return Fault(f"raised {shorten(answers['error_text'], 200)}", where)
    if answers.get("changed_inputs"):
        names = answers["changed_inputs"]
        return Fault(
            f"changed what it was given: {names}",
            cause=f"an assignment like `{str(names).split(', ')[0]}[...] = ...` or an operation in place"
            " (`+=`, a name that ends in _): work on a new one.",
        )
    if answers.get("switches"):
        return Fault(
            f"left a global switch of torch changed: {answers['switches']}",
            cause="the function sets it and does not set it back; `with` (as in `with torch.no_grad():`) does.",
        )
    if not answers.get("repeats", True):
        return Fault(
            "gave two different results for the same inputs",
            cause="something random, such as active dropout or a new layer, or something kept from the call before.",
        )
    return None


def find_wrong_result(
    expected: Tensor | np.ndarray, answers: Answers, dtypes: tuple[str, ...], what: str = "the result"
) -> Fault | None:
    """Compare a result with the expected tensor or array: kind, shape, dtype, values with the dtype's tolerance."""
    if fault := find_side_effect(answers):
        return fault
    kind, wanted = str(answers["kind"]), "Tensor" if isinstance(expected, Tensor) else "ndarray"
    if kind != wanted:
        text = f"expected {a_kind(wanted)} of shape {tuple(expected.shape)}, got {a_kind(kind)}"
        return Fault(f"returned {a_kind(kind)}", text, HINTS_BY_KIND[wanted].get(kind, ""))
    shape = tuple(int(size) for size in answers["shape"])
    if shape != tuple(expected.shape):
        return Fault(f"{what} has the wrong shape", f"expected shape {tuple(expected.shape)}, got {shape}")
    dtype = str(answers["dtype"])
    if dtype not in dtypes:
        return Fault(
            f"{what} has the wrong dtype", f"expected {' or '.join(dtypes)}, got {dtype}; the shape {shape} is right"
        )
    values = expected.detach().numpy() if isinstance(expected, Tensor) else expected
    return find_wrong_value(values, answers["value"], dtype, what)


def find_wrong_value(expected: np.ndarray, got: np.ndarray, dtype: str, what: str) -> Fault | None:
    """The first place where two arrays of one shape differ; nan equals nan."""
    got = np.asarray(got)
    wrong = ~close(expected, got, dtype)
    if got.shape == expected.shape and not wrong.any():
        return None
    if got.shape != expected.shape:
        return Fault(f"{what} is too large to be compared", f"expected shape {expected.shape}")
    place = tuple(int(index) for index in np.argwhere(wrong)[0])
    at = f" at {list(place)}" if place else ""
    agree = f"; shapes agree: {expected.shape}, {wrong.sum()} of {wrong.size} values differ" if place else ""
    wanted, given = distinct_numbers(expected[place], got[place])
    return Fault(f"{what} differs from the expected one{at}", f"expected {wanted}, got {given}{agree}")


def close(expected: np.ndarray, got: np.ndarray, dtype: str) -> np.ndarray:
    """Where two arrays agree: exactly for integers, else up to TOLERANCE times the largest expected value."""
    if got.shape != expected.shape:
        return np.zeros(expected.shape, dtype=bool)
    if dtype not in TOLERANCE:
        return expected == got
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(finite.max(initial=0.0), 1e-3)
    with np.errstate(all="ignore"):
        return np.isclose(
            got.astype(float), expected.astype(float), rtol=0, atol=TOLERANCE[dtype] * scale, equal_nan=True
        )


def reproduces(attempt: Attempt, answers: Answers) -> bool:
    """Whether making this error gives exactly what the student's code gave, be it a result or an exception."""
    try:
        with np.errstate(all="ignore"), torch.no_grad():
            made = describe(attempt())
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:2000] == str(answers.get("error_text", ""))
    if answers.get("error") or "value" not in answers or "value" not in made:
        return False
    value = np.asarray(answers["value"])
    dtype = str(answers["dtype"]) if str(answers["dtype"]) in TOLERANCE else "float64"
    return made["value"].shape == value.shape and bool(close(made["value"], value, dtype).all())


def number(value: np.generic, digits: int = 5) -> str:
    """A number as a message shows it: 0.8312, 41, nan."""
    return f"{value:.{digits}g}" if np.issubdtype(np.asarray(value).dtype, np.floating) else str(value)


def distinct_numbers(first: np.generic, second: np.generic) -> tuple[str, str]:
    """Two different numbers with as many digits as it takes to see the difference."""
    pairs = [(number(first, digits), number(second, digits)) for digits in range(5, 18)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def a_kind(kind: str) -> str:
    """A result's kind in words."""
    words = {"ndarray": "a numpy array", "NoneType": "None", "Tensor": "a tensor", "Module": "a module"}
    return words.get(kind) or f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


NO_RETURN = "the function ends without `return`."
TWO_VALUES = "more than one value after `return`, or a comma at its end."
HINTS_BY_KIND = {  # by what was asked
    "Tensor": {
        "NoneType": NO_RETURN,
        "ndarray": "a numpy array where a tensor was asked; torch's own functions keep gradients and devices.",
        "float32": "a number of numpy's where a tensor was asked.",
        "float64": "a number of numpy's where a tensor was asked.",
        "float": "a Python number where a tensor was asked; `.item()` and `float(...)` cut gradient and device off.",
        "int": "a Python number where a tensor was asked.",
        "list": "a list where a tensor was asked; torch.stack or torch.cat makes one tensor of many.",
        "tuple": TWO_VALUES,
    },
    "ndarray": {
        "NoneType": NO_RETURN,
        "Tensor": "a tensor where a numpy array was asked; numpy came in, numpy goes out.",
        "list": "a list where a numpy array was asked; np.array or np.stack makes an array of it.",
        "Image": "a PIL image where a numpy array was asked.",
        "tuple": TWO_VALUES,
    },
}


def shorten(text: object, length: int) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= length else text[: length - 3] + "..."


def ignore_argument(case: Case) -> str:
    """ ", ignore_index=0" as a call shows it; nothing where it is the default."""
    return "".join(f", {name}={value}" for name, value in ignore_keyword(case).items())


def shape_of(array: np.ndarray) -> str:
    return f"{tuple(array.shape)} {array.dtype}"
