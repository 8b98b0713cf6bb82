"""Who made a model and what its licence allows, as text for the window."""

import re

from ncaengine.core.model import Config

FIRST = ("authors", "author", "licence", "source", "url")
"""The keys of an attribution that come first, in this order."""


def attribution_lines(config: Config) -> list[str]:
    """Return a model's attribution, one fact per line."""
    facts = config.attribution
    keys = [key for key in FIRST if key in facts] + [key for key in facts if key not in FIRST]
    return [f"{key[:1].upper()}{key[1:]}: {facts[key]}" for key in keys if facts[key]]


def authors_and_licence(config: Config) -> tuple[str, str]:
    """Return a model's authors and its licence; '' for each that is unknown."""
    return config.authors, config.attribution.get("licence", "")


def licence_warning(name: str, config: Config) -> str:
    """Return the notice for a model that must not be used commercially; '' for any other."""
    if not config.non_commercial:
        return ""
    licence = re.split(r" \(|[;,]", config.attribution["licence"])[0].strip()
    return f"{name}: {licence}; not for commercial use."
