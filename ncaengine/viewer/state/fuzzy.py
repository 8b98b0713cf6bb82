"""The commands of the palette, and which of them a typed text means."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

SEPARATORS = re.compile(r"[\s:;()…·°×%?]+")
"""What separates words."""


@dataclass(frozen=True)
class PaletteCommand:
    """A command that the palette offers."""

    title: str
    hint: str
    """What it does or its present value, shown after the title."""
    action: Callable[[], object] | None
    """If None, choosing it writes its title into the field, for a number to follow."""
    keys: str = ""
    """The shortcut, as the help names it."""
    aliases: tuple[str, ...] = ()
    """Other words for it. They match like the title and are not shown."""


@lru_cache(maxsize=8192)
def tokens(text: str) -> tuple[str, ...]:
    """Return the words of a text as they are compared: in lower case, "3 × 4" as one word."""
    joined = re.sub(r"(?<=\d)\s*[x×]\s*(?=\d)", "x", text.lower())
    return tuple(filter(None, (word.strip(",") for word in SEPARATORS.split(joined))))


def match_words(typed: str, phrase: str) -> float | None:
    """Return how well a phrase matches by words, higher is better; None if a typed word begins none of its words.

    The phrase itself is best, then a phrase that begins as what is typed, then whole words, then
    beginnings of words. A short phrase is better than a long one.
    """
    wanted, words = tokens(typed), tokens(phrase)
    if not wanted or not all(any(word.startswith(part) for word in words) for part in wanted):
        return None
    if wanted == words:
        return 3.0
    begins = " ".join(words).startswith(" ".join(wanted))
    return begins + sum(part in words for part in wanted) / len(wanted) - 0.01 * len(phrase)


def match_letters(typed: str, title: str) -> float | None:
    """Return how well a title matches by letters, higher is better; None if it doesn't match.

    The letters must occur in their order. Runs of them and starts of words count more, and a short
    title is better than a long one.
    """
    letters, text = re.sub(r"\s+", "", typed.lower()), title.lower()
    best: dict[int, float] = {-1: 0.0}  # the best score of all ways that end at a place
    for letter in letters:
        following: dict[int, float] = {}
        for place in (i for i, found in enumerate(text) if found == letter):
            start = 2.0 if place == 0 or not text[place - 1].isalnum() else 0.0
            ways = [
                score + (3.0 if end == place - 1 and end >= 0 else 0.0) for end, score in best.items() if end < place
            ]
            if ways:
                following[place] = max(ways) + start
        best = following
    return max(best.values()) - 0.01 * len(title) if best else None


def ranked(typed: str, commands: Sequence[PaletteCommand]) -> list[PaletteCommand]:
    """Return the commands that match by words, the best first; if none does, those that match by letters."""

    def by_words(command: PaletteCommand) -> float | None:
        phrases = (command.title, *command.aliases)
        return max((score for each in phrases if (score := match_words(typed, each)) is not None), default=None)

    for match in (by_words, lambda command: match_letters(typed, command.title.replace(" × ", "x"))):
        found = [(score, command) for command in commands if (score := match(command)) is not None]
        if found:
            return [command for _, command in sorted(found, key=lambda pair: -pair[0])]
    return []
