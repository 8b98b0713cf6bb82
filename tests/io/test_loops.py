"""Loops: the end meets the start, without a jump and without two pictures over each other."""

from itertools import pairwise

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

import ncaengine as nca
from ncaengine.backends import open_backend
from ncaengine.cli import main
from ncaengine.core.errors import NCAError
from ncaengine.io import loops
from ncaengine.io.video import Recording
from ncaengine.simulation import commands
from ncaengine.simulation.simulation import Simulation

NEAR = 1.2
"""The most that the last frame may differ from the first, as a multiple of what neighbouring frames do."""


def decoded(path) -> np.ndarray:
    """(n, height, width, 3) by Pillow or PyAV."""
    if path.suffix in (".gif", ".webp", ".apng"):
        with Image.open(path) as file:
            return np.stack([np.asarray(frame.convert("RGB"), float) for frame in ImageSequence.Iterator(file)])
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24").astype(float) for frame in file.decode(video=0)])


def changes(frames: np.ndarray) -> list[float]:
    return [float(np.abs(after - before).mean()) for before, after in pairwise(frames)]


@pytest.mark.parametrize("ending", [".gif", ".webp", ".apng", ".mp4", ".webm", ".mov"])
def test_the_last_frame_meets_the_first(tmp_path, capsys, ending):
    path = tmp_path / f"loop{ending}"
    # cracks moves: in a texture that hardly changes, what a video's compression loses would be most of a change
    command = ["record", "cracks", "--loop", "-o", str(path), "--size", "64", "--seconds", "1.5", "--fps", "20"]
    assert main([*command, "--backend", "cpu", "--skip", "300"]) == 0
    assert "30 frames, step 360, 64x64 pixels; a loop: its last 0.5 s turn into its start" in capsys.readouterr().out
    frames = decoded(path)
    assert len(frames) == 30
    steady = changes(frames[:19])  # before the end turns
    last_to_first = np.abs(frames[0] - frames[-1]).mean()
    assert last_to_first <= NEAR * max(steady)
    assert last_to_first <= NEAR * np.mean([steady[0], steady[1], changes(frames[-3:])[-1]])
    assert np.abs(frames[0] - frames[20]).mean() > 2 * last_to_first  # the start is another picture than the end was


def simulation(size=(48, 40)) -> tuple[Simulation, nca.Simulation]:
    sim = Simulation(open_backend("cpu")[0])
    grid = sim.add("cracks", size, rng_seed=3)
    sim.step(300, grid)
    return sim, grid


def test_what_turns_is_no_cross_fade(tmp_path):
    """Contrast is kept: two pictures over each other would lose it."""
    sim, grid = simulation((96, 96))
    with Recording(tmp_path / "a.apng", sim, grid, 30, loop=1.0) as video:
        for _ in range(60):
            sim.step(3, grid)
            video.capture()
    frames = decoded(tmp_path / "a.apng")
    contrast = frames.std((1, 2)).mean(-1)
    middle = (frames[29] + frames[59]) / 2
    assert contrast[30:].min() > 0.95 * contrast[:30].mean() > 1.05 * middle.std((0, 1)).mean()


def test_the_grids_themselves_go_on_as_without_a_recording(tmp_path):
    states, journals = [], []
    for loop in (0.0, 0.2):
        sim, grid = simulation()
        other = sim.add("zebra", (24, 30), "hexagonal", rng_seed=4)
        with Recording(tmp_path / ("a.apng" if loop else "b.apng"), sim, [grid, other], loop=loop) as video:
            video.run(0.5)
        states.append([nca.fingerprint(sim), sim.tick])
        journals.append(len(sim.journal))
    assert states[0] == states[1]
    assert journals[0] == journals[1]
    frames = decoded(tmp_path / "a.apng")
    assert len(frames) == 30
    assert np.abs(frames[0] - frames[-1]).mean() <= NEAR * max(changes(frames[:17]))


def test_the_end_shows_the_states_of_the_start(tmp_path):
    sim, grid = simulation()
    with Recording(tmp_path / "s_%02d.npy", sim, grid, loop=0.1) as video:
        states = []
        for _ in range(20):
            sim.step(1, grid)
            video.capture()
            states.append(grid.state())
    found = [np.load(path) for path in sorted(tmp_path.iterdir())]
    assert len(found) == 20
    assert all(np.array_equal(*pair) for pair in zip(found[:14], states[6:], strict=True))
    assert np.abs(found[-1] - states[5]).max() < 2e-3  # kept as 16-bit floats


@pytest.mark.parametrize("change", [commands.Resize(1, (50, 40)), commands.SetModel(1, "zebra")])
def test_a_changed_grid_can_not_turn_back_but_its_frames_are_kept(tmp_path, change):
    sim, grid = simulation()
    sim.register(nca.load("zebra"))
    video = Recording(tmp_path / "a.apng", sim, grid, loop=0.1)
    for _ in range(12):
        video.capture()
    sim.submit(change)
    if grid.size == (48, 40):
        video.close()
        assert video.frames == 12
    else:
        with pytest.raises(NCAError, match="the same cells at its end"):
            video.close()
        assert len(decoded(tmp_path / "a.apng")) == 6


def test_what_is_too_short_or_still_is_refused(tmp_path, capsys):
    sim, grid = simulation()
    video = Recording(tmp_path / "a.mp4", sim, grid, loop=0.1)
    video.capture()
    with pytest.raises(NCAError, match="too short for a loop; it needs more than 6 frames"):
        video.close()
    for name in ("a.png", "a.npy"):
        with pytest.raises(NCAError, match="can't be a loop"):
            Recording(tmp_path / name, sim, grid, loop=0.1)
    assert not list(tmp_path.iterdir())
    assert main(["record", "zebra", "--loop", "-o", f"{tmp_path}/a.png", "--size", "8"]) == 1
    assert "One picture can't be a loop" in capsys.readouterr().err


def test_large_grids_keep_fewer_states(monkeypatch):
    sim, grid = simulation()
    monkeypatch.setattr(loops, "MOST", 20 * 2 * 48 * 40 * grid.model.config.channels)
    assert loops.Loop(sim, [grid], 60).frames == 20
    monkeypatch.setattr(loops, "MOST", 1)
    assert loops.Loop(sim, [grid], 60).frames == loops.LEAST
    assert [loops.turn_of(seconds) for seconds in (None, 9.0, 1.5)] == [1.0, 1.0, 0.5]


def test_an_end_that_was_left_halfway_is_finished_by_close(tmp_path):
    found = []
    for taken in (0, 2):
        sim, grid = simulation((9, 8))
        with Recording(tmp_path / "a.webp", sim, grid, 20, loop=0.2) as video:
            video.run(0.5)
            for _ in zip(range(taken), video.ending(), strict=False):
                pass
        found.append(decoded(tmp_path / "a.webp"))
    assert len(found[0]) == 10
    assert np.array_equal(*found)


def test_after_an_error_a_loop_gets_no_end(tmp_path):
    sim, grid = simulation((9, 8))
    video = Recording(tmp_path / "a.webp", sim, grid, 20, loop=0.2)
    video.run(0.5)
    next(video.ending())
    video.__exit__(KeyError, KeyError(), None)
    assert len(decoded(tmp_path / "a.webp")) == 7
