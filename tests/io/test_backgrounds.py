"""Growing pictures over transparency or a colour: PNG, frames, WebP and MOV keep opacity."""

from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from helpers import random_weights
from PIL import Image, ImageSequence

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Colour, Config
from ncaengine.io.backgrounds import parse_background
from ncaengine.io.video import Recording
from ncaengine.simulation.commands import Set, Show
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.state.recorder import Recorder

SIZE = (10, 8)
CONFIG = Config(channels=5, hidden=4, colour=Colour(1.0, 0.0, alpha=True))


@pytest.fixture
def sim(catalogue):
    """A grid whose opacity goes from 0 at the left to 1 at the right, with two premultiplied colours."""
    with Simulation(TorchBackend(), catalogue) as simulation:
        grid = simulation.add(random_weights(CONFIG), SIZE)
        state = np.zeros((SIZE[1], SIZE[0], 5), np.float32)
        state[..., 3] = np.linspace(0, 1, SIZE[0], dtype=np.float32)
        state[:4, :, 0] = state[:4, :, 3]  # red
        state[4:, :, :3] = 0.5 * state[4:, :, 3:4]  # grey
        grid.cells.write(state)
        yield simulation


def recorded(sim: Simulation, output: str, frames: int = 3, scale: int = 2, raw: bool = False) -> Recording:
    with Recording(output, sim, scale=scale, raw=raw, background="transparent") as video:
        for _ in range(frames):
            video.capture()
    return video


def check(picture: np.ndarray, scale: int = 2, within: int = 1) -> None:
    """Compare with the straight colours and the opacity that the grid was given."""
    assert picture.shape == (SIZE[1] * scale, SIZE[0] * scale, 4)
    cells = picture[scale // 2 :: scale, scale // 2 :: scale].astype(int)
    opacity = np.linspace(0, 255, SIZE[0])
    assert np.abs(cells[..., 3] - opacity).max() <= within
    solid = slice(3, None)  # where colours can be told
    assert np.abs(cells[:4, solid, :3] - [255, 0, 0]).max() <= 3 * within
    assert np.abs(cells[4:, solid, :3] - 127.5).max() <= 3 * within


def test_stills_and_frames_and_webp(sim: Simulation, tmp_path: Path) -> None:
    recorded(sim, f"{tmp_path}/a.png")
    check(np.asarray(Image.open(tmp_path / "a.png")))
    recorded(sim, f"{tmp_path}/frames/")
    check(np.asarray(Image.open(tmp_path / "frames/frame_000002.png")))
    recorded(sim, f"{tmp_path}/a.webp")
    frames = [np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(Image.open(tmp_path / "a.webp"))]
    assert len(frames) == 3
    for frame in frames:
        check(frame)
    recorded(sim, f"{tmp_path}/raw.png", scale=1, raw=True)
    check(np.asarray(Image.open(tmp_path / "raw.png")), 1)


def test_quicktime(sim: Simulation, tmp_path: Path) -> None:
    recorded(sim, f"{tmp_path}/a.mov", scale=16)
    with av.open(f"{tmp_path}/a.mov") as file:
        frames = [frame.to_ndarray(format="rgba") for frame in file.decode(video=0)]
        assert file.streams.video[0].codec_context.name == "prores"
    assert len(frames) == 3
    check(frames[-1], 16, within=4)


def test_a_colour_behind(sim: Simulation) -> None:
    with Recording("a.png", sim, background=parse_background("#0000ff")) as video:
        picture = video.picture()
    np.testing.assert_allclose(picture[0, 0], [0, 0, 255], atol=1)
    np.testing.assert_allclose(picture[0, -1], [255, 0, 0], atol=1)
    with Recording("a.png", sim, background=(1.0, 1.0, 1.0)) as video, Recording("b.png", sim) as usual:
        np.testing.assert_array_equal(video.picture(), usual.picture())
        grid = sim.grid()
        sim.fill("rate", "halves", (0.2, 1.0))
        sim.submit(Show(1, look := msgspec.structs.replace(grid.look, overlay="rate")))
        np.testing.assert_array_equal(video.picture(), tinted := usual.picture())
        sim.submit(Show(1, msgspec.structs.replace(look, overlay="", mode="update")))
        sim.step(1)
        np.testing.assert_array_equal(video.picture(), usual.picture())
        assert tinted.any()


def test_grids_side_by_side_have_nothing_between_them(sim: Simulation, tmp_path: Path) -> None:
    sim.add(random_weights(CONFIG), SIZE)
    with Recording(f"{tmp_path}/a.png", sim, list(sim.grids.values()), background="transparent") as video:
        assert not video.picture()[:, 10:18].any()


@pytest.mark.parametrize("ending", [".mp4", ".gif"])
def test_kinds_without_opacity_are_refused(sim: Simulation, ending: str) -> None:
    with pytest.raises(NCAError, match=r"can't be transparent; use \.mov"):
        Recording(f"a{ending}", sim, background="transparent")


def test_what_has_no_transparent_cells_is_refused(sim: Simulation, tmp_path: Path) -> None:
    grid = sim.add(random_weights(msgspec.structs.replace(CONFIG, colour=Colour())), SIZE)
    with pytest.raises(NCAError, match=r"has no transparent cells, which .*; leave out --background"):
        Recording(f"{tmp_path}/a.png", sim, grid, background="transparent")


@pytest.mark.parametrize("text", ["", "glass", "#12345", "rgb(1,2)"])
def test_odd_backgrounds_are_refused(text: str) -> None:
    with pytest.raises(NCAError, match="is not a background; use transparent, or a colour"):
        parse_background(text)


def test_the_windows_recorder_keeps_opacity_as_the_command_does(
    sim: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorder, [grid] = Recorder(sim), sim.grids.values()
    sim.submit(Set(grid.id, "paused", True))
    recorder.scale, recorder.background = 2, "transparent"
    for name in ("a.mov", "a/", "a.png", "a.mp4"):
        recorder.name = name
        if name == "a.mp4":
            with pytest.raises(NCAError, match="can't be transparent"):
                recorder.start(grid)
            recorder.background = "black"
        recorder.start(grid)
        for _ in range(2):
            recorder.frame()
        recorder.stop()
    check(np.asarray(Image.open("a/frame_000001.png")))
    check(np.asarray(Image.open("a.png")))
    with av.open("a.mov") as container:
        pictures = [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]
    check(pictures[1], within=8)
    with av.open("a.mp4") as container:
        left = next(container.decode(video=0)).to_ndarray(format="rgb24")[:, :2]
    assert left.mean() < 20  # nothing is opaque there
    recorder.background = "transparent"
    recorder.still(grid, "still.png")
    check(np.asarray(Image.open("still.png")))


def test_the_windows_recorder_needs_no_background_where_nothing_is_transparent(
    sim: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    opaque = sim.add(random_weights(Config(hidden=4)), SIZE)
    recorder = Recorder(sim)
    recorder.background, recorder.name = "transparent", "a.mp4"
    assert not recorder.takes_background([opaque])
    recorder.start(opaque)
    recorder.frame()
    assert "1 frame" in recorder.stop()
