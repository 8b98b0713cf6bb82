"""The trainer on tiny grids and a random feature net: deterministic, resumable, safe from NaN, equal to the engine."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from helpers import random_model
from torch import Tensor

from ncaengine.backends.reference import Reference
from ncaengine.core import kernels, model
from ncaengine.core.embedding_inputs import NAMES
from ncaengine.core.errors import NCAError
from ncaengine.training import losses
from ncaengine.training.config import FIXED, TrainingSettings, merge_settings
from ncaengine.training.devices import pick_precision
from ncaengine.training.step import PairedStep, ReferenceStep, make_step
from ncaengine.training.trainer import MAX_ROLLBACKS, Trainer, initial_model, rounded, segment_length, widened

TINY = TrainingSettings(
    iterations=40, size=16, batch=2, pool=8, rollout=(4, 8), fresh=0.5, channels=12, hidden=16, precision="float32"
)
TARGET = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 0.4


pytestmark = pytest.mark.usefixtures("one_thread")


def colours(pictures: Tensor) -> list[Tensor]:
    """A feature net: the pixels."""
    return [pictures]


def reference(kernel: str = "square", **config: Any) -> Reference:
    features = TrainingSettings().model_config("random").features
    return Reference(random_model(model.Config(hidden=20, features=features, **config)), kernels.discover().get(kernel))


def trainer(settings: TrainingSettings = TINY, loss: losses.Loss | None = None, **more: Any) -> Trainer:
    start = initial_model(settings.model_config("tiny"), settings.seed)
    trained_on = [kernels.discover().get(name) for name in settings.kernels]
    return Trainer(start, loss or losses.SlicedTransport(colours, TARGET), settings, trained_on, **more)


def weights(run: Trainer) -> np.ndarray:
    return np.concatenate([getattr(run.model(), name).ravel() for name in model.WEIGHTS])


CONDITIONED = {"extra": NAMES[:3], "textures": {"a": (1.0, 0.0, 0.0), "b": (0.0, 0.6, 0.8)}}


@pytest.mark.parametrize("config", [{}, CONDITIONED], ids=["plain", "conditioned"])
@pytest.mark.parametrize("name", sorted(kernels.discover().kernels))
def test_the_paired_step_and_its_gradients_equal_the_references(name: str, config: dict[str, Any]) -> None:
    nca = reference(name, **config)
    step = make_step(nca, 12, compiled=False)
    assert isinstance(step, PairedStep)
    generator = torch.Generator().manual_seed(2)
    mask = step.mask(2, generator)
    fires = torch.cat([mask, ~mask], 1).permute(0, 3, 1, 2).float()
    x = torch.randn(2, 12, 12, 12, generator=generator) * 0.3
    weight = torch.randn(2, 12, 12, 12, generator=generator)
    own = torch.randn(2, 3, 12, 12, generator=generator) if config else None
    found, gradients = [], []
    for run in (lambda x, e: step(x, mask, e), lambda x, e: nca(x, fires, None, e)):
        given, map_ = x.clone().requires_grad_(), own.clone().requires_grad_() if config else None
        found.append(run(given, map_))
        nca.zero_grad()
        (found[-1] * weight).sum().backward()
        inputs = [given.grad, *([map_.grad] if config else [])]
        gradients.append([*inputs, *(p.grad.clone() for p in nca.parameters() if p.grad is not None)])
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-5)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


def test_the_step_of_short_numbers_is_near_the_exact_one() -> None:
    nca = reference()
    x = torch.randn(2, 12, 32, 32, generator=torch.Generator().manual_seed(1)) * 0.3
    steps = [make_step(nca, 32, False, precision) for precision in (torch.float32, torch.bfloat16)]
    mask = steps[0].mask(2, torch.Generator().manual_seed(2))
    found, gradients = [], []
    for step in steps:
        nca.zero_grad()
        found.append(step(x, mask))
        found[-1].square().sum().backward()
        gradients.append([p.grad.clone().flatten() for p in nca.parameters() if p.grad is not None])
    exact, short = (y.detach() - x for y in found)
    assert 0 < float((short - exact).norm()) < 2**-7 * float(exact.norm())  # bfloat16 has 8 significant bits
    for one, other in zip(*gradients, strict=True):
        assert float(torch.nn.functional.cosine_similarity(one, other, 0)) > 0.999


def test_precision_is_what_is_asked_for_or_what_the_device_does_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert [pick_precision(name, cpu) for name in ("float32", "bfloat16")] == [torch.float32, torch.bfloat16]
    for found, expected in (({"avx512_bf16": True}, torch.bfloat16), ({"avx2": True}, torch.float32)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found, raising=False)
        assert pick_precision("auto", cpu) == expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert pick_precision("auto", cpu) == torch.float32


def test_models_that_the_paired_step_cannot_compute_use_the_reference() -> None:
    for config in ({"activation": "tanh"}, {"padding": "zero"}, {"fire_rate": 0.3}):
        nca = reference(**config)
        assert isinstance(make_step(nca, 12, compiled=False), ReferenceStep)
    assert isinstance(make_step(reference(), 13, compiled=False), ReferenceStep)
    coins = make_step(nca, 64, compiled=False).mask(8, torch.Generator().manual_seed(0))
    assert coins.shape == (8, 1, 64, 64)
    assert 0.28 < coins.mean() < 0.32


def test_exactly_one_of_a_pair_fires() -> None:
    step = make_step(reference("hexagonal"), 8, compiled=False)
    x = torch.randn(1, 12, 8, 8, generator=torch.Generator().manual_seed(0))
    changed = (step(x, step.mask(1, torch.Generator().manual_seed(1))) != x).any(1)[0]
    assert (changed[:4] ^ changed[4:]).all()


def test_training_lowers_the_loss() -> None:
    run = trainer(replace(TINY, iterations=150))
    seen = [run.iterate() for _ in range(150)]
    assert all(map(math.isfinite, seen))
    assert np.median(seen[-30:]) < 0.5 * np.median(seen[:30])


def test_a_resumed_training_continues_exactly() -> None:
    whole, begun = trainer(), trainer()
    expected = [whole.iterate() for _ in range(9)]
    first = [begun.iterate() for _ in range(5)]
    resumed = trainer()
    resumed.restore(begun.state())
    assert first + [resumed.iterate() for _ in range(4)] == expected
    assert np.array_equal(weights(resumed), weights(whole))
    assert torch.equal(resumed.pools, whole.pools)


def test_a_state_of_another_run_does_not_fit() -> None:
    with pytest.raises(NCAError, match="another pool"):
        trainer(replace(TINY, pool=12)).restore(trainer().state())
    with pytest.raises(NCAError, match="does not fit"):
        trainer(replace(TINY, hidden=8)).restore(trainer().state())
    with pytest.raises(NCAError, match="does not fit"):
        trainer().restore({"pools": trainer().pools})


class Failing:
    """A loss that at some calls is NaN, or finite with a gradient that is not."""

    def __init__(self, bad: range, kind: str) -> None:
        self.calls, self.bad, self.kind = 0, bad, kind
        self.inner = losses.SlicedTransport(colours, TARGET)

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        self.calls += 1
        loss = self.inner(pictures, generator)
        if self.calls not in self.bad:
            return loss
        return loss * math.nan if self.kind == "loss" else loss + ((pictures - pictures) ** 2).sum().sqrt()


@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_nan_restores_good_weights_and_halves_the_learning_rate(kind: str) -> None:
    run = trainer(loss=Failing(range(46, 47), kind))
    at: dict[int, np.ndarray] = {}
    for iteration in range(1, 46):
        run.iterate()
        at[iteration] = weights(run)
    before, pools = run.learning_rate, run.pools.clone()
    assert math.isnan(run.iterate())
    assert np.array_equal(weights(run), at[20])
    assert run.learning_rate == before / 2
    assert (run.rollbacks, run.iteration) == (1, 46)
    assert torch.equal(run.pools, pools)
    assert math.isfinite(run.iterate())
    assert np.isfinite(weights(run)).all()


def test_persistent_nan_ends_the_training_with_a_message() -> None:
    run = trainer(loss=Failing(range(1, 99), "loss"))
    for _ in range(MAX_ROLLBACKS):
        assert math.isnan(run.iterate())
    with pytest.raises(NCAError, match="lower --learning-rate"):
        run.iterate()


@pytest.mark.parametrize(("fresh", "again"), [(0.0, 0), (1.0, 2)])
def test_each_grid_of_a_batch_has_its_own_chance_to_start_again(fresh: float, again: int) -> None:
    run = trainer(replace(TINY, fresh=fresh))
    run.pools += 1
    x, _ = run._batch(0, torch.tensor([0, 1]), np.random.default_rng(0), torch.Generator())
    assert int((x.amax((1, 2, 3)) == 0).sum()) == again


def test_a_state_that_grows_too_large_does_not_return_to_the_pool() -> None:
    run = trainer()
    with torch.no_grad():
        run.nca.b2.fill_(50.0)
    run.iterate()
    assert float(run.pools.abs().max()) < 20


def test_segments_give_the_same_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = trainer(), trainer()
    expected = [whole.iterate() for _ in range(3)]
    monkeypatch.setattr("ncaengine.training.trainer.free_memory", lambda device: 0)
    assert [cut.iterate() for _ in range(3)] == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(weights(cut), weights(whole), atol=1e-6)


def test_a_rollout_is_cut_into_segments_only_if_memory_is_short() -> None:
    assert segment_length(64, 10, 1280) == 64
    assert segment_length(64, 10, 1279) == 8
    assert segment_length(1, 10, 0) == 1


def test_a_resumed_run_keeps_its_settings_except_those_given() -> None:
    saved = replace(TINY, learning_rate=5e-4)
    assert merge_settings(saved, TrainingSettings()) == saved
    assert merge_settings(saved, TrainingSettings(iterations=99)) == replace(saved, iterations=99)
    for name in FIXED:
        other = {"loss": "gram", "neuron": "a:1", "kernels": ("square",), "stencils": ("identity",)}
        value = other.get(name, 99)
        with pytest.raises(NCAError, match="--" + name.replace("_", "-")):
            merge_settings(saved, replace(TrainingSettings(), **{name: value}))


@pytest.mark.parametrize(
    "setting",
    [
        {"iterations": -1}, {"size": 4}, {"batch": -1}, {"budget": "soon"}, {"pool": 3}, {"rollout": (9, 3)},
        {"fresh": 1.5}, {"kernels": ()}, {"kernels": ("square", "square")}, {"channels": 2},
        {"learning_rate": math.nan}, {"drops": (1.5,)}, {"loss": "excitation"}, {"neuron": "conv1_1:3"}, {"seed": -1},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_named(setting: dict[str, Any]) -> None:
    with pytest.raises(NCAError, match="--" + next(iter(setting)).replace("_", "-")):
        replace(TrainingSettings(), **setting).check()
    TrainingSettings().check()


@pytest.mark.parametrize("config", [{}, CONDITIONED], ids=["plain", "conditioned"])
def test_a_widened_model_makes_the_same_steps_and_learns_with_all_its_units(config: dict[str, Any]) -> None:
    start = reference(**config).model()
    wide = widened(start, 16, 31, seed=4)
    assert (wide.config.channels, wide.config.hidden) == (16, 31)
    x = torch.randn(1, 12, 9, 9, generator=torch.Generator().manual_seed(0)) * 0.3
    fires = torch.ones(1, 1, 9, 9)
    kernel = kernels.discover().get("square")
    expected = Reference(start, kernel)(x, fires)
    nca = Reference(wide, kernel)
    found = nca(torch.cat([x, torch.zeros(1, 4, 9, 9)], 1), fires)
    torch.testing.assert_close(found[:, :12], expected)
    assert not found[:, 12:].any()
    found.square().sum().backward()
    assert nca.w2.grad is not None
    assert nca.w2.grad[:12, 20:].abs().sum(0).gt(0).any()


def test_weights_are_saved_as_float16_holds_them_except_beyond_its_range() -> None:
    made = random_model(model.Config(channels=4, hidden=5), 1)
    made = replace(made, b1=np.array([1e5, 0.1, 0, 1e-9, -2], np.float32))
    saved = rounded(made)
    assert equal(saved.w1, made.w1.astype(np.float16))
    assert not equal(saved.w1, made.w1)
    assert equal(saved.b1, made.b1)


def equal(a: Any, b: Any) -> bool:
    return bool((a == b).all())
