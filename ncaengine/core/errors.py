"""The exception whose message is written for the user."""

MOST_LETTERS = 900
"""Letters of a message; only hostile values and very long names make longer ones."""


class NCAError(Exception):
    """A problem, described in one sentence that says what to do.

    The command line prints it and exits with 1; the window shows it and runs on.
    """

    def __init__(self, sentence: str) -> None:
        # Parts of it may come from a file: leave out the middle of a very long one, which starts with what is wrong and
        # ends with what to do, and remove line breaks, and codes that control a terminal.
        if len(sentence) > MOST_LETTERS:
            sentence = f"{sentence[: MOST_LETTERS * 2 // 3]} … {sentence[-MOST_LETTERS // 3 :]}"
        super().__init__("".join(c if c.isprintable() else " " for c in sentence))
