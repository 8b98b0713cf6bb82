"""The writers that faults.py tries: what each writes into a folder, and how its output is checked."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
from helpers import NOTEBOOK_CONFIG, random_model, small
from PIL import Image, ImageSequence

from ncaengine.cli import main as run_command
from ncaengine.core.errors import NCAError
from ncaengine.core.model_dicts import config_to_dict
from ncaengine.formats import model_files
from ncaengine.io import contact_sheets, journals, sessions, stills
from ncaengine.io.film import Film
from ncaengine.io.video import Recording

OLD, NEW = (48, 64), (64, 96)
"""Height and width of the pictures of the older recording, and of newer ones."""
FRAMES = 40

Write = Callable[[Path, int], object]
"""Writes an output into a folder: the older one for 0, or a newer one."""
Check = Callable[[Path], object]
"""Raises if an output in a folder is not whole."""


@dataclass(frozen=True)
class Writer:
    prepare: Callable[[], Write]
    """Called in the process of a trial."""
    check: Check


def picture(size: tuple[int, int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def recorder(name: str) -> Callable[[], Write]:
    def write(folder: Path, number: int) -> None:
        size = NEW if number else OLD
        with Film(f"{folder}/{name}", 50, (size[1], size[0])) as film:
            for k in range(number % 7 * 20 + 5 if number else FRAMES):
                film.add(picture(size, k))

    return lambda: write


def whole_recording(read: Callable[[Path], list[tuple[int, int]]]) -> Check:
    def check(folder: Path) -> None:
        sizes = read(folder)
        assert sizes, "nothing is there"
        assert len(set(sizes)) == 1, "two recordings are mixed"
        assert sizes[0] in (OLD, NEW)
        assert sizes[0] == NEW or len(sizes) in (FRAMES, 1), f"{len(sizes)} frames of the older recording are left"

    return check


def video_sizes(name: str) -> Callable[[Path], list[tuple[int, int]]]:
    def read(folder: Path) -> list[tuple[int, int]]:
        with av.open(f"{folder}/{name}") as container:
            container.streams.video[0].thread_count = 1
            frames = list[tuple[int, int]]()
            for packet in container.demux(video=0):
                if packet.is_corrupt:  # cut off where the kill came; players stop there, too
                    break
                frames += [(frame.height, frame.width) for frame in packet.decode()]
            return frames

    return read


def picture_sizes(name: str) -> Callable[[Path], list[tuple[int, int]]]:
    def read(folder: Path) -> list[tuple[int, int]]:
        with Image.open(folder / name) as file:
            return [frame.convert("RGB").size[::-1] for frame in ImageSequence.Iterator(file)]

    return read


def frame_sizes(folder: Path) -> list[tuple[int, int]]:
    names = sorted(os.listdir(folder / "fr"))
    assert names == [f"frame_{k:06d}.png" for k in range(len(names))]
    return [size for name in names for size in picture_sizes(f"fr/{name}")(folder)]


def numbered_sizes(folder: Path) -> None:
    """Each file is whole; older ones with higher numbers stay, as ffmpeg leaves them."""
    names = sorted(path.name for path in folder.glob("n_*"))
    assert names == [f"n_{k:03}.png" for k in range(len(names))]
    assert all(picture_sizes(name)(folder)[0] in (OLD, NEW) for name in names)


def model(number: int = 0) -> Any:
    return random_model(small(NOTEBOOK_CONFIG, name="m"), number % 2)


def simulation_writer(write: Callable[[Any, Path], object]) -> Callable[[], Write]:
    def prepare() -> Write:
        from ncaengine.backends.torch import TorchBackend
        from ncaengine.simulation.commands import Step
        from ncaengine.simulation.simulation import Simulation

        simulations = []
        for number in range(2):
            sim = Simulation(TorchBackend())
            grid = sim.add(model(number), (90, 80))
            sim.submit(Step(grid.id, 2))
            simulations.append(sim)
        return lambda folder, number: write(simulations[number % 2], folder)

    return prepare


def write_cells(name: str) -> Callable[[Any, Path], None]:
    def write(sim: Any, folder: Path) -> None:
        with Recording(folder / name, sim) as video:
            video.capture()

    return write


def check_exr(folder: Path) -> None:
    import OpenEXR

    with OpenEXR.File(str(folder / "a.exr"), separate_channels=True) as file:
        assert file.channels()["state.00"].pixels.shape == (80, 90)


def write_still(sim: Any, folder: Path) -> None:
    data = sessions.pack_session(sim)
    stills.save_still(folder / "a.png", picture((200, 300), sim.tick), {"Model": "m"}, data)


def check_still(folder: Path) -> None:
    with Image.open(folder / "a.png") as file:
        file.load()
    assert sessions.load_session(folder / "a.png").header.grids


def write_checkpoint() -> Write:
    import torch

    from ncaengine.training import checkpoint
    from ncaengine.training.config import TrainingSettings

    def write(folder: Path, number: int) -> None:
        state = {"weights": torch.full((100_000,), float(number % 2))}
        config = msgspec.convert(config_to_dict(NOTEBOOK_CONFIG), type(NOTEBOOK_CONFIG), strict=False)
        checkpoint.save_checkpoint(
            checkpoint.Checkpoint(TrainingSettings(), config, state, [1.0], "x"), folder / "checkpoint.pt"
        )

    return write


def check_checkpoint(folder: Path) -> None:
    from ncaengine.training import checkpoint

    assert len(checkpoint.load_checkpoint(folder / "checkpoint.pt").state["weights"]) == 100_000


def command(*words: str) -> Callable[[], Write]:
    """A command; {} is the trial's folder, {model} a model, and {picture} and {mask} are pictures of one size."""

    def write(folder: Path, number: int) -> None:
        given = {"model": folder.parent / f"source-{number % 2}.safetensors"}
        if not given["model"].exists():
            model_files.save(model(number), given["model"])
        for name in ("picture", "mask"):
            given[name] = folder.parent / f"{name}.png"
            if not given[name].exists():
                contact_sheets.save_picture(Image.fromarray(picture((30, 40), 0) // 128 * 255), given[name])
        with open(os.devnull, "w") as nowhere, redirected(nowhere):
            if run_command([word.format(folder, **given) for word in words]):
                raise NCAError("The command said why.")

    return lambda: write


@contextmanager
def redirected(to: Any) -> Iterator[None]:
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = to
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def check_state_dict(folder: Path) -> None:
    import torch

    assert torch.load(folder / "a.pt", weights_only=True)


WRITERS = {
    "mp4": Writer(recorder("a.mp4"), whole_recording(video_sizes("a.mp4"))),
    "mov": Writer(recorder("a.mov"), whole_recording(video_sizes("a.mov"))),
    "gif": Writer(recorder("a.gif"), whole_recording(picture_sizes("a.gif"))),
    "webm": Writer(recorder("a.webm"), whole_recording(video_sizes("a.webm"))),
    "webp": Writer(recorder("a.webp"), whole_recording(picture_sizes("a.webp"))),
    "png": Writer(recorder("a.png"), whole_recording(picture_sizes("a.png"))),
    "apng": Writer(recorder("a.apng"), whole_recording(picture_sizes("a.apng"))),
    "avif": Writer(recorder("a.avif"), whole_recording(picture_sizes("a.avif"))),
    "numbered": Writer(recorder("n_%03d.png"), numbered_sizes),
    "npy": Writer(simulation_writer(write_cells("a.npy")), lambda folder: np.load(folder / "a.npy")[79, 89]),
    "exr": Writer(simulation_writer(write_cells("a.exr")), check_exr),
    "frames": Writer(recorder("fr/"), whole_recording(frame_sizes)),
    "session": Writer(
        simulation_writer(lambda sim, folder: sessions.write_session(folder / "a.nca", sessions.pack_session(sim))),
        lambda folder: sessions.load_session(folder / "a.nca"),
    ),
    "journal": Writer(
        simulation_writer(lambda sim, folder: journals.save_journal(sim, folder / "a.jsonl")),
        lambda folder: journals.load_journal(folder / "a.jsonl"),
    ),
    "still": Writer(simulation_writer(write_still), check_still),
    "sheet": Writer(
        lambda: (
            lambda folder, n: contact_sheets.save_picture(Image.fromarray(picture((300, 200), n)), folder / "a.png")
        ),
        lambda folder: Image.open(folder / "a.png").load(),
    ),
    "safetensors": Writer(
        lambda: lambda folder, n: model_files.save(model(n), folder / "m.safetensors"),
        lambda folder: model_files.load(folder / "m.safetensors"),
    ),
    "pt": Writer(
        lambda: lambda folder, n: model_files.save(model(n), folder / "m.pt"),
        lambda folder: model_files.load(folder / "m.pt"),
    ),
    "checkpoint": Writer(write_checkpoint, check_checkpoint),
    "import": Writer(command("import", "{model}", "-o", "{}"), lambda folder: model_files.load(folder / "m.pt")),
    "export pt": Writer(command("export", "{model}", "-o", "{}/a.pt"), check_state_dict),
    "export page": Writer(
        command("export", "{model}", "-o", "{}/a.html"),
        lambda folder: (folder / "a.html").read_text("utf-8").rstrip().index("</html>", -len("</html>")),
    ),
    "export glsl": Writer(
        command("export", "{model}", "-o", "{}/a.glsl"),
        lambda folder: (folder / "a.glsl").read_text().rstrip().index("}", -1),
    ),
    "loop": Writer(
        command(
            "record",
            "{model}",
            "-o",
            "{}/a.gif",
            "--loop",
            "--skip",
            "2",
            "--steps",
            "12",
            "--size",
            "16",
            "--backend",
            "torch",
        ),
        picture_sizes("a.gif"),
    ),
    "tile": Writer(
        command("tile", "{model}", "-o", "{}/a.png", "--pixels", "64", "--steps", "2", "--backend", "torch"),
        picture_sizes("a.png"),
    ),
    "fill": Writer(
        command(
            "fill",
            "{picture}",
            "--mask",
            "{mask}",
            "--texture",
            "{model}",
            "-o",
            "{}/a.png",
            "--steps",
            "2",
            "--backend",
            "torch",
        ),
        picture_sizes("a.png"),
    ),
}
