"""Sweeps, and the report of several trainings."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from cli_calls import problem, run
from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.training import sweeps
from ncaengine.training.config import TrainingSettings

FLAGS = (
    "--iterations", 6, "--size", 32, "--target-size", 32, "--batch", 1, "--pool", 4, "--rollout", 4, 8, "--hidden", 8,
    "--features", "random", "--no-compile", "--kernels", "square",
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("one_thread")


def test_every_combination_is_trained_once() -> None:
    found = sweeps.combinations(["channels=8,12", "learning-rate=0.001,1e-5"], TrainingSettings(hidden=7))
    assert [(name, s.channels, s.learning_rate, s.hidden) for name, s in found] == [
        ("channels8-learning_rate0.001", 8, 0.001, 7),
        ("channels8-learning_rate1e-05", 8, 1e-5, 7),
        ("channels12-learning_rate0.001", 12, 0.001, 7),
        ("channels12-learning_rate1e-05", 12, 1e-5, 7),
    ]
    assert sweeps.combinations([], TrainingSettings()) == [("", TrainingSettings())]


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        (["chanels=8"], "did you mean channels"),
        (["kernels=square"], "that is one number"),
        (["channels"], "needs whole numbers"),
        (["channels=8.5"], "needs whole numbers"),
        (["fresh=x"], "needs numbers"),
        (["channels=8,8"], "names a value twice"),
        (["channels=8", "channels=9"], "names channels twice"),
        (["channels=2,8"], "it must be from 3 to 256"),
        (["learning_rate=nan"], "it must be from"),
    ],
)
def test_a_sweep_that_cannot_be_read_is_told_in_a_sentence(sweep: list[str], words: str) -> None:
    with pytest.raises(NCAError, match=words):
        sweeps.combinations(sweep, TrainingSettings())


def test_several_models_end_in_one_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "models"
    command = ("train", "coral", "zebra", "-o", folder, "--sweep", "channels=4,6", *FLAGS)
    printed = run(capsys, *command)
    assert f"Report: {folder / 'report.md'}" in printed
    models = json.loads((folder / "report.json").read_text())["models"]
    assert [(each["model"], each["target"], each["changes"], each["iterations"]) for each in models] == [
        ("coral-channels4.pt", "coral", {"channels": 4}, 6),
        ("coral-channels6.pt", "coral", {"channels": 6}, 6),
        ("zebra-channels4.pt", "zebra", {"channels": 4}, 6),
        ("zebra-channels6.pt", "zebra", {"channels": 6}, 6),
    ]
    assert "| zebra-channels6.pt | zebra | 6 | 6 |" in (folder / "report.md").read_text()
    for name in ("models.png", "loss.png"):
        with Image.open(folder / name) as picture:
            picture.load()
    before = (folder / "coral-channels4.pt").stat().st_mtime_ns
    (folder / "report.json").unlink()
    run(capsys, *command, "--resume")  # trains nothing, and writes the report again
    assert (folder / "coral-channels4.pt").stat().st_mtime_ns == before
    assert json.loads((folder / "report.json").read_text())["models"] == models


def test_a_sweep_needs_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ("train", "coral", "-o", tmp_path / "m.pt", "--sweep", "channels=4,6", *FLAGS)
    assert "be a folder (several)" in problem(capsys, *command)
