"""The light install: without torch, torchvision and matplotlib all works but training, which says what to install."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_calls import WITHOUT_OPENGL, WITHOUT_TORCH
from helpers import apart

from ncaengine.cli import COMMANDS
from ncaengine.core.optional import missing

INSTALL = "install it with: pip install 'ncaengine[train]'"


def refused(*arguments: object, program: str = WITHOUT_TORCH) -> str:
    """Run a command that must fail with 1 and a sentence."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1, done
    assert done.stderr.startswith("ncaengine: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_the_same_without_torch(command: str) -> None:
    assert apart("-c", WITHOUT_TORCH, command, "--help") == apart("-m", "ncaengine", command, "--help")


def test_a_package_that_is_always_needed_says_how_to_repair() -> None:
    said = refused(
        "record", "zebra", "-o", "a.png", "--size", 8, "--steps", 1, "--backend", "gl", program=WITHOUT_OPENGL
    )
    assert "`ncaengine record` needs moderngl, which is not installed; repair ncaengine with: pip install" in said
    part = ImportError("libtorch_cpu.so: failed to map segment", name="_C", path="/lib/site-packages/torch/_C.so")
    assert missing("x", part).startswith("x needs torch, which cannot be loaded (libtorch_cpu.so: failed")
    own = ModuleNotFoundError("No module named 'ncaengine.x'", name="ncaengine.x")
    assert missing("x", own) == ""  # a mistake in ncaengine


def test_models_are_recorded_drawn_and_converted_without_torch(tmp_path: Path) -> None:
    small = ("--size", "16x8", "--steps", 4)
    for backend in ("cpu", "gl", "auto"):
        apart("-c", WITHOUT_TORCH, "record", "zebra", "-o", tmp_path / f"{backend}.webp", *small, "--backend", backend)
    apart("-c", WITHOUT_TORCH, "sheet", "zebra", "-o", tmp_path / "s.png", "--steps", 4, "--size", 8)
    for form in ("pt", "glsl", "json"):
        apart("-c", WITHOUT_TORCH, "export", "zebra", "-o", tmp_path / f"z.{form}")
    flags = ("--order", "channel", "--filters", "undivided", "-o", tmp_path / "models")
    apart("-c", WITHOUT_TORCH, "import", tmp_path / "z.pt", *flags)
    held = json.loads(apart("-c", WITHOUT_TORCH, "info", tmp_path / "models/z.pt", "--json"))
    assert held["name"] == "z"
    assert "square" in apart("-c", WITHOUT_TORCH, "kernels")


def test_scripts_and_journals_are_played_without_torch(tmp_path: Path) -> None:
    script = tmp_path / "film.toml"
    script.write_text('seconds = 0.1\n[[grids]]\nmodel = "zebra"\nsize = [8, 8]\n')
    apart("-c", WITHOUT_TORCH, "record", "--script", script, "-o", tmp_path / "a.png")
    code = """
import sys, ncaengine as nca
from ncaengine.io.journals import save_journal
with nca.Simulation() as sim:
    sim.add("zebra", size=(8, 8))
    sim.advance(3600)
    save_journal(sim, sys.argv[1])
"""
    apart("-c", code, tmp_path / "j.jsonl")
    assert "grid 1" in apart("-c", WITHOUT_TORCH, "replay", tmp_path / "j.jsonl")


def test_steps_are_timed_without_torch(tmp_path: Path) -> None:
    flags = ("--sizes", "16", "--seconds", 0.01, "--rounds", 1, "--backends", "cpu,gl,torch", "--no-overhead")
    found = json.loads(apart("-c", WITHOUT_TORCH, "bench", *flags, "--json"))
    assert [(each["backend"], each["max_error"]) for each in found["results"]] == [("cpu", None), ("gl", None)]
    assert found["peak_gflops"] > 0
    assert "torch" not in found["driver"]
    [skipped] = found["skipped"]
    assert INSTALL in skipped["reason"]
    assert "Nothing was compared" in apart("-c", WITHOUT_TORCH, "bench", *flags)
    assert "The plot needs matplotlib" in refused("bench", *flags, "--plot", tmp_path / "a.png")


@pytest.mark.parametrize("arguments", [
    ["train", "zebra", "-o", "m.pt"], ["study", "channels", "zebra", "-o", "study"],
    ["evaluate", "zebra", "--target", "zebra"], ["record", "zebra", "-o", "a.png", "--backend", "torch"],
])  # fmt: skip
def test_what_trains_says_what_to_install(arguments: list[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = refused(*arguments)
    assert re.search("needs (torch|matplotlib), which is not installed", printed)
    assert INSTALL in printed
    assert not list(tmp_path.iterdir())


def test_the_window_loads_without_torch() -> None:
    names = "import ncaengine.viewer.window, ncaengine.viewer.state.app; print('loaded')"
    assert "loaded" in apart("-c", WITHOUT_TORCH.replace("sys.exit(main(sys.argv[1:]))", names))
