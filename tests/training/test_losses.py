"""The losses: almost 0 for the target itself, more for other textures; excitation has a gradient that excites."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ncaengine.core import kernels
from ncaengine.core.errors import NCAError
from ncaengine.training import losses
from ncaengine.training.features import nets
from ncaengine.training.features.extractor import Features
from ncaengine.training.features.random_filters import RandomFilters
from ncaengine.training.patterns import PATTERNS

RANDOM = Features([RandomFilters(16)]).requires_grad_(False)
COMPARING = ("transport", "gram")


pytestmark = pytest.mark.usefixtures("one_thread")


def pattern(name: str, side: int = 64) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(PATTERNS[name](side))).permute(2, 0, 1)[None]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", COMPARING)
def test_only_what_is_too_small_is_blamed(name: str) -> None:
    small = torch.rand(1, 3, 12, 40)
    with pytest.raises(NCAError, match=r"^A target's 40x12 pixels are too small for .*; use a larger target\.$"):
        losses.make_loss(name, RANDOM, small)
    with pytest.raises(NCAError, match=r"^Pictures of 40x12 pixels are too small for .*; use a larger --size\.$"):
        losses.make_loss(name, RANDOM, pattern("coral"))(small)


@pytest.mark.parametrize("name", COMPARING)
def test_the_target_itself_has_the_lowest_loss(name: str) -> None:
    target = pattern("pebbles")
    loss = losses.make_loss(name, RANDOM, target)
    itself = float(loss(target, generator()))
    others = [float(loss(picture, generator())) for picture in (pattern("coral"), pattern("zebra"), 1 - target)]
    grain = target + 0.1 * torch.randn(target.shape, generator=generator())
    assert itself < 1e-5
    assert itself < float(loss(grain, generator())) < min(others)


@pytest.mark.parametrize("name", COMPARING)
def test_another_part_of_the_same_texture_has_a_low_loss(name: str) -> None:
    """A small part of the distance to another texture; sampling alone accounts for it."""
    whole = pattern("pebbles", 96)
    target, part = whole[..., :48, :48], whole[..., 48:, 48:]
    loss = losses.make_loss(name, RANDOM, target)
    assert float(loss(part, generator())) < 0.25 * float(loss(pattern("coral", 48), generator()))


@pytest.mark.parametrize("name", COMPARING)
def test_a_batch_counts_as_the_mean_of_its_pictures(name: str) -> None:
    pictures = torch.cat([pattern("coral"), pattern("zebra")])
    loss = losses.make_loss(name, RANDOM, pattern("pebbles"))
    each = [float(loss(picture[None], generator())) for picture in pictures]
    assert float(loss(pictures, generator())) == pytest.approx(np.mean(each), rel=1e-4)


@pytest.mark.parametrize("name", COMPARING)
def test_every_layer_has_the_same_weight_whatever_its_scale(name: str) -> None:
    """Against noise each map's share is about 1, and multiplying its numbers by 1000 changes nothing."""
    target, noise = pattern("pebbles"), torch.rand(1, 3, 64, 64, generator=generator())
    for k in range(len(RANDOM.names)):
        one, large = (losses.make_loss(name, lambda x, k=k, s=s: [s * RANDOM(x)[k]], target) for s in (1.0, 1000.0))  # type: ignore[arg-type, misc]
        share = float(one(noise, generator()))
        assert 0.05 < share < 20
        assert float(large(noise, generator())) == pytest.approx(share, rel=0.1)


@given(st.integers(24, 80), st.integers(24, 80))
def test_sizes_may_differ_from_the_target(height: int, width: int) -> None:
    flat, colours = Features([]), torch.tensor([0.2, 0.5, 0.7])[:, None, None]
    for name in COMPARING:
        loss = losses.make_loss(name, flat, colours.expand(1, 3, 24, 24))
        assert float(loss(colours.expand(2, 3, height, width), generator())) < 1e-6


def test_transport_is_reproducible_by_its_generator() -> None:
    target = pattern("pebbles")
    loss = losses.SlicedTransport(RANDOM, target, directions=4, places=256)
    first, same, other = (float(loss(pattern("coral"), generator(seed))) for seed in (1, 1, 2))
    assert first == same != other
    assert other == pytest.approx(first, rel=0.5)


def test_transport_sorts_alike_with_either_library() -> None:
    """NumPy sorts on few threads and torch on many: the same loss and gradient, where no two values are equal."""
    found = []
    for threads in (1, losses.SLOW_SORT + 1):
        torch.set_num_threads(threads)
        picture = torch.rand(1, 3, 32, 32, generator=generator()).requires_grad_()
        value = losses.SlicedTransport(Features([]), pattern("pebbles", 32))(picture, generator())
        value.backward()  # type: ignore[no-untyped-call]
        found.append((value.detach(), picture.grad))
    (one, slope), (many, slope_of_many) = found
    assert slope is not None
    assert slope_of_many is not None
    assert torch.allclose(one, many, rtol=1e-5)
    assert torch.allclose(slope, slope_of_many, rtol=1e-3, atol=1e-7)


def test_transport_is_the_square_distance_of_sorted_pixels() -> None:
    """One channel, where every direction is the same up to its sign: against NumPy."""
    rng = np.random.default_rng(0)
    a, b = (rng.random((1, 1, 16, 16), np.float32) for _ in range(2))
    loss = losses.SlicedTransport(lambda x: [x[:, :1]], torch.from_numpy(b))
    want = np.square(np.sort(a.ravel()) - np.sort(b.ravel())).mean() / np.square(b).mean()
    assert float(loss(torch.from_numpy(a))) == pytest.approx(want, rel=0.05)


@given(st.integers(0, 15), st.integers(0, 15))
def test_gram_does_not_depend_on_position(down: int, right: int) -> None:
    """On pixels, which have no border, a rolled picture has the same loss."""
    loss = losses.Gram(Features([]), pattern("coral", 16))
    picture = pattern("zebra", 16)
    rolled = picture.roll((down, right), (2, 3))
    assert float(loss(rolled)) == pytest.approx(float(loss(picture)), rel=1e-5)


def test_gram_tells_a_picture_from_its_negative() -> None:
    """The products alone could not: they are the same with the opposite sign."""
    signed = pattern("pebbles", 32) - 0.5
    loss = losses.Gram(lambda x: [x], signed)
    assert float(loss(signed)) < 1e-10
    assert float(loss(-signed)) > 0.01


@pytest.mark.parametrize("name", COMPARING)
def test_pixels_descend_to_the_target_texture(name: str) -> None:
    """Thirty steps of Adam bring the loss from noise to a tenth."""
    loss = losses.make_loss(name, RANDOM, pattern("pebbles", 32), directions=8)
    picture = torch.rand(1, 3, 32, 32, generator=generator()).requires_grad_()
    optimizer, values = torch.optim.Adam([picture], 0.05), []
    for seed in range(30):
        value = loss(picture, generator(seed))
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] < 0.2 * values[0]


@pytest.mark.parametrize("name", COMPARING)
def test_a_flat_target_stays_finite(name: str) -> None:
    """Filters with mean 0 give it maps of zeros."""
    loss = losses.make_loss(name, RANDOM, torch.full((1, 3, 32, 32), 0.5))
    picture = pattern("coral", 32).requires_grad_()
    value = loss(picture, generator())
    value.backward()  # type: ignore[no-untyped-call]
    assert 0 < float(value.detach()) < 1e15
    assert picture.grad is not None
    assert picture.grad.isfinite().all()


def small_net() -> Features:
    """Two layers; channel 0 of the second is silent on any even picture."""
    g = generator(3)
    made = {"conv1_1": (torch.randn(8, 3, 3, 3, generator=g), torch.zeros(8))}
    made["conv1_2"] = (torch.randn(4, 8, 3, 3, generator=g), torch.tensor([-100.0, 0, 0, 0]))
    state = {}
    for k, (w, b) in enumerate(made.values()):
        state |= {f"features.{2 * k}.weight": w, f"features.{2 * k}.bias": b}
    return Features([nets.vgg(state)]).requires_grad_(False)


@pytest.mark.parametrize("layer", ["conv1_1", "conv1_2"])
@pytest.mark.parametrize("channel", [1, 2, 3])
def test_excitation_rises_along_its_gradient(layer: str, channel: int) -> None:
    """A step along the gradient excites the channel more."""
    loss = losses.make_loss("excitation", small_net(), neuron=f"{layer}:{channel}")
    picture = torch.rand(2, 3, 16, 16, generator=generator()).mul(0.2).add(0.4).requires_grad_()
    before = loss(picture, generator())
    before.backward()  # type: ignore[no-untyped-call]
    assert picture.grad is not None
    after = loss(picture.detach() - 0.1 * picture.grad / picture.grad.abs().max(), generator())
    assert float(after) < float(before.detach()) < 0


def test_excitation_has_a_gradient_for_a_silent_channel() -> None:
    loss = losses.make_loss("excitation", small_net(), neuron="conv1_2:0")
    picture = torch.full((1, 3, 16, 16), 0.5).requires_grad_()
    silent = loss(picture, generator())
    silent.backward()  # type: ignore[no-untyped-call]
    assert float(silent.detach()) == 0
    assert picture.grad is not None
    assert picture.grad.abs().max() > 0


def test_excitation_sees_the_screen_rolled() -> None:
    """Colours beyond the screen's range are clipped, and each call uses another offset."""
    loss = losses.make_loss("excitation", small_net(), neuron="conv1_2:1")
    picture = torch.randn(1, 3, 16, 16, generator=generator())
    assert float(loss(picture, generator())) == float(loss(picture.clamp(0, 1), generator()))
    assert float(loss(picture, generator(1))) != float(loss(picture, generator(2)))
    pixel = losses.make_loss("excitation", Features([]), neuron="pixels:0")  # which have no border
    assert float(pixel(picture, generator(1))) == pytest.approx(float(pixel(picture, generator(2))), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "neuron", "sentence"),
    [
        ("likeness", "", "no loss likeness; choose transport, gram or excitation"),
        ("gram", "", "gram needs a target"),
        ("transport", "", "transport needs a target"),
        ("excitation", "", "for example conv1_2:0; the layers are pixels, conv1_1, conv1_2"),
        ("excitation", "conv1_1", "needs a layer and a channel"),
        ("excitation", "conv1_1:x", "needs a layer and a channel"),
        ("excitation", ":1", "no layer ; choose one of pixels"),
        ("excitation", "conv9:1", "no layer conv9; choose one of pixels, conv1_1, conv1_2"),
        ("excitation", "conv1_1:8", "conv1_1 has no channel 8; choose one from 0 to 7"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused(name: str, neuron: str, sentence: str) -> None:
    with pytest.raises(NCAError, match=sentence):
        losses.make_loss(name, small_net(), neuron=neuron)


def test_a_hexagonal_wave_is_upright_on_the_screen() -> None:
    kernel = kernels.discover().get("hexagonal")
    row, column = np.mgrid[:64, :64]
    wave = np.cos(2 * np.pi * (column + row / 2) * 4 / 64)  # depends only on the screen's x
    seen = losses.on_screen(torch.from_numpy(wave).float().expand(1, 3, 64, 64), kernel).numpy()
    assert seen.shape == (1, 3, 55, 64)
    assert np.allclose(seen[0], wave[0], atol=1e-4)
    square = torch.rand(1, 3, 8, 8)
    assert losses.on_screen(square, kernels.discover().get("square")) is square


def test_overflow_counts_only_numbers_outside_the_range() -> None:
    assert float(losses.overflow(torch.tensor([-1.0, 0.5, 1.0, 3.0]))) == pytest.approx(0.5)
