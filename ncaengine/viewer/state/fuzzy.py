"""What can be chosen in the command palette, and which of it is meant by what is typed. No imgui in here."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

APART = re.compile(r"[\s:;()…·°×%?]+")
"""What parts words."""


@dataclass(frozen=True)
class PaletteCommand:
    """A thing to do. `action` None: choosing it writes its title into the field, for a number to follow.

    hint: what it does or what it is now, beside the title. keys: the shortcut, as the help names it.
    aliases: other words for it, which match as its title does and are not shown.
    """

    title: str
    hint: str
    action: Callable[[], object] | None
    keys: str = ""
    aliases: tuple[str, ...] = ()


@lru_cache(maxsize=8192)
def tokens(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared: in small letters, "3 × 4" as one."""
    joined = re.sub(r"(?<=\d)\s*[x×]\s*(?=\d)", "x", text.lower())
    return tuple(filter(None, (word.strip(",") for word in APART.split(joined))))


def worded(typed: str, phrase: str) -> float | None:
    """How well a phrase matches by words, None if a word that is typed begins none of its words: higher is better.

    The very phrase is best, then one that begins as what is typed, then whole words before beginnings;
    a short phrase counts more than a long one.
    """
    wanted, words = tokens(typed), tokens(phrase)
    if not wanted or not all(any(word.startswith(part) for word in words) for part in wanted):
        return None
    if wanted == words:
        return 3.0
    begins = " ".join(words).startswith(" ".join(wanted))
    return begins + sum(part in words for part in wanted) / len(wanted) - 0.01 * len(phrase)


def score(typed: str, title: str) -> float | None:
    """How well a title matches by letters, None if not at all: higher is better.

    The letters must come in their order; runs of them and starts of words count more, and a short title
    more than a long one.
    """
    letters, text = re.sub(r"\s+", "", typed.lower()), title.lower()
    best: dict[int, float] = {-1: 0.0}  # the best worth of all ways that end at a place
    for letter in letters:
        following: dict[int, float] = {}
        for place in (i for i, found in enumerate(text) if found == letter):
            start = 2.0 if place == 0 or not text[place - 1].isalnum() else 0.0
            ways = [
                worth + (3.0 if end == place - 1 and end >= 0 else 0.0) for end, worth in best.items() if end < place
            ]
            if ways:
                following[place] = max(ways) + start
        best = following
    return max(best.values()) - 0.01 * len(title) if best else None


def ranked(typed: str, entries: Sequence[PaletteCommand]) -> list[PaletteCommand]:
    """The entries that match by words, the best first; where none does, those that match by letters."""

    def by_words(entry: PaletteCommand) -> float | None:
        found = [worth for phrase in (entry.title, *entry.aliases) if (worth := worded(typed, phrase)) is not None]
        return max(found, default=None)

    for worth in (by_words, lambda entry: score(typed, entry.title.replace(" × ", "x"))):
        found = [(value, entry) for entry in entries if (value := worth(entry)) is not None]
        if found:
            return [entry for _, entry in sorted(found, key=lambda pair: -pair[0])]
    return []
