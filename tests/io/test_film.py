"""Film: what a frame can be, and what a finished or dropped film leaves."""

from pathlib import Path

import numpy as np
import pytest
from simulations import A

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.errors import NCAError
from ncaengine.io import encoders
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
