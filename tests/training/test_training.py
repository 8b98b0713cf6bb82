"""Training runs and commands: from an image to a model that the engine runs, with nothing lost on the way."""

import contextlib
import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from helpers import random_state
from PIL import Image

from ncaengine import cli
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.torch import TorchCells
from ncaengine.cli.shared import training_runs
from ncaengine.core import kernels, model
from ncaengine.core.errors import NCAError
from ncaengine.core.settings import Settings
from ncaengine.formats import model_files
from ncaengine.training import checkpoint
from ncaengine.training.config import TrainingSettings
from ncaengine.training.devices import pick_device
from ncaengine.training.job import TrainingJob
from ncaengine.training.run import TrainingRun

TINY = TrainingSettings(
    iterations=20, size=32, batch=2, pool=8, rollout=(4, 8), fresh=0.5, channels=12, hidden=16, precision="float32"
)
FLAGS = "--iterations 20 --size 32 --batch 2 --pool 8 --rollout 4 8 --hidden 16 --features random --no-compile"


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def job(tmp_path: Path) -> TrainingJob:
    return TrainingJob("coral", tmp_path / "tiny.safetensors", TINY, ("random",), compiled=False)


def train(*words: str) -> int:
    return cli.main(["train", *words, *FLAGS.split()])


def after(run: TrainingRun, iterations: int) -> Callable[[], bool]:
    return lambda: run.trainer.iteration >= iterations


def test_a_trained_model_runs_on_the_engine(job: TrainingJob, gl: GLBackend) -> None:
    trained = TrainingRun(job).train()
    exported = model_files.load(job.output)
    assert exported.config == trained.config
    assert exported.w2.any()
    for name in TINY.kernels:
        ours, truth = gl.cells(), TorchCells()
        for cells in (ours, truth):
            cells.specialise(exported if cells is ours else trained, kernels.discover().get(name))
            cells.write(random_state(21, 14, 12, seed=1))
            cells.step(3, 7, Settings())
        assert np.abs(ours.read() - truth.read()).max() < 1e-5
        ours.release()


def test_a_run_writes_a_model_pictures_and_losses(job: TrainingJob) -> None:
    seen: list[tuple[int, float]] = []
    run = TrainingRun(replace(job, attribution=(("author", "me"),)))
    run.train(lambda iteration, loss: seen.append((iteration, loss)))
    assert [iteration for iteration, _ in seen] == list(range(1, 21))
    made = model_files.load(job.output)
    assert (made.config.name, made.config.kernels) == ("tiny", ("square", "hexagonal"))
    assert made.config.attribution["author"] == "me"
    assert "Distill" in made.config.attribution["method"]
    assert sorted(p.name for p in job.folder.iterdir()) == ["loss.csv", "loss.png", "preview.png"]
    with open(job.folder / "loss.csv", newline="") as file:
        assert [(int(row["iteration"]), float(row["loss"])) for row in csv.DictReader(file)] == seen
    with Image.open(job.folder / "preview.png") as picture:
        assert len(picture.getcolors(2**24) or []) > 100
    assert sorted(p.name for p in job.output.parent.iterdir()) == ["tiny.safetensors", "tiny.training"]


def test_a_stopped_run_resumes_to_the_same_curve_and_weights(job: TrainingJob, tmp_path: Path) -> None:
    whole = TrainingRun(replace(job, output=tmp_path / "whole.safetensors"))
    expected = whole.train()
    run = TrainingRun(job)
    run.train(stopped=after(run, 7))
    assert not run.finished
    assert (job.folder / "checkpoint.pt").exists()
    with pytest.raises(NCAError, match="add --resume"):
        TrainingRun(job)
    resumed = TrainingRun(replace(job, resume=True, settings=TrainingSettings()))  # with the settings it began with
    assert resumed.settings == TINY
    found = resumed.train()
    assert resumed.losses == whole.losses
    for name in model.WEIGHTS:
        assert np.array_equal(getattr(found, name), getattr(expected, name))
    assert not (job.folder / "checkpoint.pt").exists()
    with pytest.raises(NCAError, match="finished"):
        TrainingRun(replace(job, resume=True))


def test_a_run_that_is_killed_before_its_first_checkpoint_starts_again(job: TrainingJob, tmp_path: Path) -> None:
    """The model that it wrote by then is not taken for a finished one."""
    expected = TrainingRun(replace(job, output=tmp_path / "whole.safetensors")).train()

    def kill(iteration: int, _: float) -> None:
        if iteration == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TrainingRun(job).train(kill)
    assert job.output.exists()
    with pytest.raises(NCAError, match="add --resume"):
        TrainingRun(job)
    lines: list[str] = []
    assert not training_runs.is_done(job)
    again = TrainingRun(replace(job, resume=True, settings=TrainingSettings()), notify=lines.append)
    assert any("it starts again" in line for line in lines)
    assert again.settings == TINY
    found = again.train()
    assert np.array_equal(found.w1, expected.w1)
    assert training_runs.is_done(job)


def test_a_run_resumes_with_its_own_target_and_settings_only(job: TrainingJob) -> None:
    run = TrainingRun(job)
    run.train(stopped=after(run, 2))
    for other, words in (
        (replace(job, target="pebbles"), "another target"),
        (replace(job, settings=replace(TINY, size=16)), "--size 32"),
        (replace(job, settings=replace(TINY, iterations=2)), "already has 2 iterations"),
    ):
        with pytest.raises(NCAError, match=words):
            TrainingRun(replace(other, resume=True))
    whole = (job.folder / "checkpoint.pt").read_bytes()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 40]) + whole[middle + 40 :]
    for content in (b"", b"nonsense", whole[:5000], changed):
        (job.folder / "checkpoint.pt").write_bytes(content)
        with pytest.raises(NCAError, match="not a complete checkpoint"):
            TrainingRun(replace(job, resume=True))


def test_a_run_starts_from_another_model(job: TrainingJob, tmp_path: Path) -> None:
    first = TrainingRun(job).train()
    with pytest.raises(NCAError, match="leave out --hidden"):
        TrainingRun(replace(job, output=tmp_path / "x.pt", start=job.output, settings=replace(TINY, hidden=20)))
    run = TrainingRun(replace(job, output=tmp_path / "second.pt", start=job.output))
    assert np.array_equal(run.trainer.model().w1, first.w1)
    assert run.trainer.config.name == "second"


@contextlib.contextmanager
def full_disk(free: int) -> Iterator[None]:
    """Files can't grow beyond `free` bytes: writing fails as on a full disk, with another reason."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_older_files_whole(job: TrainingJob) -> None:
    lines: list[str] = []
    run = TrainingRun(job, notify=lines.append)
    run.train(stopped=after(run, 3))
    before = {path: path.read_bytes() for path in job.folder.parent.rglob("*") if path.is_file()}
    again = TrainingRun(replace(job, resume=True), notify=lines.append)
    with (
        full_disk(free=1000),
        pytest.raises(NCAError, match=r"cannot be written \((File too large|is the disk full\?)\)"),
    ):
        again.train(stopped=after(again, 6))
    assert any("The training continues" in line for line in lines)
    assert {path: path.read_bytes() for path in job.folder.parent.rglob("*") if path.is_file()} == before
    assert checkpoint.load_checkpoint(job.folder / "checkpoint.pt").losses == run.losses


def test_a_diverged_iteration_is_reported(job: TrainingJob) -> None:
    lines: list[str] = []
    run = TrainingRun(job, notify=lines.append)
    inner, calls = run.trainer.loss, iter(range(99))
    run.trainer.loss = lambda pictures, generator=None: inner(pictures, generator) * (np.nan if next(calls) == 4 else 1)
    run.train()
    assert [n for n, loss in enumerate(run.losses, 1) if np.isnan(loss)] == [5]
    assert any("Iteration 5 diverged" in line and "0.0005" in line for line in lines)


def test_a_missing_tensorboard_is_reported(job: TrainingJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(NCAError, match="pip install tensorboard"):
        TrainingRun(replace(job, log_dir=job.output.parent / "logs"))


def test_excitation_needs_no_target(job: TrainingJob) -> None:
    settings = replace(TINY, loss="excitation", neuron="random10:3", iterations=4)
    run = TrainingRun(replace(job, target="", settings=settings))
    run.train()
    assert np.isfinite(run.losses).all()


def test_an_unavailable_device_is_reported() -> None:
    assert pick_device("cpu").type == "cpu"
    missing = "cuda" if not torch.cuda.is_available() else "mps"
    with pytest.raises(NCAError, match=f"--device {missing} is not available"):
        pick_device(missing)


def test_train_writes_one_model_an_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for n, name in enumerate(("a.png", "b.jpg")):
        noise = np.random.default_rng(n).integers(0, 255, (40, 30, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / name)
    out = tmp_path / "out"
    assert train(str(tmp_path), "-o", str(out)) == 0
    assert {"a.pt", "b.pt"} <= {p.name for p in out.iterdir()}
    assert "a.pt: 20 iterations, loss" in capsys.readouterr().out
    assert train(str(tmp_path), "-o", str(out), "--resume") == 0
    assert capsys.readouterr().err.count("already trained; skipped") == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["missing.png", "-o", "x.pt"], "missing.png"),
        (["text.png", "-o", "x.pt"], "text.png"),
        (["empty", "-o", "out"], "empty"),
        (["coral", "-o", "x.jpg"], "must end in .pt or .safetensors"),
        (["coral", "pebbles", "-o", "x.pt"], "be a folder (several)"),
        (["coral", "coral", "-o", "out"], "coral and coral would both be written to"),
        (["coral", "-o", "text.png/x.pt"], "text.png: is a file, where a folder is needed"),
        (["-o", "x.pt"], "Name an image"),
        (["coral", "-o", "x.pt", "--resume"], "never started"),
        (["coral", "-o", "x.pt", "--from", "missing.pt"], "missing.pt"),
        (["coral", "-o", "x.pt", "--kernels", "triangular"], "triangular"),
        (["coral", "-o", "x.pt", "--stencils", "identity", "swirl"], "swirl"),
        (["coral", "-o", "x.pt", "--threads", "-1"], "--threads"),
        (["coral", "-o", "x.pt", "--loss", "excitation"], "--neuron"),
        (["-o", "out", "--loss", "excitation", "--neuron", "random10:1"], "the name of the model must end in .pt"),
        (["coral", "-o", "empty.pt"], "is a folder"),
        (["coral", "-o", "x.pt", "--stencils"], "--stencils"),
    ],
)
def test_what_cannot_be_trained_is_reported_in_one_line(
    words: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.pt").mkdir()
    (tmp_path / "text.png").write_text("no image")
    assert train(*words) == 1
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "x.pt").exists()


def test_a_bad_image_is_reported_before_any_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.png").write_text("no image")
    assert train("coral", str(tmp_path / "text.png"), "-o", str(tmp_path / "out")) == 1
    assert "text.png" in capsys.readouterr().err
    assert not (tmp_path / "out/coral.pt").exists()


def test_a_target_too_small_for_the_net_is_reported_before_any_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 16, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "narrow.png")
    assert train("coral", str(tmp_path / "narrow.png"), "-o", str(tmp_path / "out")) == 1
    assert "narrow.png: A target's 16x40 pixels are too small" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_how_to_resume(tmp_path: Path, number: int, code: int) -> None:
    command = [sys.executable, "-m", "ncaengine", "train", "coral", "-o", "a.pt", *FLAGS.split()]
    flags = [*command, "--iterations", "100000"]
    process = subprocess.Popen(flags, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=os.environ | {"CI": "1"})
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "a.training/loss.csv").exists() and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        _, error = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == code
    assert "with --resume to continue" in error
    assert "Traceback" not in error
    saved = checkpoint.load_checkpoint(tmp_path / "a.training/checkpoint.pt")
    assert len(saved.losses) == saved.state["iteration"] > 0
    assert model_files.load(tmp_path / "a.pt").config.name == "a"


def test_watch_opens_one_window_once_there_is_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(training_runs.subprocess, "Popen", lambda command, **how: opened.append((command, how)))
    assert train("coral", "-o", str(tmp_path / "a.pt"), "--watch") == 0
    [(command, how)] = opened
    assert command[1:5] == ["-m", "ncaengine", "view", str(tmp_path / "a.pt")]
    assert command[5:] == ["--steps-per-second", "10"]  # the training needs the processor itself
    assert not (tmp_path / "a.training" / "progress.json").exists()  # which tells the window what is left
    assert how["start_new_session"]


def test_a_study_trains_each_and_reports(tmp_path: Path, gl: GLBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    from ncaengine.training import evaluation, study

    monkeypatch.setattr(study, "STEPS", (4, 8))
    monkeypatch.setattr(study, "PLAN", evaluation.EvaluationPlan(size=(32, 32), steps=(4,), rollouts=2))
    monkeypatch.setattr(study, "TIMED_SIZE", (32, 32))
    out = tmp_path / "study"
    flags = "--channels 3,5 --iterations 4 --size 32 --features random --no-compile"
    assert cli.main(["study", "channels", "coral", *flags.split(), "-o", str(out)]) == 0
    rows = json.loads((out / "report.json").read_text())["rows"]
    assert [row["channels"] for row in rows] == [3, 5]
    for row in rows:
        trained = model_files.load(out / f"coral-{row['channels']}.safetensors")
        assert (trained.config.channels, trained.parameters) == (row["channels"], row["parameters"])
        assert row["steps_per_second"] > 0
        assert np.isfinite([row["loss"], row["training_loss"]]).all()
    page, report = (out / "report.html").read_text("utf-8"), (out / "report.md").read_text()
    assert "coral-3 and coral-5 against coral" in page
    assert "<h2>Training</h2>" in page
    for picture in ("pictures.png", "loss.png"):
        assert f"({picture})" in report
        with Image.open(out / picture) as image:
            assert min(image.size) > 50


@pytest.mark.parametrize("channels", [",", "4,,8", "4,4", "four", "2,4"])
def test_a_study_with_wrong_channels_is_refused(
    channels: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["study", "channels", "coral", "--channels", channels, "-o", str(tmp_path / "out")]) == 1
    assert "--channels" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
