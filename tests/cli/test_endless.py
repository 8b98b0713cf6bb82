"""No number that a flag or a call takes makes a run endless: each has a bound, and a sentence names it."""

import dataclasses
import signal
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, random_model

from ncaengine.backends.torch import TorchBackend
from ncaengine.cli import COMMANDS, main
from ncaengine.cli.shared.options import Range
from ncaengine.core import kernels
from ncaengine.core.errors import NCAError
from ncaengine.io.video import Recording
from ncaengine.simulation.simulation import Simulation
from ncaengine.training.config import TrainingSettings

SECONDS = 20
HUGE = "1" + "0" * 23
TRAIN = ("train", "bubbles", "-o", "{}/a.pt", "--features", "random")
STUDY = ("study", "bubbles", "-o", "{}/study", "--features", "random")
RECORD = ("record", "zebra", "-o", "{}/a.mp4")
CHECKED_LATER = {
    "view size": ("view", "zebra", "--size", "{}x{}"),
    "record grids": ("record", "--session", "none.nca", "--grids", "{}"),
    "record size": (*RECORD, "--size", "{}x{}"),
    "record fps": (*RECORD, "--fps", "{}"),
    "study iterations": (*STUDY, "--iterations", "{}"),
    "study size": (*STUDY, "--size", "{}"),
    "study batch": (*STUDY, "--batch", "{}"),
    "study seed": (*STUDY, "--seed", "{}"),
    "sheet size": ("sheet", "zebra", "-o", "{}/a.png", "--size", "{}x{}"),
    "fill fps": ("fill", "none.png", "-o", "{}/a.mp4", "--texture", "zebra", "--fps", "{}"),
    "evaluate size": ("evaluate", "zebra", "--target", "zebra", "--features", "random", "--size", "{}x{}"),
    "import fire_rate": ("import", "none.pt", "--fire-rate", "{}"),
    "import state_clip": ("import", "none.pt", "--state-clip", "{}"),
    "export size": ("export", "zebra", "-o", "{}/a.html", "--size", "{}x{}"),
    "bench sizes": ("bench", "zebra", "--sizes", "{}"),
    "bench grids": ("bench", "zebra", "--grids", "{}"),
}
"""Flags without a Range, with a command that reaches their own checks."""


@pytest.fixture(autouse=True)
def _alarm() -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"over {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def has_numbers(hint: Any) -> bool:
    return hint in (int, float) or any(map(has_numbers, typing.get_args(hint)))


def flags_of(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the flags of a command with their types, also those that it shares with others."""
    for flag, hint in typing.get_type_hints(kind, include_extras=True).items():
        inner = typing.get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
        if inner is TrainingSettings:  # its check() has the ranges
            continue
        yield from flags_of(inner) if dataclasses.is_dataclass(inner) and isinstance(inner, type) else [(flag, hint)]


def test_every_number_of_every_command_has_a_bound() -> None:
    """Either a Range, or it is tried below."""
    without = set()
    for name, place in COMMANDS.items():
        module, kind = place.split(":")
        command = getattr(import_module(f"ncaengine.cli.{module}"), kind)
        for flag, hint in flags_of(command):
            metadata = getattr(hint, "__metadata__", ())
            if has_numbers(typing.get_args(hint)[0] if metadata else hint):
                [bound] = [extra for extra in metadata if isinstance(extra, Range)] or [None]
                if bound is None:
                    without.add(f"{name} {flag}")
                else:
                    assert np.isfinite((bound.low, bound.high)).all(), (name, flag)
    assert without == set(CHECKED_LATER)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that is refused, as a problem or as wrong usage; return what it says."""
    code: object = None
    try:
        code = main(list(words))
    except SystemExit as ended:
        code = ended.code
    assert code in (1, 2)
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    assert len(printed) < 1500
    return printed


@pytest.mark.parametrize("name", CHECKED_LATER)
def test_a_huge_number_ends_in_a_sentence(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [w.replace("{}/", f"{tmp_path}/").replace("{}", HUGE) for w in CHECKED_LATER[name]]
    refused(capsys, *words)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    "words",
    [
        (*RECORD, "--steps", HUGE), (*RECORD, "--skip", HUGE), (*RECORD, "--seconds", HUGE), (*RECORD, "--scale", HUGE),
        (*RECORD, "--steps-per-frame", HUGE), (*RECORD, "--seconds", "86400", "--steps-per-frame", "10000"),
        (*RECORD, "--fps", "1e999999999"), (*RECORD, "--fps", "1/" + "9" * 5000), (*RECORD, "--dt", HUGE),
        (*RECORD, "--crf", HUGE), (*RECORD, "--seconds", "nan"), (*RECORD, "--seconds", "inf"),
        (*RECORD, "--size", "9" * 5000),
        ("sheet", "zebra", "-o", "{}/a.png", "--steps", "1", HUGE),
        ("sheet", "zebra", "-o", "{}/a.png", "--scale", "-3"),
        ("tile", "zebra", "-o", "{}/a.png", "--steps", HUGE), ("evaluate", "zebra", "--steps", HUGE),
        (*TRAIN, "--iterations", HUGE), (*TRAIN, "--rollout", "1", HUGE), (*TRAIN, "--channels", HUGE),
    ],
)  # fmt: skip
def test_these_end_in_a_sentence(words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, *(word.replace("{}/", f"{tmp_path}/") for word in words))


@pytest.mark.parametrize("number", [10**23, 10**400, float("inf"), float("nan"), -1])
def test_python_refuses_them_too(number: float, tmp_path: Path) -> None:
    with Simulation(TorchBackend(), kernels.discover()) as sim:
        sim.add(random_model(NOTEBOOK_CONFIG), 8)
        with pytest.raises(NCAError):
            sim.advance(number)  # type: ignore[arg-type]
        with pytest.raises(NCAError):
            sim.step(number)  # type: ignore[arg-type]
        with Recording(tmp_path / "a.mp4", sim) as video, pytest.raises(NCAError):
            video.run(number)
