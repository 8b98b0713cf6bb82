"""The trainer on tiny pictures and a random feature net: no files, a few seconds."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from ncaengine import kernels, model
from ncaengine.errors import NCAError
from ncaengine.training import features, losses, targets, trainer


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny_net() -> features.Features:
    generator = torch.Generator().manual_seed(0)

    def layer(channels: int, inputs: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randn(channels, inputs, 3, 3, generator=generator) / (3 * inputs**0.5), torch.zeros(channels)

    net = features.ConvNet({11: layer(8, 3), 21: layer(12, 8)}, (11, 21), (torch.eye(3), torch.zeros(3)))
    return features.Features([net])


def settings(iterations: int = 5) -> trainer.Config:
    architecture = model.Config(hidden=16, features=trainer.ARTICLE_FEATURES, name="tiny")
    return trainer.Config(
        iterations=iterations,
        size=16,
        batch=2,
        pool=4,
        rollout=(4, 8),
        seed_rate=0.5,
        directions=8,
        architecture=architecture,
    )


@pytest.mark.parametrize("name", targets.TARGETS)
def test_target_is_deterministic_and_seamless(name: str) -> None:
    make = targets.TARGETS[name]
    picture = make(128)
    assert picture.shape == (128, 128, 3)
    assert 0 <= picture.min() < picture.max() <= 1
    assert picture.std() > 0.15
    assert np.array_equal(make(32, 3), make(32, 3))
    assert not np.array_equal(make(32, 3), make(32, 4))
    for axis in (0, 1):  # the seam is no rougher than the roughest place inside
        steps = np.abs(np.diff(picture, axis=axis)).mean((1 - axis, 2))
        seam = np.abs(picture.take(0, axis) - picture.take(-1, axis)).mean()
        assert seam <= steps.max() * 1.1


def test_a_short_training_gives_a_model_that_round_trips(tmp_path: Path) -> None:
    seen: list[trainer.Progress] = []
    trained = trainer.train(targets.coral(16), settings(), tiny_net(), seen.append)
    assert [p.iteration for p in seen] == [1, 2, 3, 4, 5]
    assert np.isfinite([p.loss for p in seen]).all()
    assert trained.w2.any()
    model.save_safetensors(trained, tmp_path / "tiny.safetensors")
    again = model.load_safetensors(tmp_path / "tiny.safetensors")
    assert again.config == trained.config
    for name in model.WEIGHTS:
        assert np.array_equal(getattr(again, name), getattr(trained, name))


def test_the_same_seed_trains_the_same_model_and_a_start_continues() -> None:
    target = targets.pebbles(16)
    first, second = (trainer.train(target, settings(2), tiny_net()) for _ in range(2))
    assert np.array_equal(first.w1, second.w1)
    assert not np.array_equal(trainer.train(target, settings(1), tiny_net(), start=first).w1, first.w1)


def test_the_loss_is_small_for_the_target_itself() -> None:
    target = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    loss = losses.SlicedTransport(tiny_net(), target)
    assert float(loss(target)) < 1e-6 < float(loss(target * 0.5))


def test_sizes_may_differ_from_the_target() -> None:
    flat = torch.full((1, 3, 16, 16), 0.25)
    assert float(losses.SlicedTransport(features.Features([]), flat)(torch.full((2, 3, 24, 20), 0.25))) < 1e-6


def test_a_hexagonal_wave_stands_upright_on_the_screen() -> None:
    kernel = kernels.discover().get("hexagonal")
    row, column = np.mgrid[:64, :64]
    wave = np.cos(2 * np.pi * (column + row / 2) * 4 / 64)  # depends on the screen's x alone
    seen = losses.on_screen(torch.from_numpy(wave).float().expand(1, 3, 64, 64), kernel).numpy()
    assert seen.shape == (1, 3, 55, 64)
    assert np.allclose(seen[0], wave[0], atol=1e-4)
    square = torch.rand(1, 3, 8, 8)
    assert losses.on_screen(square, kernels.discover().get("square")) is square


def test_overflow_counts_only_what_lies_outside() -> None:
    assert float(losses.overflow(torch.tensor([-1.0, 0.5, 1.0, 3.0]))) == pytest.approx(0.5)


def test_pictures_too_small_for_the_net_are_told() -> None:
    with pytest.raises(NCAError, match="2x2 are too small"):
        tiny_net()(torch.zeros(1, 3, 2, 2))


def test_a_file_that_is_no_feature_net_is_told(tmp_path: Path) -> None:
    import safetensors.torch

    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(NCAError, match="neither"):
        features.load([path])


def test_an_unreadable_target_is_told(tmp_path: Path) -> None:
    with pytest.raises(NCAError, match="no image"):
        targets.load(str(tmp_path / "missing.png"))
