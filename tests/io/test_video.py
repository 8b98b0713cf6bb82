"""Recordings: every output, repeatable frames, and what a killed or failing recording leaves."""

import os
import resource
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from videos import frames_of, lively

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.errors import NCAError
from ncaengine.formats import model_files
from ncaengine.io import encoders
from ncaengine.io.film import BACK, QUEUE, Film
from ncaengine.io.video import GAP, Recording
from ncaengine.simulation import commands
from ncaengine.simulation.simulation import Simulation


def start(size=(13, 9), kernel="square", rate=120.0):
    sim = Simulation(TorchBackend())
    return sim, sim.add(lively(), size, kernel, steps_per_second=rate, rng_seed=3)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((name, 6) for name in ("a.mp4", "a.mov", "a.webm", "a.webp", "a.apng", "a/", "f_%03d.png", "f%d.avif")),
        *(("a.gif", 5), ("a.png", 1), ("a.avif", 1)),
    ],
)
def test_every_output_contains_the_frames_and_the_last_state(tmp_path, name, count):
    sim, grid = start()
    out = f"{tmp_path}/{name}"
    with Recording(out, sim, grid, scale=8) as video:
        video.run(seconds=0.1)
        last = video.picture()
    found = frames_of(out)
    assert len(found) == count
    assert grid.step == 12
    assert found[-1].shape == last.shape == (72, 104, 3)
    off = np.abs(found[-1].astype(int) - last).mean()
    assert off == 0 if name.endswith(("webp", "png", "/")) else off < 8, off


def test_an_mp4_keeps_brightness_and_colours(tmp_path):
    """Flat patches keep their colours: matrix, range and tags agree."""
    patches = np.array([[255, 255, 255], [0, 0, 0], [200, 40, 40], [40, 200, 40], [40, 40, 200], [128, 128, 128]])
    picture = np.repeat(np.repeat(patches[None], 32, 0), 32, 1).astype(np.uint8)
    sink = encoders.open_encoder(f"{tmp_path}/a.mp4", 30, picture.shape[1], picture.shape[0])
    for _ in range(3):
        sink.write(picture)
    sink.close()
    with av.open(f"{tmp_path}/a.mp4") as container:
        frames = list(container.decode(video=0))
    assert (frames[0].colorspace, frames[0].color_range) == (1, 1)  # bt709, limited
    back = frames[-1].to_ndarray(format="rgb24")[16, 16::32].astype(int)
    assert np.abs(back - patches).max() <= 4


@pytest.mark.parametrize("ending", ["mp4", "mov", "webm"])
@pytest.mark.parametrize("fps", [12, 24, 60])
def test_the_first_frame_is_shown_at_once(tmp_path, ending, fps):
    sim, _ = start((32, 32))
    with Recording(f"{tmp_path}/a.{ending}", sim, fps=fps) as video:
        video.run(0.5)
    with av.open(f"{tmp_path}/a.{ending}") as file:
        times = [round(float(frame.pts * frame.time_base) * fps) for frame in file.decode(video=0)]
        assert file.duration == pytest.approx(5e5, abs=2000)
    assert times == list(range(fps // 2))


def test_recording_twice_gives_the_same_file(tmp_path):
    found = []
    for name in ("a", "b"):
        sim, grid = start(kernel="hexagonal")
        for out in (f"{tmp_path}/{name}.mp4", f"{tmp_path}/{name}/"):
            sim.submit(commands.Reseed(grid.id, 3))
            with Recording(out, sim, grid, scale=2) as video:
                video.run(seconds=0.2)
        found.append(frames_of(f"{tmp_path}/{name}.mp4") + frames_of(f"{tmp_path}/{name}/"))
    assert len(found[0]) == 24
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))
    assert not np.array_equal(found[0][-1], found[0][-2])


def test_raw_is_the_state_in_storage_order(tmp_path):
    sim, grid = start((5, 4), "hexagonal")
    with Recording(f"{tmp_path}/a.png", sim, grid, raw=True) as video:
        video.run(seconds=0.1)
    expected = np.floor(np.clip(grid.state()[..., :3] + 0.5, 0, 1) * 255 + 0.5)
    assert np.array_equal(frames_of(f"{tmp_path}/a.png")[0], expected)


def test_mp4_pads_odd_sizes_with_more_of_the_torus(tmp_path):
    sim, grid = start((5, 3))
    with Recording(f"{tmp_path}/a.mp4", sim, grid) as video:
        picture = video.picture()
        video.capture()
    assert picture.shape == (4, 6, 3)
    assert np.array_equal(picture[3], picture[0])
    assert np.array_equal(picture[:, 5], picture[:, 0])


def test_resizing_the_grid_keeps_the_frames_size(tmp_path):
    for raw in (False, True):
        sim, grid = start((8, 8))
        with Recording(f"{tmp_path}/a/", sim, grid, raw=raw) as video:
            for size in ((8, 8), (21, 3), (2, 30)):
                sim.submit(commands.Resize(grid.id, size))
                sim.advance(video.ticks_per_frame)
                video.capture()
        assert [f.shape for f in frames_of(f"{tmp_path}/a/")] == [(8, 8, 3)] * 3


def test_an_enlarged_grid_shows_its_middle(tmp_path):
    sim, grid = start((8, 6))
    with Recording(f"{tmp_path}/a.mp4", sim, grid, scale=2) as video:
        before = video.picture()
        sim.submit(commands.Resize(grid.id, (20, 12)))
        assert np.array_equal(video.picture(), before)
        video.capture()


@pytest.mark.parametrize(("raw", "scale"), [(False, 3), (True, 1)])
@pytest.mark.parametrize("name", ["a.mp4", "a/"])
def test_grids_side_by_side_equal_the_single_pictures(tmp_path, name, raw, scale):
    sim, first = start((13, 9))
    second, third = sim.add(lively(), (7, 15), "hexagonal", rng_seed=4), sim.add(lively(), (4, 4))
    grids = (first, second, third)
    with Recording(f"{tmp_path}/{name}", sim, grids, scale=scale, raw=raw) as video:
        sim.advance(video.ticks_per_frame)
        singles, picture = [grid.image(scale, raw) for grid in grids], video.picture()
        video.capture()
    height = max(single.shape[0] for single in singles)
    left, covered = 0, np.zeros(picture.shape[:2], bool)
    for single in singles:
        high, wide = single.shape[:2]
        top = (picture.shape[0] - high) // 2
        assert np.array_equal(picture[top : top + high, left : left + wide], single)
        covered[top : top + high, left : left + wide] = True
        left += wide + GAP
    width = left - GAP
    even = name.endswith("mp4")
    assert picture.shape == (height + (even and height % 2), width + (even and width % 2), 3)
    assert (picture[~covered] == BACK).all()
    assert frames_of(f"{tmp_path}/{name}")[0].shape == picture.shape == (video.height, video.width, 3)


def test_resizing_a_grid_does_not_move_its_neighbours(tmp_path):
    sim, first = start((8, 6))
    second = sim.add(lively(), (5, 6))
    with Recording(f"{tmp_path}/a/", sim, [first, second], scale=2) as video:
        before = video.picture()
        sim.submit(commands.Resize(first.id, (20, 12)))
        assert np.array_equal(video.picture(), before)
        sim.submit(commands.Resize(first.id, (2, 2)))
        assert np.array_equal(video.picture()[:, 16 + GAP :], before[:, 16 + GAP :])


def test_removing_a_grid_ends_the_recording_and_keeps_its_frames(tmp_path):
    sim, first = start()
    second = sim.add(lively(), (5, 5))
    with Recording(f"{tmp_path}/a/", sim, [first, second]) as video:
        video.run(0.05)
        sim.submit(commands.RemoveGrid(second.id))
        with pytest.raises(NCAError, match="Grid 2 was removed and can't be recorded"):
            video.capture()
    assert len(frames_of(f"{tmp_path}/a/")) == 3
    with pytest.raises(NCAError, match="Grid 2 was removed and can't be recorded"):
        Recording(f"{tmp_path}/b/", sim, second)
    for nothing in ([], None):
        with pytest.raises(NCAError, match="add one first"):
            Recording(f"{tmp_path}/b/", Simulation(TorchBackend()), nothing)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(("name", "size"), [("a.webp", (5, 7)), ("a.mp4", (6, 8))])
def test_pictures_of_any_size_become_frames_of_the_first_size(tmp_path, name, size):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*shape, 3), np.uint8) for shape in ((5, 7), (9, 3), (2, 20))]
    with Film(f"{tmp_path}/{name}", 50) as film:
        assert (film.width, film.height) == (0, 0)
        for picture in pictures:
            film.add(picture)
    found = frames_of(f"{tmp_path}/{name}")
    assert [frame.shape[:2] for frame in found] == [size] * 3
    assert film.frames == 3
    if name == "a.webp":
        assert np.array_equal(found[0], pictures[0])
        assert np.array_equal(found[1][:, :3], pictures[1][:5])
        assert (found[1][:, 3:] == BACK).all()
        assert np.array_equal(found[2][:2], pictures[2][:, :7])
        assert (found[2][2:] == BACK).all()


def test_a_film_checks_its_output_at_once(tmp_path):
    with pytest.raises(NCAError, match="folder does not exist"):
        Film(f"{tmp_path}/no/a.mp4")
    with Film(f"{tmp_path}/a.mp4") as film:
        pass
    assert film.frames == 0
    assert not Path(film.path).exists()


def test_a_shorter_recording_removes_only_left_over_frames(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("mine")
    for seconds in (0.2, 0.1):
        sim, grid = start()
        with Recording(f"{tmp_path}/a/", sim, grid) as video:
            video.run(seconds)
    assert len(list((tmp_path / "a").glob("frame_*.png"))) == 6
    assert (tmp_path / "a" / "notes.txt").exists()


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("a.avi", {}, "ending"),
        ("a", {}, "ending"),
        ("no/such/folder/a.mp4", {}, "folder does not exist"),
        ("a.gif", {"fps": 60}, "GIF"),
        ("a.webp", {"fps": 100}, "use at most 90"),
        ("a.mp4", {"fps": 3601}, "can't be recorded"),
        ("a.mp4", {"fps": Fraction(1, 10**7)}, "can't be recorded"),
        ("a.gif", {"fps": Fraction(24000, 1001)}, "GIF"),
        ("a.npy", {"scale": 0}, "scale"),
        ("a.mp4", {"fps": -60}, "can't be recorded"),
        ("a.mp4", {"fps": 0}, "can't be recorded"),
        ("a.mp4", {"scale": 0}, "scale"),
        ("a.mp4", {"scale": 65}, "scale"),
    ],
)
def test_an_invalid_recording_is_refused(tmp_path, name, arguments, message):
    sim, grid = start()
    with pytest.raises(NCAError, match=message):
        Recording(f"{tmp_path}/{name}", sim, grid, **arguments)


@pytest.mark.parametrize(
    ("error", "why"), [(OSError(28, "No space left on device"), "No space left on device"), (MemoryError(), "memory")]
)
def test_a_failure_is_reported_once_with_the_number_of_saved_frames(tmp_path, monkeypatch, error, why):
    """Frames wait in a queue, but never many, and none waits for ever."""
    made, written = 0, 0

    class Failing:
        def write(self, picture):
            nonlocal written
            assert made - written <= QUEUE + 1
            if written == 3:
                raise error
            written += 1

        def close(self):
            raise error

    def record():
        nonlocal made
        with Film(tmp_path / "a.mp4") as film:
            for _ in range(100):
                film.add(np.zeros((8, 8, 3), np.uint8))
                made += 1

    monkeypatch.setattr(encoders, "open_encoder", lambda *_: Failing())
    with pytest.raises(NCAError, match=rf"{why}.*; 3 frames were saved") as caught:
        record()
    assert caught.value.__context__ is None


def record_in_a_process(model: Path, out: Path, **popen):
    arguments = ["record", str(model), "-o", str(out), "--size", "64x64", "--steps", "100000", "--backend", "cpu"]
    return subprocess.Popen([sys.executable, "-m", "ncaengine", *arguments], stderr=subprocess.PIPE, text=True, **popen)


def test_a_killed_recording_still_plays(tmp_path):
    model, out = tmp_path / "m.safetensors", tmp_path / "a.mp4"
    model_files.save(lively(), model)
    process = record_in_a_process(model, out)
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until and (not out.exists() or out.stat().st_size < 400_000):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert len(frames_of(out)) >= 30


def test_a_file_size_limit_gives_a_one_line_error(tmp_path):
    model, out = tmp_path / "m.safetensors", tmp_path / "a.mp4"
    model_files.save(lively(), model)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))  # noqa: E731
    process = record_in_a_process(model, out, preexec_fn=limit, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    _, message = process.communicate(timeout=200)
    assert process.returncode == 1
    assert message.count("\n") == 1
    assert "cannot be written" in message
