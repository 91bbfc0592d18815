"""The one exception that a person is meant to read."""


class CourseError(ValueError):
    """A fault that its reader can mend: the message says what was wrong, where, and what to do.

    The command line prints the message without a traceback and exits with code 2.
    """
