"""Arithmetic and texts of the window's parts: arrangement of cards, columns of tools, axes, values and buttons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncaengine.core.settings import SETTINGS
from ncaengine.core.texts import plural, with_unit
from ncaengine.viewer.canvas import grid_cards
from ncaengine.viewer.dialogs import save
from ncaengine.viewer.kit import sliders, widgets
from ncaengine.viewer.panels import notices, probe, toolbar


@pytest.mark.parametrize(("count", "plan"), [(16, (6, 3)), (12, (6, 2)), (9, (5, 2)), (5, (3, 2)), (2, (2, 1))])
def test_cards_are_arranged_for_large_pictures(count: int, plan: tuple[int, int]) -> None:
    assert grid_cards.arrange(count, 1210, 712, 12, 53) == plan


@pytest.mark.parametrize(
    ("shape", "plan"), [(256 / 96, (1, 2)), (1.0, (2, 1)), (0.5, (2, 1)), (1.2, (2, 1)), (4.0, (1, 2))]
)
def test_wide_pictures_are_stacked_where_that_makes_them_larger(shape: float, plan: tuple[int, int]) -> None:
    width, height, gap, header = 890, 640, 12, 53
    assert grid_cards.arrange(2, width, height, gap, header, (shape, shape)) == plan
    beside, stacked = ((width - gap) / 2, height - header), (width, (height - gap) / 2 - header)
    widths = [min(wide, high * shape) for wide, high in (beside, stacked)]  # of the picture in one card
    assert (widths[1] > widths[0]) == (plan == (1, 2))


def test_a_narrow_button_keeps_its_icon() -> None:
    assert widgets.icon_only("X  Start again###reseed") == "X###reseed"
    assert widgets.icon_only("Add###gridAdd") == "Add###gridAdd"


@given(st.floats(4, 80))
def test_tools_use_as_few_columns_as_the_height_allows(height: float) -> None:
    count = toolbar.columns(height)
    assert 1 <= count <= toolbar.MOST_COLUMNS
    assert toolbar.columns(height + 1) <= count
    assert toolbar.columns(13.6) == 2


@given(st.floats(-1e6, 1e6), st.floats(0.01, 1e6), st.integers(0, 9))
def test_numbers_of_an_axis_are_round_and_do_not_overlap(low: float, wide: float, most: int) -> None:
    places = probe.ticks(low, low + wide, most)
    assert len(places) <= max(most, 1) + 1
    distances = np.diff(places)
    assert np.all(distances >= 0.999 * wide / max(most, 1))
    assert all(low - 1e-6 <= place <= low + wide + 1e-6 for place in places)


def test_values_are_shown_with_their_units() -> None:
    texts = [
        widgets.format_value(SETTINGS[name], value)
        for name, value in (("steps_per_second", 7200), ("steps_per_second", 1.5), ("angle", -90.2), ("scale", 1.25))
    ]
    assert texts == ["unlimited", "1.5 steps/s", "-90°", "1.25×"]


def test_numbers_have_commas_as_those_of_the_engine_have() -> None:
    texts = [widgets.format_count(number) for number in (0, 868, 9999.4, 9999.6, 12345, -1234567)]
    assert texts == ["0", "868", "9,999", "10,000", "12,345", "-1,234,567"]
    assert plural(10000, "step") == f"{texts[3]} steps"


def test_values_agree_in_all_places() -> None:
    assert [with_unit("2", unit) for unit in ("×", "°", "cells", "")] == ["2×", "2°", "2 cells", "2"]
    assert [probe.tick_text(number) for number in (-0.5, 0.1 * 3, 12000.0)] == ["−0.5", "0.3", "12,000"]


def test_no_text_of_the_save_dialog_has_an_ending_that_a_line_could_break() -> None:
    assert not [text for texts in save.TITLES.values() for text in texts if " ." in text]


def test_errors_get_their_lines_before_other_notices() -> None:
    assert notices.line_shares([("info", 2), ("error", 2)], 3) == [1, 2]
    assert notices.line_shares([("error", 2), ("info", 1), ("error", 3)], 3) == [2, 0, 1]
    assert notices.line_shares([("info", 1), ("info", 5)], 6) == [1, 5]
    assert notices.line_shares([], 3) == []


@pytest.mark.parametrize("name", ["steps_per_second", "scale", "angle", "fire_rate"])
@given(data=st.data())
def test_a_slider_is_filled_in_the_order_of_its_values(name: str, data: st.DataObject) -> None:
    info = SETTINGS[name]
    values = st.floats(info.low, info.high)
    low, high = sorted((data.draw(values), data.draw(values)))
    assert 0 <= sliders.share(info, low) <= sliders.share(info, high) <= 1
    assert (sliders.share(info, info.low), sliders.share(info, info.high)) == (0, 1)
