"""Measuring rollouts, reproducibly, as the engine shows them; `ncaengine evaluate`."""

import json
import math

import numpy as np
import pytest
import torch
from helpers import NOTEBOOK_CONFIG, SELFORG, random_model, small
from msgspec import structs
from PIL import Image

from ncaengine.backends.torch import TorchBackend
from ncaengine.cli import main
from ncaengine.core import canvas, lattice, looks
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Colour
from ncaengine.formats import model_files
from ncaengine.simulation import commands
from ncaengine.training import evaluation
from ncaengine.training.evaluation import EvaluationPlan, EvaluationResult


def mean(pictures: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """A loss with a known value: the mean."""
    assert generator is not None
    assert generator.initial_seed() == evaluation.LOSS_SEED
    assert pictures.shape[:2] == (1, 3)
    return pictures.mean()


PLAN = EvaluationPlan(size=(14, 10), steps=(3, 7), rollouts=3, seed=4, heal=5)


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
def test_the_loss_is_measured_on_the_engines_pictures(backend, simulate, kernel):
    model = random_model(small(SELFORG))  # published: its colours have scale 0.5
    sim, plan = simulate(backend), EvaluationPlan(kernel, (14, 10), (3, 7), 2, 4)
    result = evaluation.evaluate(sim, model, mean, plan)
    assert not sim.grids
    assert result.losses.shape == (2, 2)
    for k in range(2):
        grid = sim.add(model, plan.size, kernel, rng_seed=4 + k)
        for j, steps in enumerate((3, 4)):
            sim.submit(commands.Step(grid.id, steps))
            shown = looks.to_rgb(grid.state(), Colour(0.5, 0.5)).mean()
            assert result.losses[k, j] == pytest.approx(shown, abs=1e-5)
            assert result.largest >= np.abs(grid.state()).max()


def test_backends_agree_and_are_reproducible(simulate, gl):
    model = random_model(small(NOTEBOOK_CONFIG))
    a, b, c = (evaluation.evaluate(simulate(on), model, mean, PLAN) for on in (gl, gl, TorchBackend()))
    assert a.losses.shape == (3, 4)
    assert np.array_equal(a.losses, b.losses)
    assert np.abs(a.losses - c.losses).max() < 1e-4
    assert len(set(a.losses[:, -1])) == 3  # rollouts differ


def test_all_steps_are_reported_and_counted(simulate):
    made: list[int] = []
    evaluation.evaluate(simulate(TorchBackend()), random_model(small(NOTEBOOK_CONFIG)), mean, PLAN, made.append)
    assert sum(made) == PLAN.total == 3 * (7 + 5)
    assert PLAN.moments == ["step 3", "step 7", "hole", "healed"]


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
@pytest.mark.parametrize("size", [(40, 40), (40, 31), (24, 50)])
def test_the_hole_is_round_on_the_screen_and_holds_the_seed(simulate, kernel, size):
    sim = simulate(TorchBackend())
    grid = sim.add(random_model(small(NOTEBOOK_CONFIG)), size, kernel)
    sim.load(np.ones((size[1], size[0], 5), np.float32))
    evaluation.cut_hole(sim, grid)
    state = grid.state()
    assert set(np.unique(state)) == {0, 1}
    picture = canvas.draw(state, grid.kernel, Colour(1, 0), lattice.whole_view(grid.kernel, size, 4))[..., 0] < 128
    y, x = np.indices(picture.shape)
    far = np.hypot(x + 0.5 - picture.shape[1] / 2, y + 0.5 - picture.shape[0] / 2) / 4
    radius = min(lattice.extent(grid.kernel, size)) / 4
    assert far[picture].max() < radius + 1
    assert far[~picture].min() > radius - 1


def test_pictures_that_are_too_small_are_refused_before_any_step(simulate):
    def small_loss(pictures, generator=None):
        raise NCAError("too small")

    sim = simulate(TorchBackend())
    with pytest.raises(NCAError, match="too small"):
        evaluation.evaluate(sim, random_model(small(NOTEBOOK_CONFIG)), small_loss, PLAN, lambda _: pytest.fail("grew"))
    assert not sim.grids


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "a.safetensors"
    model_files.save(random_model(small(NOTEBOOK_CONFIG, name="a")), path)
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(tmp_path / "t.png")
    return path


QUICK = ["--features", "random", "--backend", "torch"]
TINY = ["--size", "32x24", "--rollouts", "2", "--steps", "3", "2", "3", "--heal", "--heal-steps", "2"]


@pytest.mark.parametrize("loss", ["transport", "gram"])
def test_json_has_all_figures(model, capsys, loss):
    asked = ["evaluate", model, model, "--target", model.with_name("t.png"), *TINY, *QUICK, "--json", "--loss", loss]
    reports = []
    for _ in range(2):
        assert main([*map(str, asked)]) == 0
        reports.append(json.loads(capsys.readouterr().out))
    assert reports[0] == reports[1]
    assert reports[0]["loss"] == loss
    assert (reports[0]["size"], reports[0]["steps"], reports[0]["rollouts"]) == ([32, 24], [2, 3], 2)
    first, second = reports[0]["models"]
    assert first == second
    assert [moment["when"] for moment in first["moments"]] == ["step 2", "step 3", "hole", "healed"]
    for moment in first["moments"]:
        assert moment["mean"] == pytest.approx(np.mean(moment["losses"]))
        assert moment["mean"] > reports[0]["target_itself"] >= 0


def test_the_table_fits_a_narrow_terminal_and_compares_with_the_first(model, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    target = str(model.with_name("t.png"))
    assert main(["evaluate", str(model), str(model), "--target", target, *TINY, *QUICK]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.split("\n")[2:])) <= 80
    assert out.count("×1.000") == 8
    assert out.count("±") == 1 + 8
    assert "2 rollouts of 32x24 on square" in out
    assert main(["evaluate", str(model), "--target", target, *TINY, *QUICK]) == 0
    assert "ratio" not in capsys.readouterr().out


def test_a_loss_of_nan_is_null_in_json(model, capsys, monkeypatch):
    monkeypatch.setattr("ncaengine.training.evaluation.picture_loss", lambda picture, loss: math.nan)
    asked = ["evaluate", str(model), "--target", str(model.with_name("t.png")), *TINY, *QUICK, "--json"]
    assert main(asked) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["moments"][0]["mean"] is None


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--target", "no.png"], "no.png"),
        (["--target", "a.safetensors"], "a.safetensors"),
        (["--rollouts", "0"], "--rollouts"),
        (["--heal-steps", "0"], "--heal-steps"),
        (["--steps", "0"], "--steps"),
        (["--target-size", "1"], "--target-size"),
        (["--seed", "4294967295"], "--seed"),
        (["--kernel", "octagonal"], "octagonal"),
        (["--features", "no.pth"], "no.pth"),
        (["--size", "1000000"], "grid of 1000000x1000000"),
        (["--size", "wide"], "wide"),
        (["--size", "1"], "too small"),
    ],
)
def test_a_wrong_argument_is_reported_in_one_line(model, capsys, monkeypatch, flags, expected):
    monkeypatch.chdir(model.parent)
    monkeypatch.setattr("ncaengine.training.evaluation.run_to", lambda *_: pytest.fail("grew"))
    assert main(["evaluate", "a.safetensors", "--target", "t.png", *QUICK, *flags]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ncaengine: ")
    assert error.count("\n") == 1
    assert expected in error


def test_losses_are_noted_in_the_file_without_another_change(model, capsys):
    before = model_files.load(model)
    asked = ["evaluate", str(model), "--target", str(model.with_name("t.png")), *TINY, *QUICK]
    assert main([*asked, "--json", "--note"]) == 0
    first = json.loads(capsys.readouterr().out)["models"][0]["moments"][0]["mean"]
    assert main([*asked, "--note", "--kernel", "hexagonal", "--size", "32x32"]) == 0
    after = model_files.load(model)
    noted = after.config.attribution
    assert noted["loss on square"].startswith(f"{first:.3g} at step 2, ")
    assert noted["loss on square"].endswith("; transport against t, mean of 2 of 32x24 cells")
    assert "loss on hexagonal" in noted
    plain = structs.replace(after.config, attribution=before.config.attribution)
    assert plain == before.config
    assert all(np.array_equal(array, before.arrays()[name]) for name, array in after.arrays().items())


def test_losses_are_not_noted_in_what_is_no_file_of_our_own_or_has_changed(model, tmp_path, capsys, monkeypatch):
    other = random_model(small(NOTEBOOK_CONFIG, name="a"), seed=1)
    asked = ["--target", str(model.with_name("t.png")), *TINY, *QUICK, "--note"]
    monkeypatch.setattr("ncaengine.training.evaluation.run_to", lambda *_: pytest.fail("grew"))
    assert main(["evaluate", "many:zebra", *asked]) == 1
    assert "--note writes only into a .pt or .safetensors file" in capsys.readouterr().err
    monkeypatch.setattr(
        "ncaengine.training.evaluation.evaluate",
        lambda *_: (model_files.save(other, model), EvaluationResult(np.ones((2, 4)), 1.0))[1],
    )
    assert main(["evaluate", str(model), *asked]) == 1
    assert "has changed since it was opened" in capsys.readouterr().err
    assert model_files.load(model).config.attribution == {}


def test_a_model_is_required(capsys):
    assert main(["evaluate", "--target", "pebbles"]) == 1
    assert "Name a model" in capsys.readouterr().err
