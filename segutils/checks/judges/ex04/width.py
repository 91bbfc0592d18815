"""Judge of effective_kernel_size."""

import numpy as np

from segutils.checks.base import Answers, Case
from segutils.checks.judges.base import NO_RETURN, Fault, Judge, UsualErrors, a_kind, find_side_effect, number


def find_kernel_size_fault(case: Case, answers: Answers) -> Fault | None:
    if fault := find_side_effect(answers):
        return fault
    k, r = int(case["kernel_size"]), int(case["dilation"])
    expected = k + (k - 1) * (r - 1)
    if "value" not in answers or np.size(answers["value"]) != 1:
        kind = a_kind(str(answers["kind"]))
        hint = NO_RETURN if kind == "None" else ""
        return Fault(f"returned {kind}", f"expected the number {expected}, got {kind}", hint)
    got = np.asarray(answers["value"]).reshape(-1)[0]
    return None if got == expected else Fault("wrong size", f"expected {expected}, got {number(got)}")


def usual_kernel_size_errors(case: Case) -> UsualErrors:
    k, r = int(case["kernel_size"]), int(case["dilation"])
    return [
        ("kernel_size * dilation: between k taps there are only k - 1 gaps.", lambda: k * r),
        ("the + 1 is missing: (k - 1) * dilation is the way from the first tap to the last.", lambda: (k - 1) * r),
        (
            "dilation zeros in each gap; a tap that is `dilation` pixels away leaves dilation - 1.",
            lambda: k + (k - 1) * r,
        ),
        ("dilation - 1 zeros were added once, not in each of the k - 1 gaps.", lambda: k + r - 1),
        ("the padding that keeps the size was returned, not the size of the window.", lambda: (k - 1) * r // 2),
        ("only what lies between the taps was counted; the taps are part of the window.", lambda: (k - 1) * (r - 1)),
        ("the kernel size is not used: that is right for 3 taps only.", lambda: 2 * r + 1),
        ("2 gaps, as between 3 taps; k taps have k - 1 gaps.", lambda: k + 2 * (r - 1)),
        ("k // 2 taps on either side of a middle one: an even kernel has no middle.", lambda: 2 * (k // 2) * r + 1),
        ("a division by 2 too many: dilation acts on both sides.", lambda: (k + (k - 1) * (r - 1)) // 2),
        ("kernel_size and dilation are exchanged.", lambda: r + (r - 1) * (k - 1)),
        ("the dilation is not used.", lambda: k),
        ("the area, not the width.", lambda: (k + (k - 1) * (r - 1)) ** 2),
        ("the number of taps of a square kernel.", lambda: k * k),
    ]


effective_kernel_size = Judge(
    called=lambda case: f"effective_kernel_size(kernel_size={case['kernel_size']}, dilation={case['dilation']})",
    find_fault=find_kernel_size_fault,
    usual_errors=usual_kernel_size_errors,
)
