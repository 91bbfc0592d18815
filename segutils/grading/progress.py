"""How far a run has come: a bar below the lines that it prints."""

import sys
from collections import Counter
from types import TracebackType

from tqdm import tqdm

from segutils.grading.results import GRADED, NEEDS_ATTENTION, Row

BAR = "{percentage:3.0f} %|{bar:10}| {n_fmt}/{total_fmt}, {remaining} left{postfix}"


class Progress:
    """A bar on stderr with the counts by status and the time left, taken off again when the run is over.

    It is for people: where stderr is no terminal there is none, because the numbered lines on stdout tell a log the
    same. After Ctrl-C, or an error, it stays and shows how far the run had come.
    """

    def __init__(self, total: int) -> None:
        self.counts: Counter[str] = Counter()
        self.text = ""
        self.bar = tqdm(
            total=total,
            file=sys.stderr,
            disable=None,  # None: unless it is a terminal
            leave=False,
            dynamic_ncols=True,
            bar_format=BAR,
            smoothing=0,  # the mean of the whole run: single submissions take from 0.3 to 300 s
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bar.leave = kind is not None
        self.bar.close()

    def add(self, row: Row) -> None:
        """Count a row. One that was known took no time, so it does not make the others seem faster."""
        self.counts.update([row.status, *(["known"] if row.known else [])])
        if row.known and not self.bar.disable:
            self.bar.initial += 1
        self._tell()
        self.bar.update()

    def write(self, text: str) -> None:
        """Print a line on stdout; the bar makes room for it."""
        tqdm.write(text, file=sys.stdout)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Say what is going on beside the bar until the next note; without a bar, on a line of its own."""
        if self.bar.disable and text and text != self.text:
            print(text, file=sys.stderr, flush=True)
        self.text = text
        self._tell()
        self.bar.refresh()

    def _tell(self) -> None:
        counts = [f"{self.counts[GRADED]} graded", f"{self.counts[NEEDS_ATTENTION]} need attention"]
        known = [f"{self.counts['known']} known"] if self.counts["known"] else []
        text = [self.text] if self.text else []
        self.bar.set_postfix_str(", ".join(counts + known + text), refresh=False)
