"""Kills, input/output errors and full disks at random moments of every writer; prints a table tried/survived.

`python tests/faults.py --kills 30` tries all writers; names after that choose some. A trial is survived if afterwards
the older output or a newer one is there, whole. Every trial runs in a process of its own, forked from this one, which
therefore starts no threads. Needs a system with fork and signals.
"""

import argparse
import gc
import importlib.util
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
from helpers import NOTEBOOK_CONFIG, random_model, small
from PIL import Image, ImageSequence

from ncaengine.cli import main as run_command
from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.core.model_dicts import config_to_dict
from ncaengine.formats import model_files
from ncaengine.io import contact_sheets, journals, sessions, stills
from ncaengine.io.film import Film
from ncaengine.io.video import Recording

OLD, NEW = (48, 64), (64, 96)
"""Height and width of the pictures of the older recording, and of newer ones."""
FRAMES = 40
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
SLOWEST = 30
"""Seconds after which a trial counts as hanging."""
REFUSED = 3
"""The exit code of a trial that ended in an NCAError."""

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


def forked(work: Callable[[], object]) -> int:
    """Start a process that does `work`, and ends with 0, REFUSED after an NCAError, or 1."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        for number in set(SIGNALS) - {signal.SIGKILL}:
            signal.signal(number, signal.SIG_DFL)
        work()
        code = 0
    except NCAError:
        code = REFUSED
    except BaseException as error:
        print(f"  {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(code)


def ending(child: int) -> int:
    """Wait for a process; return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def survived(writer: Writer, folder: Path, is_killed: bool) -> bool:
    """Whether an output is there, whole, and nothing else unless the program was killed. Checked in a process."""

    def check() -> None:
        writer.check(folder)
        parts = [path.name for path in folder.rglob("*.part")]
        assert is_killed or not parts, f"{parts} is left over"

    return ending(forked(check)) == 0


def try_kill(writer: Writer, folder: Path, chance: random.Random) -> bool:
    """Kill a process that writes one output after the other, up to half a second after it began."""
    read, wrote = os.pipe()

    def work() -> None:
        write = writer.prepare()
        write(folder, 0)
        os.write(wrote, b"!")
        for number in range(1, 10**6):
            write(folder, number)

    child = forked(work)
    os.close(wrote)
    is_ready = os.read(read, 1) == b"!"
    os.close(read)
    time.sleep(chance.random() * 0.5)
    with suppress(ProcessLookupError):
        os.kill(child, chance.choice(SIGNALS))
    ended = ending(child)  # a command ends in order at SIGTERM and SIGHUP
    return is_ready and (ended < 0 or ended == REFUSED) and survived(writer, folder, is_killed=True)


def try_error(writer: Writer, folder: Path, at: int, code: int) -> bool | None:
    """Let the system call number `at` fail, and all after it. Returns None if there are not so many."""

    def work() -> None:
        write, left, system = writer.prepare(), at, files.system
        write(folder, 0)

        def fail(call: Callable[..., Any], *arguments: object) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(code, os.strerror(code))
            return system(call, *arguments)

        files.system = fail
        write(folder, 1)
        if left >= 0:
            os._exit(REFUSED + 1)

    found = ending(forked(work))
    return None if found == REFUSED + 1 else found == REFUSED and survived(writer, folder, is_killed=False)


def try_full(writer: Writer, folder: Path, most: int) -> bool:
    """Let no file have more than `most` bytes. That is either enough, or refused."""

    def work() -> None:
        write = writer.prepare()
        write(folder, 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        write(folder, 1)

    return ending(forked(work)) in (0, REFUSED) and survived(writer, folder, is_killed=False)


def try_memory(writer: Writer, folder: Path, at: int) -> tuple[bool, bool]:
    """Let Python's allocation number `at` fail, in whatever library. Return whether it did, and whether it survived.

    Any end is allowed but one that takes long: only the file counts.
    """
    import _testcapi

    def work() -> None:
        write = writer.prepare()
        write(folder, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SLOWEST)
        is_done = False
        _testcapi.set_nomemory(at, at + 1)
        with suppress(BaseException):
            write(folder, 1)
            is_done = True
        _testcapi.remove_mem_hooks()
        gc.collect()
        if not is_done:
            raise NCAError("It ended with an error.")

    ended = ending(forked(work))
    crashed = ended not in (0, REFUSED)
    return ended != 0, ended != -signal.SIGALRM and survived(writer, folder, is_killed=crashed)


def allocations(writer: Writer, count: int, chance: random.Random, fresh: Callable[[], Any]) -> Iterator[bool]:
    """Yield of allocations, each some further than the one before, whether their failure was survived."""
    at, calm = 0, 0
    for _ in range(count):
        at += 1 + int(at * 0.3 * chance.random())
        with fresh() as folder:
            (Path(folder) / "out").mkdir()
            failed, is_survived = try_memory(writer, Path(folder) / "out", at)
        calm = 0 if failed else calm + 1
        if calm > 5:  # there are not so many
            return
        yield is_survived


def trials(writer: Writer, kills: int, errors: int, chance: random.Random) -> Iterator[tuple[str, bool]]:
    """Yield the kind of each trial, and whether it was survived. Each has a folder of its own."""

    def fresh() -> Any:
        return tempfile.TemporaryDirectory()

    for _ in range(kills):
        with fresh() as folder:
            (Path(folder) / "out").mkdir()
            yield "kills", try_kill(writer, Path(folder) / "out", chance)
    for at in range(errors):
        with fresh() as folder:
            (Path(folder) / "out").mkdir()
            result = try_error(writer, Path(folder) / "out", at, (28, 5)[at % 2])
        if result is None:
            break
        yield "errors", result
    for _ in range(min(kills, 5)):
        with fresh() as folder:
            (Path(folder) / "out").mkdir()
            yield "full", try_full(writer, Path(folder) / "out", chance.choice((0, 100, 3000, 30_000)))
    if importlib.util.find_spec("_testcapi"):  # of CPython, where its tests are installed
        yield from (("allocations", each) for each in allocations(writer, 2 * kills, chance, fresh))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("writers", nargs="*", default=list(WRITERS), help=f"of {', '.join(WRITERS)}")
    parser.add_argument("--kills", type=int, default=30, help="of each writer")
    parser.add_argument("--errors", type=int, default=60, help="the most system calls of each writer to let fail")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance, lost = random.Random(given.seed), 0
    for name in ("ncaengine.backends.torch", "ncaengine.training.checkpoint"):
        importlib.import_module(name)  # once, not in each process
    print("| writer | kills | errors of the system | full disks | failed allocations |\n|---|---:|---:|---:|---:|")
    for name in given.writers:
        counts = {kind: [0, 0] for kind in ("kills", "errors", "full", "allocations")}
        for kind, is_survived in trials(WRITERS[name], given.kills, given.errors, chance):
            counts[kind][0] += 1
            counts[kind][1] += is_survived
            lost += not is_survived
        print(f"| {name} | {' | '.join(f'{kept} of {tried}' for tried, kept in counts.values())} |", flush=True)
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
