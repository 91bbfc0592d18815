"""The instructor's side of the course: releasing exercises and grading submissions."""

import sys

# jsonschema, which reads notebooks, would import this package to check internationalised addresses, of which a notebook
# has none, and that takes a second of each process: https://github.com/python-jsonschema/jsonschema/issues/1428
sys.modules.setdefault("rfc3987_syntax", None)
