"""Mutants that no check can see, since they compute the very same: exercise.grade_id -> change -> why it is equal."""

EQUAL: dict[str, dict[str, str]] = {}
