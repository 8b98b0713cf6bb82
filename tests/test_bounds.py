"""Every number of every format has a least and a largest value."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from helpers import ROOT
from msgspec import inspect

from ncaengine.core import bounds
from ncaengine.core.model import Config
from ncaengine.core.settings import SETTINGS
from ncaengine.io import journals, scripts, session_format
from ncaengine.simulation.commands import FORMS, JournalEntry
from ncaengine.viewer.state.preferences import Preferences

ROOTS: list[Any] = [
    session_format.SessionHeader, journals.JournalHeader, JournalEntry, scripts.ScriptFile, Preferences,
    *FORMS.values(),
]  # fmt: skip
CHECKED_LATER = {Config}
"""By model._check_config, as float32; see test_numbers_beyond_float32_are_refused."""


def unbounded(info: Any, place: str, seen: set[type]) -> Iterator[str]:
    """Yield the places of numbers that nothing bounds."""
    if isinstance(info, inspect.IntType | inspect.FloatType):
        if (info.ge is None and info.gt is None) or (info.le is None and info.lt is None):
            yield place
    elif isinstance(info, inspect.StructType):
        if info.cls not in seen | CHECKED_LATER:
            seen.add(info.cls)
            for field in info.fields:
                yield from unbounded(field.type, f"{info.cls.__name__}.{field.name}", seen)
    else:
        for name in ("item_type", "value_type", "type"):
            if hasattr(info, name):
                yield from unbounded(getattr(info, name), place, seen)
        for part in (*getattr(info, "types", ()), *getattr(info, "item_types", ())):
            yield from unbounded(part, place, seen)


@pytest.mark.parametrize("form", ROOTS, ids=lambda form: form.__name__)
def test_every_number_is_bounded(form: Any) -> None:
    assert not list(unbounded(inspect.type_info(form), form.__name__, set()))


def test_an_unbounded_number_would_be_found() -> None:
    class Loose(msgspec.Struct):
        a: dict[str, tuple[int, ...]]

    assert list(unbounded(inspect.type_info(Loose), "", set())) == ["Loose.a"]


def test_settings_are_bounded() -> None:
    assert all(np.isfinite([info.low, info.high]).all() for info in SETTINGS.values())


def test_the_table_is_in_the_documentation() -> None:
    assert bounds.markdown() in (ROOT / "docs/reliability.md").read_text("utf-8")
