"""The recorder without a window: its clock and each source; then its form in the window."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers import apart
from hypothesis import given
from hypothesis import strategies as st
from videos import frames_of, lively

from ncaengine._version import __version__
from ncaengine.backends.torch import TorchBackend
from ncaengine.core.errors import NCAError
from ncaengine.io import encoders, stills
from ncaengine.io.video import Recording
from ncaengine.simulation import commands
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.state.file_names import base_name, free_name
from ncaengine.viewer.state.recorder import FORMATS, FRAME_RATES, GIF_FRAME_RATES, Recorder, usual_scale


class Clock:
    """A wall clock that the test advances."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("size", "scale"), [((9, 6), 8), ((128, 96), 8), ((100, 256), 4), ((513, 2), 1), ((4096, 4096), 1)]
)
def test_pictures_are_about_as_large_as_a_screen_shows_them(size, scale):
    assert usual_scale(size) == scale


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder(clock, tmp_path, monkeypatch) -> Recorder:
    """A recorder of two grids at 60 and 30 steps per second, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    sim = Simulation(TorchBackend())
    sim.add(lively(), (9, 6), rng_seed=3)
    sim.add(lively(), (5, 4), "hexagonal", 30.0, rng_seed=4)
    return Recorder(sim, clock)


def grids(recorder):
    return list(recorder.sim.grids.values())


def test_a_recording_stops_at_its_length(recorder, tmp_path):
    first, second = grids(recorder)
    recorder.name, recorder.fps, recorder.length = "a/", 30, 0.2
    assert recorder.start(first) == "a/"
    assert (recorder.grids, recorder.active) == ((first,), True)
    messages = [recorder.frame() for _ in range(6)]
    assert messages[:5] == [""] * 5
    assert messages[5].startswith("Saved a in ")
    assert messages[5].endswith(": 6 frames, 0.2 s.")
    assert not recorder.active
    assert recorder.frame() == recorder.stop() == ""
    assert len(frames_of(tmp_path / "a")) == 6
    assert (first.step, second.step) == (12, 6)


def test_a_countdown_follows_the_wall_clock_and_then_restarts_the_grid(recorder, clock, tmp_path):
    first, _ = grids(recorder)
    recorder.sim.submit(commands.Step(first.id, 5))
    recorder.name, recorder.delay, recorder.length, recorder.from_seed = "a.webp", 3.0, 1.0, True
    recorder.start(first)
    assert (recorder.counting, recorder.active, recorder.recording) == (True, True, None)
    assert (recorder.clock, recorder.seconds, recorder.progress) == ("in 3 s", -3.0, 0.0)
    clock.now += 2.4
    assert recorder.frame() == ""
    assert (recorder.clock, first.step, recorder.counting) == ("in 1 s", 5, True)
    assert not list(tmp_path.iterdir())
    with pytest.raises(NCAError, match="stop it first"):
        recorder.start(first)
    clock.now += 0.7
    recorder.frame()
    assert (recorder.counting, recorder.active, recorder.recording.frames, first.step) == (False, True, 1, 1)
    for _ in range(14):
        recorder.frame()
    assert (recorder.clock, recorder.progress) == ("0:00.2", 0.25)
    assert recorder.stop().endswith("15 frames, 0.2 s.")
    assert len(frames_of(tmp_path / "a.webp")) == 15


def test_a_countdown_can_be_cancelled(recorder, tmp_path):
    recorder.delay = 3.0
    recorder.start(grids(recorder)[0])
    assert recorder.stop() == "The recording was cancelled."
    assert not recorder.active
    assert not list(tmp_path.iterdir())


def test_a_grid_removed_while_counting_or_recording_stops_it(recorder, clock, tmp_path):
    _, second = grids(recorder)
    recorder.name, recorder.source, recorder.from_seed = "a/", "all", False
    recorder.steps_per_frame = 2
    recorder.start(second)
    recorder.frame()
    recorder.sim.submit(commands.RemoveGrid(second.id))
    with pytest.raises(NCAError, match="Grid 2 was removed and can't be recorded"):
        recorder.frame()
    assert not recorder.active
    assert len(frames_of(tmp_path / "a")) == 1
    recorder.delay = 1.0
    recorder.start(grids(recorder)[0])
    recorder.sim.submit(commands.RemoveGrid(1))
    clock.now += 2
    with pytest.raises(NCAError, match="Grid 1 was removed and can't be recorded"):
        recorder.frame()
    assert not recorder.active


def test_steps_per_frame_apply_only_to_what_is_recorded(recorder, tmp_path):
    first, second = grids(recorder)
    recorder.sim.submit(commands.Set(first.id, "paused", True))
    recorder.name, recorder.steps_per_frame, recorder.length = "a/", 5, 0.1
    recorder.start(first)
    while recorder.active:
        recorder.frame()
    assert (first.step, second.step, recorder.sim.tick) == (30, 0, 0)
    assert first.settings.paused
    with Simulation(TorchBackend()) as sim:
        again = sim.add(lively(), (9, 6), rng_seed=3)
        sim.submit(commands.Step(again.id, 30))
        assert np.array_equal(frames_of(tmp_path / "a")[-1], again.image())


def test_all_grids_are_recorded_side_by_side(recorder, tmp_path):
    first, second = grids(recorder)
    recorder.source, recorder.scale, recorder.length, recorder.ending = "all", 2, 0.05, "/"
    assert recorder.start(first) == "grids/"
    assert recorder.grids == (first, second)
    assert not recorder.wants_pixels
    while recorder.active:
        recorder.frame()
    with Recording("b/", recorder.sim, [first, second], scale=2) as video:
        assert np.array_equal(frames_of(tmp_path / "grids")[-1], video.picture())
    assert (first.step, second.step) == (3, 1)


@pytest.mark.parametrize("length", [0.4, None])
def test_a_loop_takes_some_more_frames_to_turn(recorder, tmp_path, length):
    first, _ = grids(recorder)
    recorder.name, recorder.fps, recorder.loop, recorder.length = "a.apng", 30, True, length
    recorder.start(first)
    for _ in range(12 if length else 45):
        assert recorder.frame() == ""
    if not length:
        assert recorder.end() == ""  # as the button does
    assert recorder.turning
    state, said = first.state(), ""
    turned = 4 if length else 30
    for _ in range(turned):
        assert recorder.active
        said = recorder.frame()
    assert said == ""
    said = recorder.frame()
    frames = 12 if length else 45
    assert said.endswith(f"{frames} frames, {frames / 30:.1f} s; the last {turned / 30:.1f} s turn into the start.")
    assert not recorder.turning
    assert len(frames_of(tmp_path / "a.apng")) == frames
    assert first.step == 2 * (frames + turned + 1)
    assert not np.array_equal(first.state(), state)  # the grid itself goes on


def turn_a_loop(recorder):
    """Record 0.4 s, until the end begins to turn into the start."""
    first, _ = grids(recorder)
    recorder.name, recorder.fps, recorder.loop, recorder.length = "a.apng", 30, True, 0.4
    recorder.start(first)
    for _ in range(13):
        recorder.frame()


def test_a_loop_that_is_stopped_is_finished_at_once(recorder, tmp_path):
    turn_a_loop(recorder)
    assert recorder.end().endswith("the last 0.1 s turn into the start.")
    assert len(frames_of(tmp_path / "a.apng")) == 12


def test_a_loop_whose_grid_is_removed_keeps_its_frames(recorder, tmp_path):
    _, second = grids(recorder)
    recorder.name, recorder.fps, recorder.loop, recorder.length = "a.apng", 30, True, 0.6
    recorder.start(second)
    for _ in range(12):
        recorder.frame()
    recorder.sim.submit(commands.RemoveGrid(second.id))
    with pytest.raises(NCAError, match="Grid 2 was removed"):
        recorder.frame()
    assert not recorder.active
    assert len(frames_of(tmp_path / "a.apng")) == 6


def test_a_loop_that_fails_while_it_turns_is_closed(recorder, monkeypatch):
    turn_a_loop(recorder)
    film = recorder.recording

    def fails(picture):
        raise NCAError("The disk is full.")

    monkeypatch.setattr(film, "add", fails)
    with pytest.raises(NCAError, match="disk is full"):
        recorder.end()
    assert film.closed
    assert not recorder.active


def test_the_window_and_stills_are_no_loops(recorder):
    recorder.loop = True
    assert recorder.can_loop
    recorder.name = "a.png"
    assert not recorder.can_loop
    recorder.name, recorder.source = "a.mp4", "window"
    assert not recorder.can_loop
    recorder.start(grids(recorder)[0])
    assert recorder.end() == "Nothing was recorded."


def test_the_window_is_recorded_from_its_pixels(recorder, tmp_path):
    first, second = grids(recorder)
    recorder.source, recorder.length, recorder.name = "window", 0.05, "w.webp"
    pixels = [np.full((7, 11, 3), value, np.uint8) for value in (10, 20, 30)]
    assert recorder.take(pixels[0]) == ""  # nothing is recorded yet
    recorder.start(first)
    assert recorder.wants_pixels
    assert recorder.grids == ()
    messages = []
    for picture in pixels:
        assert recorder.frame() == ""
        messages.append(recorder.take(picture))
    assert messages[:2] == ["", ""]
    assert messages[2].startswith("Saved w.webp")
    assert not recorder.wants_pixels
    assert all(np.array_equal(*pair) for pair in zip(frames_of(tmp_path / "w.webp"), pixels, strict=True))
    assert (first.step, second.step) == (3, 1)


def test_a_recording_without_frames_is_reported(recorder, tmp_path):
    recorder.source = "window"
    recorder.start(grids(recorder)[0])
    assert recorder.stop() == "Nothing was recorded."
    assert not list(tmp_path.iterdir())


def test_invalid_settings_are_reported_before_the_countdown(recorder):
    recorder.delay = 3.0
    for name, message in (("a.avi", "ending"), ("no/a.mp4", "folder does not exist")):
        recorder.name = name
        with pytest.raises(NCAError, match=message):
            recorder.start(grids(recorder)[0])
        assert not recorder.active


def test_a_failing_encoder_stops_the_recording_and_is_reported_once(recorder, monkeypatch):
    class Full:
        def write(self, picture):
            raise OSError(28, "No space left on device")

        def close(self):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(encoders, "open_encoder", lambda *_: Full())
    recorder.name = "a.mp4"
    recorder.start(grids(recorder)[0])

    def run():
        for _ in range(100):
            recorder.frame()
        recorder.stop()

    with pytest.raises(NCAError, match="No space left"):
        run()
    assert not recorder.active
    assert recorder.stop() == ""


@given(st.lists(st.sampled_from(FORMATS), min_size=1), st.sampled_from(["", "clip", "v1.5", "in.a/folder/clip"]))
def test_the_format_is_the_ending_of_the_name(recorder, endings, stem):
    grid, recorder.name = grids(recorder)[0], stem
    for ending in endings:
        recorder.ending = ending
        assert recorder.ending == ending
        assert recorder.name == (stem + ending if stem else "")
        assert recorder.path(grid) == (stem or "lively-square") + ending
        assert recorder.rates == (GIF_FRAME_RATES if ending == ".gif" else FRAME_RATES)
        assert recorder.rate == (50 if ending == ".gif" else 60)


def test_names_get_the_chosen_ending_and_free_names_do_not_exist_yet(recorder, tmp_path):
    first, second = grids(recorder)
    recorder.ending, recorder.name = ".webp", "clip"
    assert recorder.path(first) == "clip.webp"
    recorder.name = ""
    assert recorder.path(second) == "lively-hexagonal.webp"
    Path("lively-hexagonal.webp").touch()
    assert recorder.path(second) == "lively-hexagonal-2.webp"
    recorder.source = "window"
    assert recorder.path(second) == "window.webp"
    Path("window").mkdir()
    assert free_name("window", "/") == "window-2/"
    assert free_name(base_name(first), ".mp4") == "lively-square.mp4"


def test_a_still_contains_its_settings(recorder, tmp_path):
    grid = grids(recorder)[1]
    recorder.sim.submit(commands.Step(grid.id, 7))
    recorder.sim.submit(commands.Set(grid.id, "angle", -30.0))
    recorder.scale = 3
    message = recorder.still(grid)
    height, width = grid.image(3).shape[:2]
    assert message.startswith("Saved lively-hexagonal.png in ")
    assert message.endswith(f": {width} × {height} px, step 7.")
    text, blob = stills.read_still(tmp_path / "lively-hexagonal.png")
    assert blob is None
    assert text == {
        "Software": f"ncaengine {__version__}",
        "Model": "lively",
        "Kernel": "hexagonal",
        "Size": "5 × 4 cells",
        "Seed": "4",
        "Step": "7",
        "Speed": "30 steps/s",
        "Fire rate": "0.5",
        "Cell scale": "1×",
        "Stretch": "1×",
        "Rotation": "-30°",
        "Time step": "1×",
        "Paired firing": "yes",
    }
    assert np.array_equal(frames_of(tmp_path / "lively-hexagonal.png")[0], grid.image(3))


def test_a_still_contains_a_session(recorder):
    grid = grids(recorder)[0]
    recorder.still(grid, "a.png", b"as it was")
    recorder.still(grid, "b.PNG")
    assert [stills.read_still(Path(name))[1] for name in ("a.png", "b.PNG")] == [b"as it was", None]
    with pytest.raises(NCAError, match=r"must end in \.png"):
        recorder.still(grid, "a.jpg")


def every_control() -> None:
    """Drive each control of the form by the ImGui Test Engine."""
    from window_driver import drive, only, pick, wait_until

    from ncaengine.viewer.state.options import Options

    def script(engine, app):
        recorder = app.recorder
        engine.item_click("**/###still")
        assert stills.read_still(Path("a-square.png"))[0]["Model"] == "a"
        pick(engine, "##source", "All grids, side by side")
        pick(engine, "##format", "GIF")
        assert (recorder.source, recorder.ending, recorder.path(app.grid), recorder.rate) == (
            "all", ".gif", "grids.gif", 50,
        )  # fmt: skip
        engine.item_input_value("**/##file", "b.gif")
        pick(engine, "##format", "WebP")
        pick(engine, "##fps", r"30 frames\/s")
        pick(engine, "##pixels", "3×")
        pick(engine, "##steps", "2 steps a frame")
        assert (recorder.name, recorder.rate, recorder.scale, recorder.steps_per_frame) == ("b.webp", 30, 3, 2)
        engine.item_input_value("**/##delay", 0.5)
        engine.item_input_value("**/##length", 0.2)
        engine.item_click("**/From seed")
        assert (recorder.delay, recorder.length, recorder.from_seed) == (0.5, 0.2, True)
        engine.item_click("**/Loop")
        assert recorder.loop
        engine.item_click("**/Loop")
        pick(engine, "##source", "The window")
        assert recorder.source == "window"
        pick(engine, "##source", "The selected grid")
        pick(engine, "##steps", "Each grid at its own speed")
        assert (recorder.source, recorder.steps_per_frame) == ("grid", None)
        recorder.delay = 0.0
        engine.item_click("**/###record")
        assert recorder.active
        wait_until(engine, lambda: not recorder.active)

    drive(Options((12, 10)), 1, script, (420, 1300), prefs=only("Record"))


def test_every_control_of_the_form_and_a_recording_with_a_length(tmp_path):
    apart(__file__, folder=tmp_path)
    assert [frame.shape for frame in frames_of(tmp_path / "b.webp")] == [(30, 36, 3)] * 6


if __name__ == "__main__":
    warnings.simplefilter("error")
    every_control()


def test_two_windows_never_record_to_one_file(recorder, tmp_path):
    first, second = grids(recorder)
    other = Recorder(recorder.sim)
    for each in (recorder, other):
        each.scale = 8
        each.start(first)  # whose file does not have its name before it can be played
    names = [recorder.output, other.output]
    assert names == ["lively-square.mp4", "lively-square-2.mp4"]
    third = Recorder(recorder.sim)
    third.name, third.delay = names[0], 60.0
    with pytest.raises(NCAError, match="another window or program is writing it"):
        third.start(second)
    for each in (recorder, other):
        each.frame()
        each.stop()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    third.start(second)
    third.stop()
