"""Settings that a program keeps as a text: JSON, or lines of names and values, as YAML has them."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

MAX_LETTERS = 20_000
"""Longer texts are no settings."""
_LINE = re.compile(r"([A-Za-z_]\w*)\s*[:=](.*)")
_TRUTHS = {"True": "true", "False": "false"}


def value_in(text: str) -> Any:
    """Return what a text is as JSON, or as a truth value of Python; any other text without its quotes."""
    try:
        return json.loads(_TRUTHS.get(text, text))
    except (ValueError, RecursionError):
        return text.strip("'\"")


@lru_cache(maxsize=16)  # a file may hold a text at many places
def settings_in(text: str) -> Mapping[str, Any]:
    """Return the settings in a text by name; empty if it holds anything else."""
    if len(text) > MAX_LETTERS:
        return {}
    if text.lstrip().startswith("{"):
        found = value_in(text)
        return found if isinstance(found, dict) else {}
    without_comments = (line.partition("#")[0].strip() for line in text.splitlines())
    lines = [_LINE.fullmatch(line) for line in without_comments if line]
    return {line[1]: value_in(line[2].strip()) for line in lines if line} if all(lines) else {}
