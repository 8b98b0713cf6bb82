"""Reports of models: what is measured, the page, the picture and the numbers; `ncaengine evaluate --report`."""

import dataclasses
import json
import os
import re

import msgspec
import numpy as np
import pytest
import torch
from helpers import NOTEBOOK_CONFIG, SELFORG, random_model, random_weights, small
from PIL import Image

from ncaengine.backends.torch import TorchBackend
from ncaengine.cli import main
from ncaengine.core.errors import NCAError
from ncaengine.formats import model_files
from ncaengine.training import appraisal, evaluation, report_figures
from ncaengine.training.appraisal import Plan
from ncaengine.training.curves import read_losses
from ncaengine.training.features.weights import read_weights

PLAN = Plan(("square", "hexagonal"), (18, 16), (12, 20), 2, 3, 7)


def mean(pictures: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """A loss with a known value."""
    return pictures.mean()


@pytest.fixture(scope="module")
def subject() -> appraisal.Subject:
    from ncaengine.simulation.simulation import Simulation

    with Simulation(TorchBackend()) as sim:
        made: list[int] = []
        (found,) = appraisal.appraise(sim, [random_model(small(NOTEBOOK_CONFIG))], ["a"], mean, PLAN, made.append)
        assert not sim.grids
        assert sum(made) == PLAN.total([random_model(small(NOTEBOOK_CONFIG))], sim) == 2 * 2 * (20 + 7)
    return found


def test_it_looks_often_at_first_and_always_at_the_pictures_steps():
    assert Plan(steps=(300, 1000, 10_000)).moments == (10, 30, 100, 300, 1000, 3000, 10_000)
    assert Plan(heal=300).healing == (0, 5, 15, 50, 150, 300)
    assert (PLAN.moments, PLAN.healing) == ((10, 12, 20), (0, 5, 7))
    assert Plan(steps=(2,), heal=1).moments == (2,)


def test_losses_and_pictures_are_those_of_an_evaluation(simulate, subject):
    for course, kernel in zip(subject.courses, PLAN.kernels, strict=True):
        assert course.kernel == kernel
        sim = simulate(TorchBackend())
        plan = evaluation.EvaluationPlan(kernel, PLAN.size, PLAN.moments, PLAN.rollouts, PLAN.seed, PLAN.heal)
        want = evaluation.evaluate(sim, random_model(small(NOTEBOOK_CONFIG)), mean, plan).losses
        assert np.allclose(course.loss, want[:, :3], atol=1e-6)
        assert np.allclose(course.healing[:, [0, -1]], want[:, 3:], atol=1e-6)
        grid = sim.add(random_model(small(NOTEBOOK_CONFIG)), PLAN.size, kernel, rng_seed=PLAN.seed)
        for picture, steps in zip(course.pictures, (12, 8), strict=False):
            sim.step(steps)
            assert np.array_equal(picture, grid.image(1 if kernel == "square" else 2))
        evaluation.cut_hole(sim, grid)
        assert np.array_equal(course.pictures[2], grid.image(1 if kernel == "square" else 2))
        assert len(course.pictures) == 4


def test_cells_that_never_change_stand_still(simulate):
    config = msgspec.structs.replace(small(NOTEBOOK_CONFIG), hidden=0)
    still = random_weights(config)
    (found,) = appraisal.appraise(simulate(TorchBackend()), [still], ["still"], mean, PLAN)
    for course in found.courses:
        assert not course.moves.any()
        assert not course.changes.any()
        assert np.ptp(course.loss) == 0


def test_states_that_run_away_are_not_numbers(simulate):
    wild = random_model(small(NOTEBOOK_CONFIG), scale=1e18)
    (found,) = appraisal.appraise(simulate(TorchBackend()), [wild], ["wild"], mean, PLAN)
    report = whole(found)
    shown = report_figures.report_json(report)["subjects"][0]["courses"][0]
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert shown["moves"][0][-1] is None
    assert shown["figures"]["length"] is None
    assert report_figures.chart_groups(report)


def whole(*subjects: appraisal.Subject) -> appraisal.Report:
    rng = np.random.default_rng(0)
    from ncaengine.training import measures

    picture = rng.random((20, 24, 3), np.float32)
    return appraisal.Report(
        "t", picture, 0.1, 2.0, measures.spectrum(picture), "gram", ("net",), "paper", PLAN, subjects
    )


def test_figures_are_medians_and_the_best_is_marked(subject):
    report = whole(subject, dataclasses.replace(subject))
    found = report_figures.report_json(report)
    course = found["subjects"][0]["courses"][1]
    assert course["figures"]["loss_12"] == pytest.approx(np.median([losses[1] for losses in course["loss"]]))
    assert course["figures"]["healed"] == pytest.approx(np.median([losses[-1] for losses in course["healing"]]))
    assert "pictures" not in course
    columns = {figure.key: figure for figure in report_figures.figures(PLAN)}
    assert report_figures.best(columns["healed"], [0.3, 0.2, np.nan, 0.2001], None) == {1, 3}
    assert report_figures.best(columns["steps_per_second"], [3, 9], None) == {1}
    assert report_figures.best(columns["length"], [1, 3.5, 9], 4) == {1}
    assert report_figures.best(columns["parameters"], [1, 2], None) == set()
    assert report_figures.best(columns["healed"], [1], None) == set()
    loss = report_figures.chart_groups(report)[0].charts["square"]
    assert [line.name for line in loss.lines] == ["a", "a"]
    low, high = loss.limits
    assert low < subject.courses[0].loss.min() < subject.courses[0].loss.max() < high


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model_files.save(random_model(small(NOTEBOOK_CONFIG, name="a")), "a.safetensors")
    model_files.save(random_model(small(SELFORG, name="<b>")), "b&.safetensors")
    (tmp_path / "a.training").mkdir()
    (tmp_path / "taken.json").mkdir()
    (tmp_path / "a.training" / "loss.csv").write_text("iteration,loss\n1,0.5\n2,nan\n3,0.25\n")
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save("t.png")
    return tmp_path


ASKED = ["--target", "t.png", "--features", "random", "--backend", "torch", "--size", "48", "--rollouts", "2",
         "--steps", "9", "4", "--heal-steps", "3"]  # fmt: skip


def test_a_page_of_two_models_loads_nothing_and_has_its_numbers_beside_it(here, capsys):
    assert main(["evaluate", "a.safetensors", "b&.safetensors", *ASKED, "--report", "out.html"]) == 0
    assert "out.html: a report of a and b&; its numbers are in out.json" in capsys.readouterr().out
    page = (here / "out.html").read_text("utf-8")
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)|@import|<script|https?://(?!www\.w3\.org)""", page)
    assert "b&amp;" in page
    assert "b&<" not in page
    assert page.count("<img ") == 2 * (1 + 2 * 4)
    assert page.count("<svg") == 5 * 2 + 1
    numbers = json.loads((here / "out.json").read_text())
    assert [one["name"] for one in numbers["subjects"]] == ["a", "b&"]
    assert numbers["plan"]["steps"] == [4, 9]
    assert numbers["subjects"][0]["curve"] == [0.5, None, 0.25]
    assert numbers["subjects"][0]["courses"][1]["steps_per_second"] > 0
    for one in numbers["subjects"]:
        for course in one["courses"]:
            assert np.shape(course["loss"]) == (2, len(numbers["plan"]["moments"]))


def test_a_picture_has_all_pictures_and_charts(here):
    assert main(["evaluate", "a.safetensors", *ASKED, "--report", "out.png", "--kernel", "square"]) == 0
    with Image.open(here / "out.png") as image:
        assert image.width >= 1400
        assert image.height > image.width
    assert len(json.loads((here / "out.json").read_text())["subjects"][0]["courses"]) == 1


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--report", "out.pdf"], "ends in .html or .png"),
        (["--report", "no/out.html"], "its folder does not exist"),
        (["--report", "taken.html"], "taken.json: is a folder"),
        (["--report", "/"], "ends in .html or .png"),
        (["--report", "out.html", "--json"], "--json does not work with --report"),
        (["--report", "out.html", "--heal"], "--heal does not work with --report"),
        (["--heal", "--kernel", "square", "hexagonal"], "only with --report"),
        (["--report", "out.html", "--kernel", "square", "square"], "twice"),
        (["--report", "out.html", "--size", "2"], "too small"),
    ],
)
def test_what_cannot_be_reported_is_said_before_any_step(here, capsys, monkeypatch, flags, expected):
    monkeypatch.setattr("ncaengine.training.appraisal.run_to", lambda *_: pytest.fail("grew"))
    assert main(["evaluate", "a.safetensors", *ASKED, *flags]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert expected in error
    assert not (here / "out.html").exists()


@pytest.mark.parametrize(
    "text", ["", "a\n1", "loss,b\n1\n1,2", "b,loss\n1", "loss\n1e300", "loss\n" + "1" * 2**18, "\xff"]
)
def test_what_is_no_loss_curve_is_left_out(tmp_path, text):
    (tmp_path / "a.training").mkdir()
    (tmp_path / "a.training/loss.csv").write_text(text, "latin-1")
    assert read_or_none(tmp_path / "a.pt") in (None, [], [1.0, 1.0])


def test_files_that_never_end_are_not_read(tmp_path):
    (tmp_path / "a.training").mkdir()
    for name in ("a.training/loss.csv", "net.pth"):
        os.mkfifo(tmp_path / name)
    assert read_or_none(tmp_path / "a.pt") is None
    with pytest.raises(NCAError, match=r"net\.pth: is a FIFO"):
        read_weights(tmp_path / "net.pth")


def read_or_none(model):
    """Return the losses of a model's training, None if their file is refused."""
    try:
        return read_losses(model)
    except NCAError:
        return None


def test_json_of_a_report_has_no_number_that_is_not_finite() -> None:
    found = appraisal.as_json({"rows": [Plan(), {"loss": float("nan"), "all": np.array([1.0, np.inf])}]})
    assert found["rows"][1] == {"loss": None, "all": [1.0, None]}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
