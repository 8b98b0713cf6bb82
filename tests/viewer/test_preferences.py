"""What the window remembers, its themes' contrast, and the arithmetic of its splitters and its palette.

`python tests/viewer/test_preferences.py typing FOLDER` runs the one scenario that has a window.
"""

import itertools
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, apart, random_model, small
from hypothesis import given
from hypothesis import strategies as st

from ncaengine.core.errors import NCAError
from ncaengine.core.looks import Look
from ncaengine.core.model import Seed
from ncaengine.core.settings import Settings
from ncaengine.simulation import commands
from ncaengine.viewer.dialogs.help import columned
from ncaengine.viewer.dialogs.palette_commands import ALIASES, SIZE, matching
from ncaengine.viewer.dialogs.palette_offers import NUMBER
from ncaengine.viewer.keymap import TABLE
from ncaengine.viewer.kit import theme
from ncaengine.viewer.kit.splitters import fitting, moved, spans
from ncaengine.viewer.state import preferences
from ncaengine.viewer.state.brush import Brush
from ncaengine.viewer.state.fuzzy import match_letters, match_words, tokens
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.preferences import Preferences
from ncaengine.viewer.state.recorder import Recorder
from ncaengine.viewer.state.session_file import SessionFile

# Preferences


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "window.json"
    wanted = Preferences("light", ["/a.pt"], (800, 500), False, False, [1.0, 2.5], [3.0], 24.5, 1.4)
    assert preferences.save_preferences(wanted, path)
    assert preferences.load_preferences(path) == wanted
    assert [file.name for file in path.parent.iterdir()] == ["window.json"]


def test_the_users_own_file_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences, "default_path", lambda: tmp_path / "window.json")
    assert preferences.load_preferences() == Preferences()
    assert preferences.save_preferences(Preferences(text_size=1.2))
    assert preferences.load_preferences().text_size == 1.2


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"3", b"\xff\xfe", b'{"theme": 3}', b"[" * 100_000])
def test_a_broken_file_gives_the_defaults(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "window.json"
    path.write_bytes(text)
    assert preferences.load_preferences(path) == Preferences()


def test_only_what_is_wrong_or_unknown_in_a_file_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    found = {
        "theme": "sepia", "recent": [f"/{i}" for i in range(30)], "size": [1, 2], "columns": [1, 0], "rows": [1, 2],
        "text_size": 50, "from a newer version": {},
    }  # fmt: skip
    path.write_bytes(msgspec.json.encode(found))
    assert preferences.load_preferences(path) == Preferences(recent=[f"/{i}" for i in range(20)], rows=[1, 2])


@given(
    st.dictionaries(st.sampled_from(list(preferences.TYPES)), st.from_type(type(None)) | st.floats(-9, 9) | st.text())
)
def test_nothing_in_a_file_stops_the_window(found: dict[str, object]) -> None:
    kept = Preferences(**preferences._valid(found))
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Preferences) == kept


@pytest.mark.skipif(os.name == "nt", reason="files take the place of folders differently")
def test_where_nothing_can_be_written_nothing_happens(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not preferences.save_preferences(Preferences(), tmp_path / "file" / "window.json")
    (tmp_path / "folder.json").mkdir()
    assert not preferences.save_preferences(Preferences(), tmp_path / "folder.json")
    assert preferences.load_preferences(tmp_path / "folder.json") == Preferences()


def test_recent_files_are_the_last_first_and_each_once() -> None:
    kept = Preferences()
    for name in [*(f"/{i}.pt" for i in range(25)), "/20.pt"]:
        kept.add_recent(name)
    names = [Path(name).name for name in kept.recent]
    assert names[:3] == ["20.pt", "24.pt", "23.pt"]
    assert len(names) == len(set(names)) == 20


def test_text_grows_and_shrinks_within_its_range() -> None:
    kept = Preferences()
    kept.change_text_size(1)
    assert kept.text_size == 1.1
    kept.change_text_size(100)
    assert kept.text_size == preferences.MOST_TEXT
    kept.change_text_size(-100)
    assert kept.text_size == preferences.LEAST_TEXT
    kept.change_text_size(0)
    assert kept.text_size == 1


# Themes


def rgb(name: str, which: str) -> np.ndarray:
    colour = theme.THEMES[which][name]
    return np.array([colour.x, colour.y, colour.z])


def linear(colour: np.ndarray) -> np.ndarray:
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str, which: str) -> float:
    """WCAG 2's ratio, from 1 to 21."""
    light, dark = sorted(
        (linear(rgb(name, which)) @ [0.2126, 0.7152, 0.0722] + 0.05 for name in (one, other)), reverse=True
    )
    return float(light / dark)


READ = [(ink, back) for ink in ("TEXT", "DIM", "ACCENT", "AMBER", "RED") for back in ("BACK", "CARD", "FIELD")]
READ += [("FAINT", "CARD"), ("BACK", "ACCENT"), ("BACK", "ACCENT_OVER"), ("DIM", "FIELD_OVER")]
READ += [("TEXT", back) for back in ("FIELD_OVER", "FIELD_HELD", "ACCENT_DEEP", "RED_DEEP")]


@pytest.mark.parametrize("which", theme.THEMES)
def test_text_can_be_read_in_both_themes(which: str) -> None:
    low = {pair: contrast(*pair, which) for pair in READ if contrast(*pair, which) < 4.5}
    assert not low
    for part, back in (("ACCENT_MID", "FIELD"), ("ACCENT_HELD", "FIELD_HELD"), ("ACCENT", "CARD"), ("RED", "CARD")):
        assert contrast(part, back, which) > 3, part


# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(colour: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB, D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(to_xyz @ colour / [0.9505, 1, 1.089], 1e-6, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("which", theme.THEMES)
@pytest.mark.parametrize("eyes", BLINDNESS)
def test_accents_differ_to_all_eyes(which: str, eyes: str) -> None:
    seen = {n: lab(np.clip(BLINDNESS[eyes] @ linear(rgb(n, which)), 0, 1)) for n in ("ACCENT", "AMBER", "RED")}
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 10, (one, other)


def test_a_theme_has_every_colour_and_replaces_the_modules_own() -> None:
    assert set(theme.THEMES["dark"]) == set(theme.THEMES["light"])
    declared = {name for name, kind in theme.__annotations__.items() if name.isupper() and kind is theme.ImVec4}
    assert declared == set(theme.THEMES["dark"])
    before = theme.name
    try:
        for which in theme.THEMES:
            theme.use(which)
            assert theme.TEXT is theme.THEMES[which]["TEXT"]
            assert theme.name == which
    finally:
        theme.use(before)


def test_no_module_keeps_a_colour_of_its_own() -> None:
    folder = Path(theme.__file__).parent
    for path in folder.glob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            kept = line[:1].isalpha() and any(f"theme.{name}" in line for name in theme.THEMES["dark"])
            assert not kept, f"{path.name}: {line}"


# Splitters

WEIGHTS = st.lists(st.floats(0.05, 20), min_size=1, max_size=6)


@given(WEIGHTS, st.integers(0, 3000), st.integers(0, 30))
def test_spans_fill_the_length_in_whole_pixels(weights: list[float], length: int, gap: int) -> None:
    parts = spans(weights, length, gap)
    assert all(size >= 1 and start == int(start) for start, size in parts)
    free = length - gap * (len(weights) - 1)
    if all(weight / sum(weights) * free >= 2 for weight in weights):
        assert parts[0][0] == 0
        assert sum(parts[-1]) == length
        for (start, size), (following, _) in itertools.pairwise(parts):
            assert start + size + gap == following
        for weight, (_, size) in zip(weights, parts, strict=True):
            assert abs(size - weight / sum(weights) * free) <= 1


@given(WEIGHTS, st.integers(100, 3000), st.integers(200, 900))
def test_proportions_stay_when_the_window_is_resized(weights: list[float], length: int, other: int) -> None:
    for one, two in zip(spans(weights, length, 0), spans(weights, other, 0), strict=True):
        assert abs(one[1] / length - two[1] / other) < 2 / length + 2 / other


@given(st.data(), st.floats(-2000, 2000), st.integers(0, 2000), st.integers(0, 200))
def test_a_gap_that_is_dragged_moves_between_its_neighbours_only(
    data: st.DataObject, by: float, free: int, least: int
) -> None:
    weights = data.draw(WEIGHTS.filter(lambda found: len(found) > 1))
    index = data.draw(st.integers(0, len(weights) - 2))
    after = moved(weights, index, by, free, least)
    assert sum(after) == pytest.approx(sum(weights))
    assert [*after[:index], *after[index + 2 :]] == [*weights[:index], *weights[index + 2 :]]
    pixels = [weight / sum(weights) * free for weight in after]
    both = pixels[index] + pixels[index + 1]
    assert min(pixels[index : index + 2]) >= min(least, both / 2) - 1e-6 * max(1, free)
    assert min(after) > 0 or min(weights) == 0 or least == 0


def test_a_gap_follows_the_pointer() -> None:
    assert moved([1, 1], 0, 100, 1000, 50) == pytest.approx([1.2, 0.8])
    assert moved([1, 1], 0, 900, 1000, 50) == pytest.approx([1.9, 0.1])
    assert moved([2, 1, 1], 1, -300, 400, 20) == pytest.approx([2, 0.2, 1.8])


@pytest.mark.parametrize(
    ("weights", "count", "wanted"),
    [([], 2, [1, 1]), ([1.0, 2.0], 2, [1, 2]), ([1.0, 2.0], 3, [1, 1, 1]), ([1.0, float("nan")], 2, [1, 1])],
)
def test_weights_for_another_number_of_parts_are_equal(weights: list[float], count: int, wanted: list[float]) -> None:
    assert fitting(weights, count) == wanted


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 4))
def test_the_help_has_all_groups_in_their_order(heights: list[int], count: int) -> None:
    columns = columned(heights, count)
    assert list(itertools.chain(*columns)) == list(range(len(heights)))
    assert len(columns) <= count
    assert max(sum(heights[i] for i in column) for column in columns) <= sum(heights) / count + max(heights)


# The palette


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
def test_runs_starts_of_words_and_short_titles_rank_higher(typed: str, best: str, other: str) -> None:
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
def test_a_size_is_one_number_or_two(typed: str, size: tuple[str, str | None] | None) -> None:
    found = SIZE.search(typed)
    assert (found and found.groups()) == size


class StandIn:
    """An App with one grid, that notes what it is asked for."""

    def __init__(self) -> None:
        kernel = SimpleNamespace(name="square", title="Square")
        model = SimpleNamespace(
            config=SimpleNamespace(channels=12, name="dots", kernels=("square",), fire_rate=0.5, seed=Seed())
        )
        self.grid = SimpleNamespace(
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
        ("rot -45°", "Rotation -45 °", commands.Set(1, "angle", -45)),
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
        ("scale 2", "Cell scale 2 ×", commands.Set(1, "scale", 2)),
        ("gain", "Gain", None),
        ("size", "Size", None),
        ("bubbles", "Open bubbles", None),
        ("bubbles beside", "Open bubbles beside", None),
        ("overlay rate", "Overlay: Rate", None),
        ("tint", "Overlay: Rate", None),
        ("brush size", "Brush radius", None),
        ("channel", "Channel", None),
        ("alive", "Show: Alive", None),
        ("gif", "Recording: GIF", None),
        ("fps 24", "Recording: 24 frames/s", None),
        ("steps per frame 4", "Recording: 4 steps a frame", None),
        ("paint at the middle", "Paint at the middle", None),
    ],
)
def test_what_is_typed_finds_what_is_meant(typed: str, title: str, done: Any) -> None:
    app: Any = StandIn()
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
def test_the_brush_and_the_recording_are_set_by_typing(typed: str, now: Callable[[Any], bool]) -> None:
    app: Any = StandIn()
    app.attempt = lambda action: action()
    found = matching(app, typed)[0]
    assert found.action
    assert not now(app)
    found.action()
    assert now(app)


def test_a_recording_begins_at_the_seed_or_as_the_cells_are() -> None:
    app: Any = StandIn()
    for typed, wanted in (("from the cells as they are", False), ("from the seed", True)):
        (found, *_) = matching(app, typed)
        assert found.action
        found.action()
        assert app.recorder.from_seed is wanted


def test_a_number_out_of_its_range_is_told() -> None:
    app: Any = StandIn()
    app.attempt = lambda action: action()
    (found, *_) = matching(app, "radius 0")
    assert found.action
    with pytest.raises(NCAError, match=r"^Brush radius is a number from 0\.5 to 512, not 0\.$"):
        found.action()


def test_letters_count_only_where_no_words_match() -> None:
    app: Any = StandIn()
    for typed, stranger in (("delete", "Open a model"), ("gain", "Redo"), ("record", "Show lines")):
        found = [entry.title for entry in matching(app, typed)]
        assert found
        assert not any(title.startswith(stranger) for title in found), found
    assert "Fire rate" in [entry.title for entry in matching(app, "frrt")]


def test_other_words_are_those_of_keys_that_are_there() -> None:
    assert set(ALIASES) <= {entry.shown for entry in TABLE}


@given(st.text(max_size=20), st.text(max_size=30))
def test_words_match_by_their_beginnings(typed: str, phrase: str) -> None:
    found = match_words(typed, phrase)
    wanted, words = tokens(typed), tokens(phrase)
    assert (found is not None) == (
        bool(wanted) and all(any(word.startswith(part) for word in words) for part in wanted)
    )
    if wanted:
        assert match_words(typed, typed) == 3
        assert found is None or found <= 3


@given(st.text(max_size=30) | st.from_regex(r"(size|seed|text size|rotation) ?-?[0-9., x%]*", fullmatch=True))
def test_nothing_that_is_typed_or_chosen_fails(typed: str) -> None:
    app: Any = StandIn()
    for entry in matching(app, typed):
        if entry.action and entry.title not in {e.help for e in TABLE}:
            entry.action()
    assert preferences.LEAST_TEXT <= app.prefs.text_size <= preferences.MOST_TEXT


def test_without_a_grid_only_the_window_is_on_offer() -> None:
    app: Any = StandIn()
    app.panes = []
    assert {entry.title for entry in matching(app, "")} >= {"Quit", "Theme: light", "Text size"}
    assert not {"Fire rate", "Size", "Pause or run", "Grid 1"} & {entry.title for entry in matching(app, "")}


# What is typed while frames are slow


def typing(folder: Path) -> None:
    """Nothing that is typed right after Ctrl+P is lost, and many letters come in one frame."""
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
        write("e")  # a letter is a key again
        window.frame()
        window.frame()
        assert app.brush.tool == "erase"


def test_typing_in_slow_frames(tmp_path: Path) -> None:
    apart(__file__, "typing", tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    globals()[sys.argv[1]](Path(sys.argv[2]))
