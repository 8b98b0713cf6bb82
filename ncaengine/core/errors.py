"""The exception whose message is written for the user."""

from ncaengine.core.texts import printable

MOST_LETTERS = 900
"""Letters of a message; only hostile values and very long names make longer ones."""

NO_MEMORY = "There is not enough memory for this; close other programs or choose something smaller."
"""What a MemoryError without words means."""


class NCAError(Exception):
    """A problem, described in one sentence that says what to do.

    The command line prints it and exits with 1; the window shows it and runs on.
    """

    def __init__(self, sentence: str, *others: str) -> None:
        """Describe a problem, or several at once, a line each; of very many only the first."""
        lines = [_cleaned(sentence)]
        for number, other in enumerate(others):
            lines.append(_cleaned(other))
            if sum(map(len, lines)) > MOST_LETTERS:
                left = len(others) - number
                there = "is 1 more problem" if left == 1 else f"are {left} more problems"
                lines[-1] = f"There {there}; fix these first."
                break
        super().__init__("\n".join(lines))


class UnknownFamilyError(NCAError):
    """A file can be read, but no family of models recognises what it holds."""


def _cleaned(sentence: str) -> str:
    """Return a sentence without what a file may have put into it.

    The middle of a very long one is left out, because it starts with what is wrong and ends with what to do; so are
    line breaks, and codes that control a terminal.
    """
    if len(sentence) > MOST_LETTERS:
        sentence = f"{sentence[: MOST_LETTERS * 2 // 3]} … {sentence[-MOST_LETTERS // 3 :]}"
    return printable(sentence)
