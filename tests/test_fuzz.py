"""Ten thousand damaged and hostile files: each soon gives models or one message, and none runs code.

A default run tries some hundreds of them. NCAENGINE_FULL=1 tries them all in a separate process, with a limit of 5 s a
file and of 1 GB of memory beyond its start; `python tests/test_fuzz.py FOLDER [FIRST LAST]` does the same.
"""

import faulthandler
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import safetensors.numpy
from fuzzing import plainly_named, seeds, spoiled
from helpers import ROOT, random_weights

from ncaengine.backends.gl.shader import source
from ncaengine.core import kernels, model_dicts, states
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Clips, Config, Feature, Seed
from ncaengine.formats import model_files

COUNT = 10_000
SECONDS = 5
MEMORY = 2**30
SHARED_BYTES = 32_768
"""Shared memory of a workgroup that OpenGL guarantees."""
RUNS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class", "ctypes.dlopen")


@dataclass
class Tally:
    """Results of some files."""

    files: int = 0
    models: int = 0
    refusals: int = 0
    shaders: int = 0
    slowest: tuple[float, str] = (0.0, "")
    failures: list[str] = field(default_factory=list)


class TimedOut(BaseException):
    """Raised by the alarm; a BaseException, so that code for damaged files does not catch it."""


def test_hundreds_of_files(tmp_path: Path) -> None:
    tally = fuzz(tmp_path, range(0, COUNT, 25))
    assert not tally.failures, "\n".join(tally.failures)
    assert tally.models > 50
    assert tally.refusals > 100


def test_whole_files_open(tmp_path: Path) -> None:
    """All seeds open except those that ask for a program."""
    for number, (end, data) in enumerate(seeds(tmp_path / "marker")):
        (path := tmp_path / f"{number}{end}").write_bytes(data)
        if b"touch " in data:
            with pytest.raises(NCAError, match=r"asks for Python code \(posix\.system\)"):
                model_files.open_file(path)
        else:
            assert list(model_files.open_file(path).models.values()), end


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.json", b"[" + b"[]," * 5_000_000 + b"1]"),
        ("m.json", b"[" + b"{}," * 6_000_000 + b"1]"),
        ("m.js", "😀".encode() + b"[1," * 6_000_000),
        ("m.pt", b"\x80\2X" + (110 * 2**20).to_bytes(4, "little") + b"a" * (110 * 2**20) + b"."),
    ],
    ids=["lists", "tables", "program", "pickle"],
)
def test_large_files_are_refused_before_they_take_memory(tmp_path: Path, name: str, content: bytes) -> None:
    (path := tmp_path / name).write_bytes(content)
    with pytest.raises(NCAError, match=r"is over 16 MB of text|holds over 100 MB|is none of"):
        model_files.open_file(path)


BARE = {"dtype": "F4", "shape": [0], "data_offsets": [0, 0]}
HEADS: dict[str, dict[str, Any]] = {
    **{
        kind: {"w": {**BARE, "dtype": kind}}
        for kind in ("F8_E4M3", "F8_E5M2", "BF16", "C64", "I64", "BOOL", "a" * 10**5)
    },
    "a long name": {"a" * 10**5: {**BARE, "dtype": "F32"}},
}


@pytest.mark.parametrize("head", HEADS)
def test_tensors_of_other_number_types_are_refused(tmp_path: Path, head: str) -> None:
    packed = json.dumps(HEADS[head]).encode()
    (path := tmp_path / "m.safetensors").write_bytes(len(packed).to_bytes(8, "little") + packed)
    try_file(path, _square(), tally := Tally())
    assert tally.refusals == 1


@pytest.mark.parametrize(
    "change",
    [
        {"features": (Feature("identity", 1e300),)}, {"features": (Feature("x" * 200),)}, {"beta": -1e39},
        {"features": (Feature("identity", 1.0, (0,) * 300),)}, {"clips": Clips(state=(0, 1e39))},
        {"diffusion": (1e39,) * 4}, {"seed": Seed("noise", 1e39)}, {"name": "a" * 10**5, "activation": "odd" * 10**5},
    ],
)  # fmt: skip
def test_numbers_beyond_float32_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    config = Config(channels=4, hidden=8)
    plain = {**model_dicts.config_to_dict(config), **json.loads(msgspec.json.encode(change))}
    meta = {"ncaengine": json.dumps({"config": plain})}
    (path := tmp_path / "m.safetensors").write_bytes(safetensors.numpy.save(random_weights(config).arrays(), meta))
    try_file(path, _square(), tally := Tally())
    assert tally.refusals == 1


def test_a_program_with_numbers_beyond_float32_is_refused(tmp_path: Path) -> None:
    for number in ("1e39", "1e999"):
        (path := tmp_path / "m.js").write_text(f"W = [{','.join([number] * 64)}]; b = [1, 2, 3, 4]", "utf-8")
        with pytest.raises(NCAError, match="hold NaN or infinity"):
            list(model_files.open_file(path).models.values())


@pytest.mark.skipif(
    os.environ.get("NCAENGINE_FULL") != "1",
    reason="some minutes: run it with NCAENGINE_FULL=1 python -m pytest tests/test_fuzz.py",
)
def test_ten_thousand_files(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", __file__, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert json.loads(done.stdout)["files"] == COUNT


def fuzz(folder: Path, which: range, alarmed: bool = False) -> Tally:
    marker = folder / "marker"
    made, square, tally = seeds(marker), _square(), Tally()
    for number in which:
        rng = random.Random(number)
        end, data = spoiled(made[number % len(made)], rng)
        path = folder / f"{number}{end}"
        path.write_bytes(data)
        start = time.process_time()
        try:
            if alarmed:
                signal.alarm(SECONDS)
            try_file(path, square, tally)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            tally.failures.append(f"{path.name}: {''.join(traceback.format_exception(error)[-3:])}")
        finally:
            if alarmed:
                signal.alarm(0)
        took = time.process_time() - start
        tally.files += 1
        tally.slowest = max(tally.slowest, (round(took, 3), path.name))
        if took > SECONDS or marker.exists():
            tally.failures.append(f"{path.name}: took {took:.1f} s" + ", and ran a program" * marker.exists())
        path.unlink()
    return tally


def try_file(path: Path, square: Kernel, tally: Tally) -> None:
    """Open a file and make everything that a grid needs from each model. Raises any error except a proper NCAError."""
    try:
        for model in model_files.open_file(path).models.values():
            tally.models += 1
            assert states.initial(model, (8, 8), 0).shape == (8, 8, model.config.channels)
            check_shaders(model.config, square, tally)
    except NCAError as error:
        message = str(error)
        assert message.startswith(f"{path}: "), message
        assert message.isprintable()
        assert len(message) < len(str(path)) + 600, message
        assert "not enough memory" not in message, message
        tally.refusals += 1


def check_shaders(config: Config, kernel: Kernel, tally: Tally) -> None:
    """Check all shaders: no text from the file, and only numbers that GLSL can read."""
    for form, frame in (("unrolled", ""), ("looped", "stretched")):
        try:
            text = _shaders(config, kernel, form, frame)
        except NCAError:  # the kernel lacks a stencil, or a workgroup can't hold so many inputs
            continue
        tally.shaders += 1
        assert text == _shaders(plainly_named(config), kernel, form, frame)
        assert text.isascii()
        assert not re.search(r"(?i)[^\w](nan|inf)\b", text)


def _shaders(config: Config, kernel: Kernel, form: Any, frame: Any) -> str:
    made = [source.step_source(config, kernel, form, SHARED_BYTES, frame)]
    if config.scales != (0,):
        made += [source.shrink_source(config, form), source.coarse_source(config, kernel, form, frame)]
    if config.alive:
        made.append(source.alive_source(config, kernel, form))
    return "".join(source.text for source in made)


def _square() -> Kernel:
    return kernels.load_kernel(kernels.resources.folder("plugins") / "square/kernel.toml")


def memory_of(what: str) -> int:
    """Return a figure of this process's memory, in bytes."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found
    return 1024 * int(found[1])


def _watch(event: str, _: object) -> None:
    if event in RUNS:
        raise TimedOut(f"it asked for {event}")


def too_late(*_: object) -> None:
    raise TimedOut(f"over {SECONDS} s")


def main(folder: str, first: str = "0", last: str = str(COUNT)) -> int:
    """Print the results; returns 1 if anything failed."""
    import resource  # only on POSIX

    faulthandler.enable()
    seeds(Path(folder))  # imports all modules before the limits apply
    fuzz(Path(folder), range(3))
    resource.setrlimit(resource.RLIMIT_AS, (memory_of("VmSize") + MEMORY,) * 2)
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # resets the peak
    before = memory_of("VmHWM")
    signal.signal(signal.SIGALRM, too_late)
    sys.addaudithook(_watch)
    tally = fuzz(Path(folder), range(int(first), int(last)), alarmed=True)
    grown = (memory_of("VmHWM") - before) / 2**20
    print(json.dumps({**asdict(tally), "grown_mb": round(grown)}, indent=1))
    return bool(tally.failures)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
