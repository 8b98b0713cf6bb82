"""Who made a model and what its licence allows, in words for the window. No imgui in here."""

import re

from ncaengine.core.model import Config

FIRST = ("authors", "author", "licence", "source", "url")
"""Of an attribution, in this order; whatever else it holds follows."""


def lines(config: Config) -> list[str]:
    """A model's attribution, a fact a line."""
    facts = config.attribution
    keys = [key for key in FIRST if key in facts] + [key for key in facts if key not in FIRST]
    return [f"{key[:1].upper()}{key[1:]}: {facts[key]}" for key in keys if facts[key]]


def short(config: Config) -> tuple[str, str]:
    """Authors and licence."""
    facts = config.attribution
    return facts.get("authors") or facts.get("author", ""), facts.get("licence", "")


def warning(name: str, config: Config) -> str:
    """What is said of a model that is not free for commercial use, else ''."""
    if not config.non_commercial:
        return ""
    licence = re.split(r" \(|[;,]", config.attribution["licence"])[0].strip()
    return f"{name}: {licence}; not for commercial use."
