"""The page's settings in a real browser: links, fields, names, sizes, and two models that differ in what they can."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from helpers import NOTEBOOK_CONFIG, random_model, small
from paged import STILL

from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Feature, Model, Seed
from ncaengine.formats.exporters.page import page

LONG = "a_very_long_name" * 30


@pytest.fixture
def odd_file(tmp_path: Path, catalogue: Catalogue) -> Path:
    """A page of three models: one that starts from noise, one that runs on `square` only, and one of a long name."""

    def model(name: str, **more: Any) -> Model:
        return random_model(msgspec.structs.replace(small(NOTEBOOK_CONFIG), name=name, **more))

    own = {"features": (Feature("identity"), Feature("mine")), "stencils": {"mine": ((0.3, 1.0, -0.7, 0.0, 1.0),) * 5}}
    alike = model("noise", seed=Seed("noise", 2.0), attribution={"": "empty", "author": "A. Nybody"})
    models = [alike, model("own", fire_rate=1.0, channels=3, kernels=("square",), **own), model(LONG)]
    start = {"kernel": "hexagonal", "speed": 60, "grids": [{"model": "noise", "speed": 120}], "size": "24x16"}
    text = page(models, [catalogue.get(name) for name in ("square", "hexagonal")], [STILL] * 3, "Odd", start)
    (tmp_path / "odd.html").write_text(text, "utf-8")
    return tmp_path / "odd.html"


def grids(opened: Any, what: str) -> Any:
    return opened.evaluate(f"app.panes.map(({{ grid, speed }}) => {what})")


def test_compared_models_run_on_their_own_kernel_at_their_own_rate(open_page: Any, odd_file: Path) -> None:
    opened = open_page("#grids=1&kernel=hexagonal&paused=1", file=odd_file)
    opened.evaluate("commands.compare('models'), commands.step()")
    assert grids(opened, "[grid.info.name, grid.kernel, grid.settings.fireRate, grid.steps]") == [
        ["noise", "hexagonal", 0.5, 1],
        ["own", "square", 1, 1],
    ]
    assert opened.errors == []
    # A channel that the model doesn't have is not shown.
    opened.evaluate("commands.single(), commands.channel(1), commands.model(1)")
    assert opened.evaluate("[app.channel, modelOf(pane()).channels]") == [2, 3]


def test_the_link_holds_a_second_grid_that_is_like_the_first(open_page: Any, odd_file: Path) -> None:
    opened = open_page("#paused=1", file=odd_file)
    assert grids(opened, "speed") == [60, 120]
    opened.evaluate("app.link = false, commands.select(1), commands.setting('speed', 60), commands.model(1)")
    opened.evaluate("commands.setting('fireRate', 0.5)")
    opened.until("location.hash.includes('b.fireRate=0.5')")
    again = open_page(opened.evaluate("location.hash"), file=odd_file)
    assert grids(again, "[speed, grid.info.name, grid.settings.fireRate]") == [[60, "noise", 0.5], [60, "own", 0.5]]


def test_words_of_javascript_are_no_patterns(open_page: Any, odd_file: Path) -> None:
    opened = open_page("#rate=constructor&align=toString&size=3x3&grids=1", file=odd_file)
    opened.until("pane().grid.steps > 0")
    assert opened.evaluate("[pane().rate, pane().align, app.size]") == ["even", "even", "8x8"]
    # A long name takes two lines, and is whole when one points at it.
    opened.evaluate("commands.model(2)")
    opened.until("byId('name').title.length > 400")
    assert opened.locator("#name").bounding_box()["height"] < 60
    assert opened.evaluate("byId('side').scrollWidth <= byId('side').clientWidth")
    assert opened.errors == []


def test_a_page_that_cannot_start_says_so(open_page: Any) -> None:
    opened = open_page("", script="Object.fromEntries = () => { throw new Error('odd'); };", wait=False)
    opened.wait_for_selector("body.stopped")
    assert "could not start (odd)" in opened.locator("#sentence").inner_text()
    assert opened.locator("#still img").evaluate("(image) => getComputedStyle(image).opacity") == "1"


def test_fields_take_the_nearest_number_and_show_it(open_page: Any, odd_file: Path) -> None:
    opened = open_page("#paused=1&grids=1&seed=7", file=odd_file)
    seed, width = opened.get_by_label("Random seed"), opened.locator("[data-side=width]")
    opened.evaluate("commands.step()")
    for typed, taken in (("abc", 7), ("-5", 0), ("9999999999", 2**32 - 1), (" 12 ", 12), ("", 12)):
        seed.fill(typed)
        seed.press("Enter")
        assert (seed.input_value(), opened.evaluate("pane().grid.seed")) == (str(taken), taken)
    for typed, taken in (("3", 8), ("x", 8), ("40", 40)):
        width.fill(typed)
        width.press("Enter")
        assert (width.input_value(), opened.evaluate("app.size")) == (str(taken), f"{taken}x16")
    width.fill("99")
    width.press("Escape")
    assert (width.input_value(), opened.evaluate("app.size")) == ("40", "40x16")
    assert opened.evaluate("document.activeElement === document.body")
    assert opened.evaluate("[1, 0.4, 2, 60].map((speed) => shown(SLIDERS.speed, speed))") == [
        "1 step/s", "0.4 steps/s", "2 steps/s", "60 steps/s",
    ]  # fmt: skip


@pytest.mark.parametrize("size", [(1280, 800), (390, 844), (320, 568), (520, 360), (400, 300)], ids=str)
def test_the_grid_has_its_size_before_its_first_step(open_page: Any, size: tuple[int, int]) -> None:
    watch = (
        "window.resized = []; const wait = setInterval(() => { if (typeof Grid !== 'function') return;"
        " clearInterval(wait); const plain = Grid.prototype.resize; Grid.prototype.resize = function (...size) {"
        " resized.push([this.steps, ...size]); return plain.apply(this, size); }; }, 0);"
    )
    opened = open_page("", size=size, phone=size[0] < 500, script=watch)
    opened.until("pane().grid.steps > 2")
    assert [steps for steps, *_ in opened.evaluate("resized") if steps] == []
    opened.evaluate("commands.compare('speeds')")
    opened.wait_for_timeout(300)
    off = opened.evaluate(
        "[...document.querySelectorAll('.port')].map((port, index) => app.panes[index].port.y"
        " - port.getBoundingClientRect().top + byId('canvas').getBoundingClientRect().top)"
    )
    assert off == pytest.approx([0, 0], abs=0.01)
    assert len(set(map(tuple, grids(opened, "[grid.width, grid.height]")))) == 1
    assert opened.locator(".port").first.bounding_box()["height"] > 100
    cut = "[...document.querySelectorAll('.run span')].filter((each) => each.scrollWidth > each.clientWidth).length"
    assert opened.evaluate(cut) == 0
