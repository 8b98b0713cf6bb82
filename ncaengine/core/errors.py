"""The exception whose message is written for the user."""


class NCAError(Exception):
    """A problem, described in one sentence that says what to do.

    The command line prints it and exits with 1; the window shows it and runs on.
    """

    def __init__(self, sentence: str) -> None:
        # Parts of it may come from a file: remove line breaks, and codes that control a terminal.
        super().__init__("".join(c if c.isprintable() else " " for c in sentence))
