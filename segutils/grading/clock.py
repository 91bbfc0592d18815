"""How long the phases of something took."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Adds up the seconds of phases, which may come again and again; `total` counts from the beginning."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.spent: Counter[str] = Counter()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.spent[name] += time.monotonic() - started

    @property
    def total(self) -> float:
        return time.monotonic() - self.started
