"""What notebooks display, by media type, and what a live widget does with a browser's messages."""

import base64
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, SELFORG, random_model, small
from PIL import Image

import ncaengine as nca
from ncaengine.backends.torch import TorchBackend
from ncaengine.core.model import Config, Feature
from ncaengine.simulation.commands import Load, Paint, Set, SetModel
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.notebook import display, frame, live
from ncaengine.viewer.notebook.live import PageWidget, StreamWidget

MODEL = random_model(small(NOTEBOOK_CONFIG))
WIDE = random_model(
    Config(channels=256, hidden=1, features=tuple(Feature("identity", g) for g in range(1, 6)), name="w")
)
"""More inputs than a page's shaders can have."""


@pytest.fixture
def sim(catalogue) -> Simulation:
    found = Simulation(TorchBackend(), catalogue)
    found.add(MODEL, (24, 16), kernel="hexagonal", rng_seed=3)
    found.step(2)
    return found


def bundle_of(thing: Any) -> dict[str, str]:
    return thing._repr_mimebundle_()


def picture(bundle: dict[str, str]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))


def addresses(html: str) -> list[str]:
    """What the HTML, with the page in its frame, would load."""
    found = re.findall(
        r"(?:src|href|url|action|poster|data)\s*[=(]\s*(?:&quot;|[\"'])?\s*([\w+.-]*:?//[^\"'& )]*)", html
    )
    return found + re.findall(r"\b(?:https?|wss?|ftp)://[^\"'& )]*", html)


def test_grids_and_simulations_display_a_page_and_a_picture(sim: Simulation) -> None:
    for thing in (sim, sim.grid(), sim.show()):
        bundle = bundle_of(thing)
        assert set(bundle) == {"text/html", "image/png"}
        html = bundle["text/html"]
        assert re.findall(r'<iframe sandbox="([^"]*)"', html) == ["allow-scripts allow-downloads"]
        assert re.search(r'srcdoc="<!doctype html>[^"]*</html>\s*"', html)
        assert addresses(html) == []
        assert np.array_equal(np.asarray(picture(bundle)), sim.image(scale=20))


def test_a_large_grid_has_a_small_picture_and_begins_at_its_seed(catalogue) -> None:
    with Simulation(TorchBackend(), catalogue) as sim:
        sim.add(MODEL, (600, 400))
        sim.step()
        bundle = bundle_of(sim)
        assert picture(bundle).size == (480, 320)
        assert "id=&quot;begin&quot;" not in bundle["text/html"]
        sim.resize((500, 400))
        assert "id=&quot;begin&quot;" in bundle_of(sim)["text/html"]


def test_the_look_and_the_height_can_be_chosen(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []
    monkeypatch.setattr(display.page, "page", lambda *given: starts.append(given[4]) or "<body></body>")
    html = sim.show(controls=False, height=321).html
    assert "height:321px" in html
    sim.set("paused", True)
    sim.show()
    assert [start["embed"] for start in starts] == [True, False]
    assert [start["paused"] for start in starts] == [False, True]
    assert starts[0] == starts[1] | {"embed": True, "paused": False}
    assert {name: starts[0][name] for name in ("model", "kernel", "size", "seed")} == {
        "model": "small", "kernel": "hexagonal", "size": "24x16", "seed": 3,
    }  # fmt: skip


def test_models_display_what_they_grow_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display.pages, "STEPS", 8)
    bundle = bundle_of(MODEL)
    assert picture(bundle).size == (4 * 96, 4 * 96)
    assert "<iframe" in bundle["text/html"]
    monkeypatch.setattr(display, "rollout", None)
    assert bundle_of(MODEL) == bundle
    assert bundle_of(MODEL.show()) == bundle
    with pytest.raises(nca.NCAError, match="no kernel"):
        MODEL.show(kernel="round")


def test_what_a_page_cannot_run_is_a_picture_and_a_sentence(catalogue) -> None:
    with Simulation(TorchBackend(), catalogue) as sim:
        sim.add(WIDE, 16)
        for bundle in (bundle_of(sim), bundle_of(sim.grid())):
            assert "<iframe" not in bundle["text/html"]
            assert "A page cannot run the model &#x27;w&#x27;, because it has 1280 inputs" in bundle["text/html"]
            assert np.array_equal(np.asarray(picture(bundle)), sim.image(scale=30))
        assert isinstance(sim.show(live=True), StreamWidget)


@pytest.mark.parametrize("height", [-5, 0, "abc", 360.5, 10**9])
@pytest.mark.parametrize("more", [{}, {"live": True}], ids=str)
def test_a_height_is_a_number_of_pixels(sim: Simulation, height: Any, more: dict[str, bool]) -> None:
    with pytest.raises(nca.NCAError, match="whole number of CSS pixels"):
        sim.show(height=height, **more)


def test_a_widget_of_a_removed_grid_says_so(sim: Simulation) -> None:
    live, stream = sim.show(live=True), sim.show(stream=True)
    sim.remove()
    for ask in (live.push, live.state, stream.state, lambda: stream.receive({"kind": "frame"}, [])):
        with pytest.raises(nca.NCAError, match="was removed"):
            ask()


def test_nothing_to_show_is_left_to_the_text(catalogue) -> None:
    with Simulation(TorchBackend(), catalogue) as sim:
        assert bundle_of(sim) == {}
        with pytest.raises(nca.NCAError, match="no grid"):
            sim.show()
    alien = random_model(Config(channels=3, hidden=2, features=(Feature("unheard_of"),), name="alien"))
    assert bundle_of(alien) == {}
    with pytest.raises(nca.NCAError, match="unheard_of"):
        alien.show()


@pytest.mark.parametrize(("name", "kind"), [("a.mp4", "video/mp4"), ("a.gif", "image/gif"), ("a.webp", "image/webp")])
def test_recordings_display_their_video(sim: Simulation, tmp_path: Path, name: str, kind: str) -> None:
    with nca.Recording(tmp_path / name, sim, fps=20, scale=2) as video:
        video.run(0.2)
        assert bundle_of(video) == {}
    html = bundle_of(video)["text/html"]
    assert html.startswith("<video" if kind.startswith("video") else "<img")
    (content,) = re.findall(rf'src="data:{kind};base64,([^"]*)"', html)
    assert base64.b64decode(content) == (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    assert bundle_of(video) == {}


def test_a_folder_of_frames_has_no_display(sim: Simulation, tmp_path: Path) -> None:
    with nca.Recording(f"{tmp_path}/frames/", sim, fps=20) as video:
        video.capture()
    assert bundle_of(video) == {}


def test_a_title_is_text_in_html() -> None:
    html = frame.framed("<body>\"&'</body>", b"", "data:,", '"><script>', 100).html
    assert "<script>" not in html.replace("allow-scripts", "")
    assert 'srcdoc="<body>&quot;&amp;\'</body>"' in html


# Live widgets


def test_without_the_extra_one_sentence_says_what_to_install(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "ncaengine.viewer.notebook.live")
    monkeypatch.delattr("ncaengine.viewer.notebook.live")
    with pytest.raises(nca.NCAError, match=r"pip install 'ncaengine\[notebook\]'"):
        sim.show(live=True)
    assert "<iframe" in bundle_of(sim)["text/html"]


def test_a_widget_comes_with_a_picture(sim: Simulation) -> None:
    for widget in (sim.show(live=True), sim.show(stream=True)):
        found = widget._repr_mimebundle_()
        bundle = found[0] if isinstance(found, tuple) else found
        assert "application/vnd.jupyter.widget-view+json" in bundle
        assert np.array_equal(np.asarray(picture(bundle)), sim.image(scale=20))


def test_cells_of_the_browser_are_the_widgets_state(sim: Simulation) -> None:
    widget = sim.show(live=True)
    assert isinstance(widget, PageWidget)
    assert np.array_equal(widget.state(), sim.state())
    cells = np.arange(16 * 24 * 5, dtype="<f4").reshape(16, 24, 5) / 1000
    heard: list[Any] = []
    widget.send = lambda message, buffers=None: heard.append(message)
    widget.receive({"kind": "cells", "size": [24, 16], "steps": 40}, [cells.tobytes()])
    assert heard == [{"kind": "seen"}]
    assert widget.step == 40
    assert np.array_equal(widget.state(), cells)
    assert widget.state().dtype == np.float32
    assert not np.array_equal(sim.state(), cells)
    widget.pull()
    assert np.array_equal(sim.state(), cells)
    widget.state()[:] = 0
    assert np.array_equal(widget.state(), cells)


def test_commands_of_the_browser_are_in_the_journal(sim: Simulation) -> None:
    second = random_model(small(NOTEBOOK_CONFIG, name="second"), 9)
    sim.submit(SetModel(sim.grid(), sim.register(second), 1))
    widget, started = sim.show(live=True), len(sim.journal)
    cells = np.full((16, 24, 5), 0.25, "<f4")
    stroke = {"path": [[1, 2], [3, 4.5]], "radius": 3, "softness": 0.5, "strength": 1, "value": 1, "more": False}
    widget.receive({"kind": "Load", "size": [24, 16], "steps": 7}, [cells.tobytes()])
    widget.receive({"type": "Paint", "tool": "noise", **stroke}, [])
    widget.receive({"type": "Set", "setting": "fire_rate", "value": 0.75}, [])
    widget.receive({"type": "SetModel", "model": -1, "slot": 1}, [])
    widget.receive({"type": "SetModel", "model": 1, "slot": 0}, [])
    made = [entry.command for entry in sim.journal[started:]]
    assert made == [
        Load(1, "state"), Paint(1, "noise", ((1, 2), (3, 4.5)), 3, 1, 0.5, 1),
        Set(1, "fire_rate", 0.75), SetModel(1, "", 1), SetModel(1, "second", 0),
    ]  # fmt: skip
    assert sim.grid().models == (second,)
    repeated = Simulation(TorchBackend(), sim.catalogue)
    for model in (MODEL, second):
        repeated.register(model)
    repeated.register_array("state", cells)
    repeated.replay(sim.journal)
    assert np.array_equal(repeated.state(), sim.state())


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"type": "RemoveGrid"}, "can't submit 'RemoveGrid'"),
        ({}, "can't submit None"),
        ({"type": "Set", "setting": "fire_rate", "value": 7}, "Fire rate is 7"),
        ({"type": "Set", "setting": "fire_rate", "value": "x"}, "is not valid"),
        ({"type": "Paint", "tool": "erase", "path": []}, "is not valid"),
        ({"type": "SetModel", "model": 8, "slot": 0}, "no model 8"),
        ({"kind": "cells", "size": [5, 5], "steps": 1}, "don't fit"),
    ],
)
def test_what_a_browser_may_not_do_is_said_below_the_frame(sim: Simulation, message: dict[str, Any], said: str) -> None:
    widget, journal, heard = sim.show(live=True), list(sim.journal), []
    widget.send = lambda message, buffers=None: heard.append(message)
    widget.hear(widget, message, [b"\0" * 12])
    assert heard[0]["kind"] == "said"
    assert said in heard[0]["text"]
    assert sim.journal == journal


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass on the clock of the streams."""
    now = [0.0]
    monkeypatch.setattr(live, "monotonic", lambda: now[0])
    return lambda seconds: now.append(now.pop() + seconds)


def test_a_stream_sends_pictures_only_when_something_changed(sim: Simulation, wait: Callable[[float], None]) -> None:
    widget, sent = sim.show(stream=True), []
    widget.send = lambda message, buffers=None: sent.append((message, buffers))
    widget.receive({"kind": "frame", "asker": 7, "first": True}, [])
    wait(0.1)
    widget.receive({"kind": "frame"}, [])
    widget.receive({"type": "Set", "setting": "paused", "value": True}, [])
    for _ in range(2):
        wait(0.1)
        widget.receive({"kind": "frame"}, [])
    widget.receive({"kind": "frame", "asker": 8, "first": True}, [])
    (start, _), (first, pictures), (second, more), (_, none), (last, shown_again) = sent
    assert (start["asker"], last["asker"]) == (7, 8)
    assert (start["step"], first["step"], first["paused"], second["paused"]) == (2, 2 + 6, False, True)
    shown = Image.open(io.BytesIO(pictures[0]))
    assert shown.size == sim.image(scale=20).shape[1::-1]
    assert (len(more), len(none), len(shown_again)) == (1, 0, 1)


def test_all_streams_of_a_simulation_have_one_clock(sim: Simulation, wait: Callable[[float], None]) -> None:
    for widget in (sim.show(stream=True), sim.show(stream=True)) * 3:
        widget.send = lambda message, buffers=None: None
        widget.receive({"kind": "frame"}, [])
        wait(0.1)
    assert sim.grid().step == 2 + 5 * 6


def test_a_refusal_is_read_until_the_same_can_be_done(sim: Simulation) -> None:
    widget, heard = sim.show(stream=True), []
    widget.send = lambda message, buffers=None: heard.append(message.get("text"))
    for setting, value in (("fire_rate", 7), ("scale", 0.5), ("fire_rate", 0.5)):
        widget.hear(widget, {"type": "Set", "setting": setting, "value": value}, [])
        widget.hear(widget, {"kind": "frame"}, [])
    assert "Fire rate is 7" in heard[0]
    assert heard[1:] == [None, None, "", None]


def test_a_slow_grid_falls_behind_instead_of_blocking(catalogue, wait, monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulation(TorchBackend(), catalogue) as sim:
        sim.add(random_model(msgspec.structs.replace(small(SELFORG), name="slow")), 16, steps_per_second=7200)
        widget = sim.show(stream=True)
        widget.send = lambda message, buffers=None: None
        monkeypatch.setattr("ncaengine.viewer.notebook.live.MOST_WORK", 16 * 16 * 3)
        for _ in range(1 + 4):
            widget.receive({"kind": "frame"}, [])
            wait(1.0)
        assert sim.grid().step == 4 * 3
