"""What notebooks display, in a real browser: the page in its frame runs and draws, and a live widget tells of it."""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, random_model, small
from playwright.sync_api import Browser, Error, Frame, Page

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.kernels import Catalogue
from ncaengine.core.types import F32
from ncaengine.simulation.commands import Fill, Load, Paint, Reseed, Resize, Set, SetKernel
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.notebook.live import PageWidget, StreamWidget, script

HARNESS = """
  window.sent = [];
  const listeners = new Set();
  window.model = {
    get: (name) => traits[name],
    send: (message, _, buffers) => sent.push([message, ...(buffers || []).map(encoded)]),
    on: (_, listener) => listeners.add(listener),
    off: (_, listener) => listeners.delete(listener),
  };
  const encoded = (buffer) => {
    let text = "";
    for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  };
  const decoded = (text) => new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  window.answer = (message, buffers) => {
    for (const listener of listeners) listener(message, buffers.map(decoded));
  };
"""
"""A notebook's side of a widget: what is sent is kept, and `answer` gives the view what Python says."""


@pytest.fixture
def sim(catalogue: Catalogue) -> Simulation:
    """A grid of a few steps that stands still."""
    found = Simulation(TorchBackend(), catalogue)
    found.add(random_model(small(NOTEBOOK_CONFIG)), (24, 16), rng_seed=5)
    found.step(5)
    found.set("paused", True)
    return found


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """An empty tab; the test may cause no request, and no error."""
    page, said = browser.new_page(), []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("request", lambda request: said.append(f"request: {request.url}"))
    yield page
    page.close()
    assert [line for line in said if not line.startswith(("request: data:", "request: blob:"))] == []


def until(page: Page, where: Page | Frame, condition: str) -> None:
    for _ in range(1200):
        try:
            if where.evaluate(f"Boolean({condition})"):
                return
        except Error as error:
            if "context was destroyed" not in error.message:  # a frame that gets another page
                raise
        page.wait_for_timeout(50)
    raise AssertionError(f"This did not come true: {condition}")


def framed(page: Page) -> Frame:
    """The page in the frame, once its grid is there."""
    frame = page.main_frame.child_frames[0]
    until(page, frame, "typeof app !== 'undefined' && app.ready && app.shown")
    return frame


def cells(frame: Frame, channels: int = 5) -> F32:
    width, height = frame.evaluate("[app.panes[0].grid.width, app.panes[0].grid.height]")
    flat = frame.evaluate("Array.from(app.panes[0].grid.read())")
    return np.array(flat, np.float32).reshape(height, width, channels)


def test_the_frame_goes_on_from_the_grid_and_draws(tab: Page, sim: Simulation) -> None:
    grid = sim.grid()
    sim.fill("rate", "halves", (0.25, 1.0))
    tab.set_content(sim.show(controls=False, height=300)._repr_mimebundle_()["text/html"])
    frame = framed(tab)
    until(tab, frame, "app.panes[0].grid.steps === 5")
    assert np.allclose(cells(frame), grid.state(), atol=2e-3)
    assert set(frame.evaluate("Array.from(app.panes[0].grid.readFields())")[::4]) == {0.25, 1}
    assert frame.evaluate("document.body.classList.contains('embed') && app.paused")
    picture = tab.locator("iframe").screenshot()
    assert len(set(picture)) > 100
    before = cells(frame)
    frame.evaluate("commands.pause()")
    until(tab, frame, "app.panes[0].grid.steps > 8")
    assert not np.array_equal(cells(frame), before)


def test_the_frame_cannot_reach_the_notebook(tab: Page, sim: Simulation) -> None:
    tab.set_content(sim.show(height=300)._repr_mimebundle_()["text/html"])
    reach = "(() => { try { return String(parent.document); } catch (error) { return error.name; } })()"
    assert framed(tab).evaluate(reach) == "SecurityError"


class Notebook:
    """A live widget in a tab, whose messages go to Python when `listen` is called, as between two cells."""

    def __init__(self, tab: Page, widget: PageWidget | StreamWidget, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tab, self.widget = tab, widget
        monkeypatch.setattr(widget, "send", self.answer)
        names = [name for name in widget.keys if not name.startswith("_")]
        traits = {name: getattr(widget, name) for name in names if isinstance(getattr(widget, name), str | int | dict)}
        tab.set_content("<!doctype html><div id=view></div>")
        tab.evaluate(f"(traits) => {{ {HARNESS} }}", traits)
        name = "frame.js" if isinstance(widget, PageWidget) else "stream.js"
        tab.add_script_tag(content=script(name).replace("export default", "window.view ="))
        tab.evaluate("() => { window.end = view.render({ model, el: document.getElementById('view') }); }")
        if isinstance(widget, PageWidget):
            assert self.listen() == ["hello"]

    def answer(self, message: Any, buffers: Any = ()) -> None:
        self.tab.evaluate(
            "([message, buffers]) => answer(message, buffers)",
            [message, [base64.b64encode(buffer).decode() for buffer in buffers]],
        )

    def listen(self, condition: str = "") -> list[str]:
        """Let Python hear what was sent, after it fulfils a condition; return the kinds."""
        if condition:
            until(self.tab, self.tab, condition)
        heard = self.tab.evaluate("sent.splice(0)")
        for message, *buffers in heard:
            self.widget.receive(message, [base64.b64decode(text) for text in buffers])
        return [message.get("kind") or message["type"] for message, *_ in heard]


def test_strokes_and_settings_of_a_live_page_are_commands(
    tab: Page, sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = sim.show(live=True, height=400)
    notebook = Notebook(tab, widget, monkeypatch)
    frame, grid = framed(tab), sim.grid()
    assert "cells" in notebook.listen("sent.some(([message]) => message.kind === 'cells')")
    assert np.array_equal(widget.state(), grid.state())

    started = len(sim.journal)
    frame.evaluate("commands.setting('fireRate', 0.25)")
    frame.evaluate("app.panes[0].grid.step(3)")
    frame.evaluate(
        """for (const x of [4, 6, 8])
             app.panes[0].grid.paint({ x, y: 5 }, { x: x + 2, y: 5 }, 3, "erase", 1, { seed: 7, softness: 0 })"""
    )
    notebook.listen("sent.some(([message]) => message.type === 'Paint')")
    frame.evaluate("commands.kernel('hexagonal'); commands.rate('stripes')")
    notebook.listen("sent.some(([message]) => message.type === 'Fill')")
    made = [entry.command for entry in sim.journal[started:]]
    assert [type(command) for command in made] == [Set, Load, Paint, SetKernel, Fill]
    assert made[0].setting == "fire_rate"
    assert grid.settings.fire_rate == 0.25
    assert made[2].path[0] == (4, 5)
    assert made[2].path[-1] == (10, 5)
    assert made[2].tool == "erase"
    assert grid.kernel.name == "hexagonal"
    assert set(np.unique(grid.field("rate"))) == {0.25, 1}
    assert np.allclose(grid.state(), cells(frame), atol=1e-6)

    frame.evaluate("commands.seed(77)")
    frame.evaluate("commands.size('32x24')")
    notebook.listen("sent.some(([message]) => message.type === 'Fill')")
    made = [type(entry.command) for entry in sim.journal[started + 5 :]]
    assert made == [Reseed, Resize, Fill]
    assert grid.size == (32, 24)
    assert grid.rng_seed == 77


def test_the_cells_come_back_and_go_out(tab: Page, sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    widget = sim.show(live=True, height=400)
    notebook = Notebook(tab, widget, monkeypatch)
    frame = framed(tab)
    frame.evaluate("app.panes[0].grid.step(4)")
    while widget.step != 9:
        notebook.listen("sent.length")
    assert np.array_equal(widget.state(), cells(frame))
    widget.pull()
    assert np.array_equal(sim.state(), cells(frame))
    sim.load(np.full((20, 28, 5), 0.5))
    sim.fill("scale", "even", (0.5, 1.0))
    before = len(sim.journal)
    widget.push()
    until(tab, frame, "app.panes[0].grid.width === 28 && app.panes[0].grid.read()[0] === 0.5")
    assert set(frame.evaluate("Array.from(app.panes[0].grid.readFields())")[1::4]) == {0.5}
    tab.wait_for_timeout(400)
    notebook.listen()
    assert len(sim.journal) == before, "what Python sent comes back as commands"


def test_a_second_view_goes_on_from_what_python_knows(
    tab: Page, sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = sim.show(live=True, height=200)
    notebook = Notebook(tab, widget, monkeypatch)
    old = framed(tab)
    old.evaluate("commands.setting('scale', 0.5), app.panes[0].grid.step(4)")
    while widget.step != 9:
        notebook.listen("sent.length")
    tab.evaluate("() => { view.render({ model, el: document.body.appendChild(document.createElement('div')) }); }")
    notebook.listen("sent.some(([message]) => message.kind === 'hello')")
    new = tab.main_frame.child_frames[1]
    until(tab, new, "typeof app !== 'undefined' && app.ready && app.shown && app.panes[0].grid.steps === 9")
    assert np.array_equal(cells(new), widget.state())
    assert new.evaluate("app.panes[0].grid.settings.scale") == 0.5

    old.evaluate("app.panes[0].grid.step(5)")
    new.evaluate("app.panes[0].grid.step(1)")
    while widget.step == 9:
        notebook.listen("sent.length")
    tab.wait_for_timeout(1300)
    notebook.listen()
    assert widget.step == 10, "Python hears the newest view"
    assert "shown in another place" in tab.locator("#view").inner_text()
    old.evaluate("commands.setting('angle', 90)")
    tab.wait_for_timeout(300)
    old.evaluate("commands.setting('angle', 80)")
    tab.wait_for_timeout(300)
    assert notebook.listen().count("hello") == 1
    until(tab, tab.main_frame.child_frames[0], "typeof app !== 'undefined' && app.ready && pane().grid.steps === 10")
    assert sim.grid().settings.angle == 0


def test_the_grid_that_is_left_of_a_comparison_is_told(
    tab: Page, sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = sim.show(live=True, height=400)
    notebook = Notebook(tab, widget, monkeypatch)
    frame, grid = framed(tab), sim.grid()
    notebook.listen("sent.length")
    frame.evaluate("commands.compare('kernels'), app.link = false, commands.select(1), commands.rate('halves')")
    frame.evaluate("commands.select(0), app.panes[1].grid.step(3), remove(), commands.setting('scale', 2)")
    notebook.listen("sent.some(([message]) => message.setting === 'scale')")
    assert grid.kernel.name == "hexagonal" == frame.evaluate("pane().grid.kernel")
    assert set(np.unique(grid.field("rate"))) == {0.25, 1}
    assert np.array_equal(grid.state(), cells(frame))
    assert frame.get_by_role("button", name="Link").count() == 0, "the frame of a notebook has no address"


def test_python_streams_pictures_and_hears_strokes(tab: Page, sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    sim.set("paused", False)
    notebook = Notebook(tab, sim.show(stream=True), monkeypatch)
    for _ in range(4):
        notebook.listen("sent.length")
    assert sim.grid().step > 5
    until(tab, tab, "document.querySelector('img').naturalWidth === 480")
    box = tab.locator("img").bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] / 2 + 30, box["y"] + box["height"] / 2)
    tab.mouse.up()
    for _ in range(3):
        notebook.listen("sent.length")
    tab.get_by_role("button", name="Pause").click()
    for _ in range(3):
        notebook.listen("sent.length")
    made = [entry.command for entry in sim.journal]
    (paint,) = [command for command in made if isinstance(command, Paint)]
    assert paint.path[0] == pytest.approx((11.5, 7.5), abs=0.1)
    assert paint.tool == "erase"
    assert sim.grid().settings.paused
    step = sim.grid().step
    notebook.listen("sent.length")
    assert sim.grid().step == step
    tab.evaluate("() => { window.end2 = view.render({ model, el: document.body.appendChild(make('div')) }); }")
    for _ in range(6):
        assert len(notebook.listen("sent.length")) <= 2, "each view asks once"
    until(tab, tab, "[...document.querySelectorAll('img')].every((each) => each.naturalWidth === 480)")

    tab.evaluate("() => { end(); end2(); sent.splice(0); view.render({ model, el: document.body }); }")
    asker = tab.evaluate("sent.splice(0)[0][0].asker")
    notebook.answer({"kind": "said", "text": "No memory.", "asker": asker})
    until(tab, tab, "sent.length === 1")
    assert tab.locator("[role=status]").last.inner_text() == "No memory."
