"""Training in a given time: what is chosen, what is said, and that it ends in time."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.core.looks import quantise
from ncaengine.formats import model_files
from ncaengine.training import budget, losses, targets
from ncaengine.training.budget import Clock, nearest_model, planned, with_length
from ncaengine.training.checkpoint import load_checkpoint
from ncaengine.training.config import TrainingSettings, seconds_of
from ncaengine.training.features import extractor
from ncaengine.training.job import NEAREST, NO_MODEL, TrainingJob
from ncaengine.training.run import TrainingRun

OPEN = TrainingSettings()
TINY = TrainingSettings(budget="3s", size=32, batch=2, pool=8, rollout=(4, 8), precision="float32")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("20", 1200),
        ("1.5h", 5400),
        ("1h30m", 5400),
        (" 2h ", 7200),
        ("1m 30s", 90),
        ("0.5 m", 30),
    ],
)
def test_a_budget_is_a_time(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "-5m", "5 days", "5m5", "30m1h", "h", "0s", "1e9h", "721h", "nan", "9" * 400]
)
def test_another_text_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(NCAError, match="for example 5m") as error:
        seconds_of(text)
    assert len(str(error.value)) < 200


def trial(seconds: float):  # type: ignore[no-untyped-def]
    """Pretend that an iteration takes so long for each 64x64 grid."""
    return lambda s: seconds * (s.size / 64) ** 2 * s.batch


@pytest.mark.parametrize(
    ("asked", "seconds", "expected"),
    [
        (replace(OPEN, budget="90s"), 0.1, (64, 1, 900)),
        (replace(OPEN, budget="5m"), 0.1, (96, 1, 1333)),
        (replace(OPEN, budget="20m"), 0.1, (96, 2, 2667)),
        (replace(OPEN, budget="2h"), 0.1, (128, 4, 4500)),
        (replace(OPEN, budget="5m"), 0.001, (128, 4, 18750)),
        (replace(OPEN, budget="1s"), 10, (64, 1, 1)),
        (replace(OPEN, budget="5m", size=96), 0.001, (96, 2, 66667)),
        (replace(OPEN, budget="5m", batch=2), 0.1, (96, 2, 667)),
        (replace(OPEN, budget="5m", size=40, batch=3), 0.1, (40, 3, 2560)),
        (replace(OPEN, iterations=7), 0.1, (128, 4, 7)),
        (replace(OPEN, iterations=7, size=32, batch=1), 0.1, (32, 1, 7)),
    ],
)
def test_size_and_batch_grow_with_the_time(
    asked: TrainingSettings, seconds: float, expected: tuple[int, int, int]
) -> None:
    found = planned(asked, seconds_of(asked.budget) if asked.budget else 0.0, trial(seconds))
    assert (found.size, found.batch, found.iterations) == expected
    assert found.budget == asked.budget


def test_without_a_word_a_gpu_makes_the_articles_iterations_and_a_processor_twenty_minutes() -> None:
    assert planned(with_length(OPEN, True), 0.0, trial(0.1)) == replace(OPEN, iterations=5000, size=128, batch=4)
    asked = with_length(OPEN, False)
    assert asked == replace(OPEN, budget="20m")
    found = planned(asked, 1200.0, trial(0.1))
    said = budget.expectation(found, "scales", said=False)
    assert "no GPU and no --budget: about 2,667 iterations with 2 grids of 96x96, from the weights of scales" in said
    assert "a texture about as good" in said
    short = budget.expectation(replace(found, iterations=1, batch=1), "scales", said=True)
    assert "about 1 iteration with 1 grid of 96x96" in short
    assert "the colours and a rough form" in short


def test_both_iterations_and_a_budget_are_refused() -> None:
    with pytest.raises(NCAError, match="leave one out"):
        with_length(replace(OPEN, budget="5m", iterations=100), False)


def test_the_clock_follows_the_measured_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock, count = Clock("100s", spent=20.0), 500
    now[0] += 10  # compiled
    for iteration in range(1, 200):
        count = clock.iterations(iteration, count)
        if iteration >= count:
            break
        if iteration == 3:
            assert count == 71  # 70 s were left after the first, and each takes one
        now[0] += 1 if iteration <= 31 else 2
    assert 51 <= iteration <= 52  # the first, 31 of a second each, and what fits into the rest at two seconds
    assert clock.spent == pytest.approx(100, abs=2)


def test_the_nearest_shipped_model_is_that_of_the_same_texture() -> None:
    net = extractor.open_nets(["random"])[0]
    loss = losses.make_loss("transport", net, losses.picture_tensor(targets.load_target("bubbles", 64).picture))
    found = nearest_model(loss, torch.device("cpu"), OPEN)
    assert found is not None
    assert found.stem == "bubbles"
    assert nearest_model(loss, torch.device("cpu"), replace(OPEN, channels=5)) is None


def test_a_run_ends_with_its_time_and_tells_how_it_was_trained(tmp_path: Path) -> None:
    lines: list[str] = []
    job = TrainingJob("bubbles", tmp_path / "a.safetensors", TINY, ("random",), compiled=False)
    run = TrainingRun(job, notify=lines.append)
    assert run.clock
    run.train()
    assert run.finished
    assert run.clock.spent >= 3
    assert run.trainer.iteration == run.settings.iterations >= 1
    assert "from the weights of bubbles" in " ".join(lines)
    told = dict(model_files.load(job.output).config.attribution)["training"]
    assert told.startswith(f"{run.trainer.iteration:,} iterations, 2 x 32x32 cells each, on square and hexagonal")
    assert told.endswith("from the weights of bubbles")


def test_a_resumed_run_has_what_is_left_of_its_time(tmp_path: Path) -> None:
    settings = replace(TINY, budget="1h", hidden=16)
    job = TrainingJob("bubbles", tmp_path / "a.safetensors", settings, ("random",), compiled=False)
    run = TrainingRun(job)
    run.train(stopped=lambda: run.trainer.iteration >= 3)
    kept = load_checkpoint(job.folder / "checkpoint.pt").seconds
    assert kept > 0
    before = time.monotonic()
    resumed = TrainingRun(replace(job, resume=True, settings=replace(OPEN, budget="1s")))
    assert resumed.clock
    assert kept < resumed.clock.spent <= kept + time.monotonic() - before
    resumed.train()
    assert resumed.finished
    assert resumed.trainer.iteration < 60


def test_a_run_starts_where_it_is_told_to(tmp_path: Path) -> None:
    target = tmp_path / "target.png"
    Image.fromarray(quantise(targets.load_target("zebra", 64).picture)).save(target)
    job = TrainingJob(str(target), tmp_path / "a.safetensors", TINY, ("random",), compiled=False)
    assert TrainingRun(replace(job, start=NO_MODEL)).start is None
    assert TrainingRun(replace(job, settings=replace(TINY, budget="", iterations=3))).start is None
    found = TrainingRun(replace(job, settings=replace(TINY, budget="", iterations=3), start=NEAREST)).start
    assert found is not None
    assert found.stem == "zebra"
    with pytest.raises(NCAError, match="--from auto finds no shipped model"):
        TrainingRun(replace(job, settings=replace(TINY, hidden=16), start=NEAREST))
