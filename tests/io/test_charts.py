"""Charts: every series can be drawn, lines have their colours and names, and no text is clipped."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from ncaengine.core.types import U8
from ncaengine.io import charts, contact_sheets


def near(page: Image.Image, colour: str, tolerance: int = 0) -> np.ndarray:
    """Return which pixels have about this colour: (height, width) bool."""
    picture: U8 = np.asarray(page)
    return np.abs(picture.astype(int) - ImageColor.getrgb(colour)).max(2) <= tolerance


@pytest.mark.parametrize(
    "series",
    [
        {},
        {"loss": []},
        {"loss": [0.3]},
        {"loss": [math.nan, math.inf]},
        {"loss": [1.0, math.nan, 0.5, 0.4]},
        {"loss": [0.0, -3.0, 5.0]},
        {"loss": [2.0] * 50},
        {"a very long $name$ 日本 " * 9: [1, 2], "b": [3], "c": []},
        {"loss": [1e-30, 1e30]},
    ],
)
@pytest.mark.parametrize("log", [True, False])
def test_every_loss_can_be_drawn_and_nothing_is_clipped(series, log):
    page = charts.loss_chart(series, "t" * 300, log)
    assert page.size == (960, 480)
    empty = near(page, contact_sheets.BACK)
    assert empty[:, [0, 1, -2, -1]].all()
    assert empty[[0, 1, -2, -1]].all()


def test_the_median_ignores_outliers_and_falls_with_the_losses():
    numbers = np.geomspace(100, 1, 400)
    numbers[::10] = 1e3
    y, x = np.nonzero(near(charts.loss_chart({"loss": numbers}), charts.COLOURS[0], 30))
    middles = [y[x == column].mean() for column in range(100, 900, 50)]
    assert (np.diff(middles) > 0).all()
    assert np.allclose(np.diff(middles), np.diff(middles).mean(), atol=2)  # straight on a logarithmic axis


def test_series_have_their_own_colours_and_a_single_one_has_no_name():
    both = charts.loss_chart({"first": [1, 2, 3], "second": [3, 2, 1]})
    one = charts.loss_chart({"first": [1, 2, 3]})
    names = slice(960 - charts.LEAST_WITH_NAMES + 16, None)
    for colour in charts.COLOURS[:2]:
        there = near(both, colour)
        assert there[:, : names.start].any()
        assert there[:, names].any()
    assert not near(one, charts.COLOURS[0])[:, 960 - charts.RIGHT + 4 :].any()


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-9, 1e9), st.floats(1.0001, 1e9), st.booleans())
def test_the_y_axis_has_a_few_lines(low, ratio, log):
    page = charts.loss_chart({"loss": [low, low * ratio]}, log=log)
    column = near(page, charts.GRID)[:, charts.LEFT + 3]
    assert 1 <= np.count_nonzero(np.diff(column.astype(int)) == 1) <= 13


@given(st.lists(st.floats(76, 520), min_size=1, max_size=8))
def test_names_do_not_overlap(wanted: list[float]) -> None:
    heights = charts.spread_labels(wanted, 76, 520)
    assert np.diff(np.sort(heights)).min(initial=charts.LABEL_GAP) > charts.LABEL_GAP - 1
    assert min(heights) > 75
    assert max(heights) < 521
    assert all(np.argsort(heights, kind="stable") == np.argsort(wanted, kind="stable"))


def test_a_log_log_chart_has_each_line_and_its_name_in_its_colour() -> None:
    series = {"gl": {256.0: 1.0, 1024.0: 5.0}, "torch": {256.0: 1.1, 1024.0: 5.1}, "numpy": {256.0: 40.0}}
    ticks = {256.0: "16x16", 1024.0: "32x32", 1030.0: "103x10"}
    page = charts.log_log_chart(series, "title", "cells", "ms", ticks, "a note " * 50)
    assert page.size == (960, 620)
    names = 960 - charts.LEAST_WITH_NAMES + 22
    for colour in charts.COLOURS[:3]:
        assert near(page, colour)[:, :names].any()
        assert near(page, colour)[:, names:].any()
    assert near(page, contact_sheets.BACK)[[0, 1, -2, -1]].all()
    assert near(page, contact_sheets.BACK)[:, [0, 1, -2, -1]].all()


def test_numbers_beside_an_axis_are_short():
    shown = {0.0: "0", 0.001: "0.001", 2e5: "200,000", 5e7: "5×10⁷", 1e-30: "10⁻³⁰", -1e6: "-1×10⁶"}
    assert {value: charts.number(value) for value in shown} == shown
