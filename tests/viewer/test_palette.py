"""The palette: which commands a typed text means.

`python tests/viewer/test_palette.py typing FOLDER` runs the scenario that has a window.
"""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import NOTEBOOK_CONFIG, apart, random_model, small
from hypothesis import given
from hypothesis import strategies as st

from ncaengine.core.errors import NCAError
from ncaengine.core.looks import Look
from ncaengine.core.model import Seed
from ncaengine.core.settings import Settings
from ncaengine.simulation import commands
from ncaengine.viewer.dialogs.palette_commands import ALIASES, SIZE, matching
from ncaengine.viewer.dialogs.palette_numbers import NUMBER
from ncaengine.viewer.keymap import TABLE
from ncaengine.viewer.state import preferences
from ncaengine.viewer.state.brush import Brush
from ncaengine.viewer.state.fuzzy import match_letters, match_words, tokens
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.preferences import Preferences
from ncaengine.viewer.state.recorder import Recorder
from ncaengine.viewer.state.session_file import SessionFile


def test_letters_match_without_case_and_spaces() -> None:
    assert match_letters("fr", "Fire rate") is not None
    assert match_letters("FIRE  RATE", "Fire rate") is not None
    assert match_letters("rf", "Fire rate") is None
    assert match_letters("fire rates", "Fire rate") is None


@pytest.mark.parametrize(
    ("typed", "best", "other"),
    [
        ("hex", "Kernel: Hexagonal", "Half as fast, next of all: x"),
        ("lod", "Light or dark", "Sell old things"),
        ("quit", "Quit", "Square, quick it"),
        ("theme", "Theme: dark", "Select the next grid, make it mine"),
        ("kernel: square", "Kernel: Square", "Kernel: Square, radius 2"),
    ],
)
def test_runs_of_letters_starts_of_words_and_short_titles_rank_higher(typed: str, best: str, other: str) -> None:
    first, second = match_letters(typed, best), match_letters(typed, other)
    assert first is not None
    assert second is None or first > second


@given(st.text(max_size=12), st.text(max_size=40))
def test_a_title_matches_if_its_letters_come_in_order(typed: str, title: str) -> None:
    found = match_letters(typed, title)
    letters = "".join(typed.lower().split())
    left = iter(title.lower())
    assert (found is not None) == all(letter in left for letter in letters)


@pytest.mark.parametrize(
    ("typed", "name", "number"),
    [
        ("Fire rate 0.3", "Fire rate", "0.3"), ("rotation -90", "rotation", "-90"), ("speed60", "speed", "60"),
        ("cell scale .5", "cell scale", ".5"), ("fire rate 0,25", "fire rate", "0,25"), ("turn 45°", "turn", "45"),
    ],
)  # fmt: skip
def test_a_number_may_follow_a_name(typed: str, name: str, number: str) -> None:
    found = NUMBER.match(typed)
    assert found
    assert (found["name"], found["number"]) == (name, number)


@pytest.mark.parametrize(
    ("typed", "size"),
    [("size 384x256", ("384", "256")), ("Size 384 256", ("384", "256")), ("64", ("64", None)), ("grid", None)],
)
def test_a_size_is_one_or_two_numbers(typed: str, size: tuple[str, str | None] | None) -> None:
    found = SIZE.search(typed)
    assert (found and found.groups()) == size


class StandIn:
    """Replaces an App with one grid, and notes what it is asked to do."""

    def __init__(self) -> None:
        kernel = SimpleNamespace(name="square", title="Square")
        model = SimpleNamespace(
            config=SimpleNamespace(channels=12, name="dots", kernels=("square",), fire_rate=0.5, seed=Seed())
        )
        self.grid = SimpleNamespace(
            backdrop=None,
            id=1, settings=Settings(), size=(64, 32), rng_seed=5, kernel=kernel, model=model, models=[model],
            look=Look(),
        )  # fmt: skip
        self.panes = [SimpleNamespace(grid=self.grid)]
        self.sim = SimpleNamespace(
            catalogue=SimpleNamespace(kernels={"square": kernel}), grids={1: self.grid}, journal=[], patch=None,
            arrays={}, register=lambda model: "dots",
        )  # fmt: skip
        self.watch = SimpleNamespace(path_of=lambda model: None)
        self.recorder, self.brush = Recorder(self.sim), Brush()  # type: ignore[arg-type]
        self.models, self.resize_keep, self.prefs = {"dots": model}, "centre", Preferences()
        self.session_file = SessionFile()
        self.done: list[Any] = []

    def submit_linked(self, make: Callable[[int], Any]) -> None:
        self.done.append(make(1))

    def linked_grids(self) -> list[int]:
        return [1]

    def name_of(self, model: Any) -> str:
        return str(model.config.name)

    def __getattr__(self, name: str) -> Any:
        return lambda *values: self.done.append((name, *values))


@pytest.mark.parametrize(
    ("typed", "title", "done"),
    [
        ("fire rate 0.30", "Fire rate 0.30", commands.Set(1, "fire_rate", 0.3)),
        ("speed 30 steps", "Speed 30 steps/s", commands.Set(1, "steps_per_second", 30)),
        ("xyzzy", "", None),
        ("rot -45°", "Rotation -45°", commands.Set(1, "angle", -45)),
        ("seed 12", "Seed 12", commands.Reseed(1, 12)),
        ("384 x 256", "Size 384 × 256", commands.Resize(1, (384, 256), "centre")),
        ("size 96", "Size 96 × 96", commands.Resize(1, (96, 96), "centre")),
        ("kern squ", "Kernel: Square", commands.SetKernel(1, "square")),
        ("fire rate", "Fire rate", None),
        ("text size 1.5", "Text size 1.5", None),
        ("record", "Start or stop recording", None),
        ("delete", "Remove the grid", None),
        ("redo", "Redo the last undone edit", None),
        ("theme", "Theme: dark", None),
        ("scale 2", "Cell scale 2×", commands.Set(1, "scale", 2)),
        ("gain", "Gain", None),
        ("size", "Size", None),
        ("bubbles", "Open bubbles", None),
        ("bubbles beside", "Open bubbles in a new grid", None),
        ("bubbles in a new grid", "Open bubbles in a new grid", None),
        ("overlay rate", "Outline: Rate", None),
        ("tint", "Outline: Rate", None),
        ("brush size", "Brush radius", None),
        ("channel", "Channel", None),
        ("alive", "Show: Alive", None),
        ("gif", "Recording: GIF", None),
        ("fps 24", "Recording: 24 frames/s", None),
        ("steps per frame 4", "Recording: 4 steps a frame", None),
        ("paint at the middle", "Paint at the middle", None),
    ],
)
def test_typed_text_finds_the_command(typed: str, title: str, done: Any) -> None:
    app: Any = StandIn()
    app.attempt = lambda action: action()
    found = matching(app, typed)
    assert (found[0].title if found else "") == title
    if done:
        assert found[0].action
        found[0].action()
        assert app.done == [done]


@pytest.mark.parametrize(
    ("typed", "now"),
    [
        ("radius 12", lambda app: app.brush.radius == 12),
        ("brush size 7,5", lambda app: app.brush.radius == 7.5),
        ("strength 0.5", lambda app: app.brush.strength == 0.5),
        ("softness 20 %", lambda app: app.brush.softness == 0.2),
        ("brush rate 2", lambda app: app.brush.values["rate"] == 2),
        ("record to film.gif", lambda app: (app.recorder.name, app.recorder.ending) == ("film.gif", ".gif")),
        ("format webp", lambda app: app.recorder.ending == ".webp"),
        ("30 fps", lambda app: app.recorder.fps == 30),
        ("recording scale 4", lambda app: app.recorder.scale == 4),
        ("steps per frame 8", lambda app: app.recorder.steps_per_frame == 8),
        ("length 12.5", lambda app: app.recorder.length == 12.5),
        ("delay 3", lambda app: app.recorder.delay == 3),
        ("record all grids", lambda app: app.recorder.source == "all"),
    ],
)
def test_typed_text_changes_the_brush_and_the_recording(typed: str, now: Callable[[Any], bool]) -> None:
    app: Any = StandIn()
    app.attempt = lambda action: action()
    found = matching(app, typed)[0]
    assert found.action
    assert not now(app)
    found.action()
    assert now(app)


def test_a_recording_starts_from_the_seed_or_from_the_present_cells() -> None:
    app: Any = StandIn()
    for typed, wanted in (("from the current cells", False), ("from the seed", True)):
        (found, *_) = matching(app, typed)
        assert found.action
        found.action()
        assert app.recorder.from_seed is wanted


def test_a_number_out_of_range_is_an_error() -> None:
    app: Any = StandIn()
    app.attempt = lambda action: action()
    (found, *_) = matching(app, "radius 0")
    assert found.action
    with pytest.raises(NCAError, match=r"^Brush radius is 0; it must be 0\.5 to 512 cells\.$"):
        found.action()


def test_letters_count_only_if_no_words_match() -> None:
    app: Any = StandIn()
    for typed, stranger in (("delete", "Open a model"), ("gain", "Redo"), ("record", "Show lines")):
        found = [entry.title for entry in matching(app, typed)]
        assert found
        assert not any(title.startswith(stranger) for title in found), found
    assert "Fire rate" in [entry.title for entry in matching(app, "frrt")]


def test_aliases_belong_to_existing_keys() -> None:
    assert set(ALIASES) <= {entry.shown for entry in TABLE}


@given(st.text(max_size=20), st.text(max_size=30))
def test_words_match_by_their_first_letters(typed: str, phrase: str) -> None:
    found = match_words(typed, phrase)
    wanted, words = tokens(typed), tokens(phrase)
    assert (found is not None) == (
        bool(wanted) and all(any(word.startswith(part) for word in words) for part in wanted)
    )
    if wanted:
        assert match_words(typed, typed) == 3
        assert found is None or found <= 3


@given(st.text(max_size=30) | st.from_regex(r"(size|seed|text size|rotation) ?-?[0-9., x%]*", fullmatch=True))
def test_no_typed_or_chosen_command_fails(typed: str) -> None:
    app: Any = StandIn()
    for entry in matching(app, typed):
        if entry.action and entry.title not in {e.help for e in TABLE}:
            entry.action()
    assert preferences.LEAST_TEXT <= app.prefs.text_size <= preferences.MOST_TEXT


def test_without_a_grid_only_commands_of_the_window_are_offered() -> None:
    app: Any = StandIn()
    app.panes = []
    assert {entry.title for entry in matching(app, "")} >= {"Quit", "Theme: light", "Text size"}
    assert not {"Fire rate", "Size", "Pause or run", "Grid 1"} & {entry.title for entry in matching(app, "")}


# Typing while frames are slow


def typing(folder: Path) -> None:
    """Check that letters typed right after Ctrl+P aren't lost and that many of them arrive in one frame."""
    import glfw
    from imgui_bundle import imgui

    from ncaengine.core import kernels
    from ncaengine.viewer.window import Window

    calls: list[Any] = []
    real = glfw.set_key_callback

    def keep(window: Any, call: Any) -> Any:
        calls.append(call)
        return real(window, call)

    glfw.set_key_callback = keep
    models = [random_model(small(NOTEBOOK_CONFIG, name="a"))]
    with Window(models, Options((40, 40)), kernels.discover(), hidden=True) as window:
        app, io, key = window.app, imgui.get_io(), imgui.Key
        box = window.layout._palette

        def write(text: str) -> None:
            for letter in text:
                code = ord(letter.upper())
                calls[0](None, code, 0, glfw.PRESS, 0)
                io.add_input_character(ord(letter))
                calls[0](None, code, 0, glfw.RELEASE, 0)

        def tap(*chord: imgui.Key) -> None:
            for down in (True, False):
                for part in chord:
                    io.add_key_event(part, down)

        for _ in range(3):
            window.frame()
        tap(key.mod_ctrl, key.p)
        write("hex")
        for _ in range(8):
            window.frame()
        assert box._typed == "hex"
        write("agonal")
        window.frame()
        window.frame()
        assert box._typed == "hexagonal"
        assert app.grid.kernel.name == "square"
        tap(key.enter)
        window.frame()
        window.frame()
        assert app.grid.kernel.name == "hexagonal"
        assert app.brush.tool == "look"
        write("e")  # a letter is a shortcut again
        window.frame()
        window.frame()
        assert app.brush.tool == "erase"


def test_typing_in_slow_frames(tmp_path: Path) -> None:
    apart(__file__, "typing", tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    globals()[sys.argv[1]](Path(sys.argv[2]))
