"""The instructor's side of the course: releasing exercises and grading submissions."""
