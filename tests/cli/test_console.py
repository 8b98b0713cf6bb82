"""Consoles that can't show every letter, and signals: commands end well, and say what they have to say."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import NOTEBOOK_CONFIG, random_model

from ncaengine import cli
from ncaengine.formats import model_files

NARROW = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "cp437": {"PYTHONIOENCODING": "cp437"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin1, strict": {"PYTHONIOENCODING": "latin1:strict"},
    "the locale C": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}
NAME = "模様½.safetensors"


@pytest.mark.parametrize("console", NARROW)
@pytest.mark.parametrize(
    "command",
    [
        ["info", NAME], ["info", "no×file.pt"], ["record", NAME, "-o", "模.png", "--size", "8", "--steps", "1"],
        ["import", "--help"], ["import", NAME, "-o", "模"], ["info", "."],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_encoding_stops_a_command(tmp_path: Path, console: str, command: list[str]) -> None:
    model_files.save(random_model(NOTEBOOK_CONFIG), tmp_path / NAME)
    done = subprocess.run(
        [sys.executable, "-m", "ncaengine", *command], cwd=tmp_path, capture_output=True, check=False, timeout=120,
        env={**os.environ, "NCAENGINE_BACKEND": "", "PYTHONPATH": os.pathsep.join(sys.path), **NARROW[console]},
    )  # fmt: skip
    assert done.returncode == (command[1] == "no×file.pt"), done.stderr
    assert b"Traceback" not in done.stderr
    if console in ("ascii", "cp1252") and command[0] == "record":
        assert done.stdout.startswith(b"\\u6a21.png: ")


def test_names_that_are_no_text_are_printed(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe.pt"
    done = subprocess.run([sys.executable, "-m", "ncaengine", "info", path], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"cannot be read" in done.stderr


def run(words: str, redirected: str, folder: Path, before: str = "") -> tuple[int, str, str]:
    """The exit code, stdout and stderr of `ncaengine WORDS` with streams redirected as a shell does it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    line = f'set -o pipefail; {before}"$0" -m ncaengine {words} {redirected}'
    done = subprocess.run(
        ["bash", "-c", line, sys.executable], cwd=folder, env=environment,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("redirected", "code", "sentence"),
    [
        (">/dev/full", 1, "ncaengine: Standard output cannot be written (No space left on device).\n"),
        (">&-", 1, "ncaengine: Standard output is closed: there is nowhere to write to.\n"),
        (">/dev/full 2>/dev/full", 1, ""),
        ("<&- >&- 2>&-", 1, ""),
        ("2>/dev/full", 0, ""),
        ("2>&-", 0, ""),
        ("| true", 0, ""),
    ],
)
@pytest.mark.parametrize(
    "words", ["info zebra", "--version", "info --help", "record zebra -o a.png --size 8 --steps 1"]
)
def test_standard_streams_that_cannot_be_written(
    tmp_path: Path, words: str, redirected: str, code: int, sentence: str
) -> None:
    found, output, messages = run(words, redirected, tmp_path)
    assert (found, messages) == (code, sentence)
    assert bool(output) == (redirected in ("2>/dev/full", "2>&-"))
    if words.startswith("record"):  # a file never takes the place of a closed stream
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("redirected", [">/dev/full", ">&-"])
def test_frames_that_found_no_reader_are_not_called_saved(tmp_path: Path, redirected: str) -> None:
    code, _, messages = run("record zebra -o - --size 8 --steps 2", redirected, tmp_path)
    assert code == 1
    assert messages.startswith("ncaengine: -: cannot be written (Standard output ")
    assert messages.endswith("); nothing was saved.\n")
    assert ".)" not in messages


def test_a_folder_that_was_removed_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    code, _, messages = run("doctor", "", tmp_path / "gone", before="rmdir ../gone; ")
    assert (code, messages) == (1, "ncaengine: The current folder no longer exists; change to another one.\n")


def test_a_signal_beside_the_command_ends_it_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_run", lambda args: os.kill(os.getpid(), signal.SIGTERM))
    assert cli.main(["--version"]) == 128 + signal.SIGTERM


def test_a_signal_after_the_command_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["ncaengine", "--version"])
    before = signal.getsignal(signal.SIGINT)
    try:
        assert cli.main() == 0
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)
