"""Film: what a frame can be, and what a finished or dropped film leaves."""

import gc
import math
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulations import A
from videos import frames_of

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.errors import NCAError
from ncaengine.io import encoders, kinds
from ncaengine.io.backgrounds import as_background
from ncaengine.io.film import Film
from ncaengine.io.video import Recording
from ncaengine.simulation.simulation import Simulation

FRAME = np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize("name", ["a.mp4", "a.webp", "a.apng", "a.png"])
@pytest.mark.parametrize(
    "frame",
    [np.zeros((8, 8, 3)), np.zeros((8, 8, 2), np.uint8), FRAME[..., 0], FRAME[:0], FRAME.tolist(), None],
    ids=["float", "two channels", "grey", "empty", "list", "none"],
)
def test_only_pictures_are_frames(tmp_path: Path, name: str, frame: object) -> None:
    with Film(f"{tmp_path}/{name}") as film:
        with pytest.raises(NCAError, match=r"a frame is an array \(height, width, 3 or 4\) of uint8, not "):
            film.add(frame)  # type: ignore[arg-type]
        film.add(FRAME)
    assert film.frames == 1


def test_a_first_frame_that_fails_leaves_no_stream_that_crashes(tmp_path: Path) -> None:
    encoder = encoders.open_encoder(f"{tmp_path}/a.mp4", 30, 8, 8)
    with pytest.raises(ValueError, match="uint8"):
        encoder.write(FRAME.astype(float))  # type: ignore[arg-type]
    encoder.close()


def test_a_finished_recording_takes_no_more(tmp_path: Path) -> None:
    sim = Simulation(TorchBackend())
    sim.add(A, 8)
    with Recording(tmp_path / "a.png", sim) as recording:
        recording.capture()
    for more in (recording.capture, lambda: recording.run(1), lambda: recording.add(FRAME)):
        with pytest.raises(NCAError, match="is finished; open a new one"):
            more()
    assert (sim.tick, recording.frames) == (0, 1)


@pytest.fixture
def sim() -> Simulation:
    sim = Simulation(TorchBackend())
    sim.add(A, 8)
    return sim


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scale": None}, "A scale is a number of pixels per cell, not None"),
        ({"fps": "30"}, "'30' is not a frame rate; use a number"),
        ({"fps": math.nan}, "'nan' is not a frame rate"),
        ({"fps": 0.0009}, "from 0.001 to 3600"),
        ({"pixels": 5}, r"is \(width, height\) in pixels, not 5"),
        ({"pixels": (1.5, 3)}, "The width in pixels must be a whole number of at least 1, not 1.5"),
        ({"loop": "x"}, "The seconds of a loop must be a number from 0 to 86,400, not 'x'"),
        ({"background": "x"}, "'x' is not a background; use transparent"),
        ({"background": 5}, "5 is not a background; use a name, or red, green and blue from 0 to 1"),
        ({"background": (0, 0.5, 255)}, "from 0 to 1"),
        ({"grid": [7]}, "There is no grid 7"),
        ({"grid": []}, "There is no grid to record"),
    ],
)
def test_values_are_refused_before_the_output_is_taken(
    tmp_path: Path, sim: Simulation, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(NCAError, match=message):
        Recording(tmp_path / "a.webp", sim, **values)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seconds", ["1", None, -1, math.nan])
def test_a_time_that_is_no_number_is_refused(tmp_path: Path, sim: Simulation, seconds: Any) -> None:
    with Recording(tmp_path / "a.png", sim) as recording, pytest.raises(NCAError, match="The seconds of a recording"):
        recording.run(seconds)


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (23.976, Fraction(24000, 1001)), (0.001, Fraction(1, 1000)), (30.0, 30), (100 / 3, Fraction(100, 3)),
        (np.float64(12.5), Fraction(25, 2)), (np.int64(25), 25), (kinds.parse_rate("0.001"), Fraction(1, 1000)),
    ],
)  # fmt: skip
def test_rates_mean_what_the_command_line_makes_of_them(tmp_path: Path, fps: Any, rate: object) -> None:
    assert Film(tmp_path / "a.mp4", fps).fps == rate


@pytest.mark.parametrize("grid", [1, [1], np.int64(1)])
def test_a_grid_can_be_given_by_its_number(tmp_path: Path, sim: Simulation, grid: Any) -> None:
    assert Recording(tmp_path / "a.png", sim, grid).grid is sim.grid()


@pytest.mark.parametrize(
    ("name", "rgb"), [("black", (0, 0, 0)), ("#ff8800", (1, 136 / 255, 0)), ((1, 1, 0), (1, 1, 0))]
)
def test_backgrounds_can_be_named(name: Any, rgb: tuple[float, ...]) -> None:
    assert as_background(name) == rgb


def test_a_dropped_recording_leaves_the_output_to_others(tmp_path: Path, sim: Simulation) -> None:
    Recording(tmp_path / "a.webp", sim).capture()
    gc.collect()
    with Recording(tmp_path / "a.webp", sim) as again:
        again.run(0.1)
    assert len(frames_of(tmp_path / "a.webp")) == 6


def test_a_second_signal_leaves_the_output_to_others(
    tmp_path: Path, sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Recording(tmp_path / "a.webp", sim)
    recording.capture()

    def signalled(thread: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("threading.Thread.join", signalled)
    with pytest.raises(KeyboardInterrupt):
        recording.close()
    assert not [*tmp_path.glob(".*.lock")]


def test_another_thread_can_finish_a_recording(tmp_path: Path, sim: Simulation) -> None:
    first = Recording(tmp_path / "a.webp", sim)
    first.capture()
    thread = threading.Thread(target=first.close)
    thread.start()
    thread.join()
    Recording(tmp_path / "a.webp", sim).close()


def test_where_no_thread_can_start_an_older_file_stays(tmp_path, monkeypatch) -> None:
    def fails(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", fails)
    (tmp_path / "a.gif").write_bytes(b"older")
    with pytest.raises(RuntimeError), Film(tmp_path / "a.gif", 50) as film:
        film.add(np.zeros((4, 4, 3), np.uint8))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"older"]
