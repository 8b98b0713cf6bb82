"""The one exception that a user is meant to read."""


class NCAError(Exception):
    """A problem told in one clear sentence that says what to do.

    The command line prints it and exits with 1; the window shows it and runs on.
    """
