"""The one exception that a user is meant to read."""


class NCAError(Exception):
    """A problem told in one clear sentence that says what to do.

    The command line prints it and exits with 1; the window shows it and runs on.
    """

    def __init__(self, sentence: str) -> None:
        # Parts of it may come out of a file: no line breaks, and nothing that steers a terminal.
        super().__init__("".join(c if c.isprintable() else " " for c in sentence))
