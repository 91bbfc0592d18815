"""Submissions of every kind, each with the row that it must get: hostile, cheating, broken, and good but unusual."""

from grading.catalogue import broken, cheating, hostile, unusual
from grading.catalogue.entry import Entry

CATALOGUE: list[Entry] = [*hostile.ENTRIES, *cheating.ENTRIES, *broken.ENTRIES, *unusual.ENTRIES]
