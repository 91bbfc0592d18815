"""Solutions of ex04's effective_kernel_size, as students write them."""

import torch

WRONG = {
    "between the taps": (lambda k, r: (k - 1) * (r - 1), "the taps are part of the window"),
    "right for 3 taps": (lambda k, r: 2 * r + 1, "right for 3 taps only"),
    "two gaps": (lambda k, r: k + 2 * (r - 1), "2 gaps, as between 3 taps"),
    "taps on either side": (lambda k, r: 2 * (k // 2) * r + 1, "an even kernel has no middle"),
    "product": (lambda kernel_size, dilation: kernel_size * dilation, "k - 1 gaps"),
    "without the last tap": (lambda k, r: (k - 1) * r, r"\+ 1 is missing"),
    "a zero too many in each gap": (lambda k, r: k + (k - 1) * r, "leaves dilation - 1"),
    "one gap only": (lambda k, r: k + r - 1, "added once"),
    "a gap too many": (lambda k, r: k + k * (r - 1), "k - 1 gaps"),
    "padding": (lambda k, r: (k - 1) * r // 2, "padding"),
    "exchanged": (lambda k, r: r + (r - 1) * (k - 1), "exchanged"),
    "without dilation": (lambda k, r: k, "dilation is not used"),
    "area": (lambda k, r: (k + (k - 1) * (r - 1)) ** 2, "the area"),
    "only for 3x3": (lambda k, r: 2 * r + 1, "expected 1, got 13"),
    "only for odd kernels": (lambda k, r: 2 * (k // 2) * r + 1, r"(?s)kernel_size=2.*expected 5, got 9"),
    "one gap less": (lambda k, r: k + (k - 2) * (r - 1), "expected 5, got 4"),
    "dilation + 1": (lambda k, r: k + (k - 1) * (r + 1), "expected 5, got 9"),
    "half": (lambda k, r: ((k - 1) * r + 1) // 2, "a division by 2 too many"),
    "number of taps": (lambda k, r: k * k, "number of taps"),
    "both sides": (lambda k, r: k + 2 * (r - 1), "expected 1, got 11"),
    "a pair": (lambda k, r: ((k - 1) * r + 1, (k - 1) * r + 1), "returned a tuple"),
    "a list": (lambda k, r: [(k - 1) * r + 1], "returned a list"),
    "not whole": (lambda k, r: k + (k - 1) * (r - 0.5), "expected 5, got 6"),
    "no return": (lambda k, r: None, "returned None"),
    "text": (lambda k, r: str((k - 1) * r + 1), "returned a str"),
    "one argument": (lambda k: k, "TypeError"),
}


def dilation_by_listing(kernel_size, dilation):
    taps = [dilation * index for index in range(kernel_size)]
    return max(taps) - min(taps) + 1


RIGHT = {
    "taps and gaps": lambda k, r: k + (k - 1) * (r - 1),
    "way plus one": lambda kernel_size, dilation: (kernel_size - 1) * dilation + 1,
    "listing the taps": dilation_by_listing,
    "a float": lambda k, r: float(k * r - r + 1),
    "counting zeros": lambda k, r: torch.zeros(k - 1, r).numel() + 1,
}
