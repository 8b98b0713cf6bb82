"""Losses of the training: what pictures should look like, each `loss(pictures, generator)`, and what a state may be."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.training.features.extractor import Features

FeatureMaps = Callable[[Tensor], list[Tensor]]


SLOW_SORT = 4
"""Up to so many threads, NumPy's sorting on one is faster than torch's on a CPU: on one thread 3 times."""
FLOOR = 0.01
"""What a map's root mean square is at least taken for: a flat target has nothing in some layers."""
LOSSES = ("transport", "gram", "excitation")


class Loss(Protocol):
    """A loss of pictures."""

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The loss, a scalar, of pictures (batch, 3, height, width) in about [0, 1]; `generator` makes its choices.

        `generator` lives on the pictures' device. Raises NCAError where the pictures are too small for the net.
        """


class SlicedTransport:
    """Sliced optimal transport between feature distributions (Heitz et al., CVPR 2021).

    The features of every layer are projected onto random directions and sorted; the loss is the mean
    squared distance of the sorted values. Each layer is divided by its root mean square over the target,
    so that all layers weigh alike: by its standard deviation, deep layers that hardly vary over an even
    texture would drown the others.
    """

    def __init__(self, net: FeatureMaps, target: Tensor, directions: int = 32, places: int = 4096) -> None:
        """`target` is (1, 3, height, width) in [0, 1]; its size may differ from the pictures'."""
        self.net, self.directions, self.places = net, directions, places
        with torch.no_grad():
            self.target = [fmap.flatten(2) for fmap in net(target)]
        self.scales = [_scale(fmap) for fmap in self.target]

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """See `Loss`; at least 0. The generator picks the directions."""
        loss = pictures.new_zeros(())
        for fmap, target, scale in zip(self.net(pictures), self.target, self.scales, strict=True):
            found = fmap.flatten(2)
            random = torch.randn(self.directions, found.shape[1], generator=generator, device=found.device)
            slices = nn.functional.normalize(random, dim=1) * scale
            have = self._sorted(slices @ found, generator)
            want = nn.functional.interpolate(self._sorted(slices @ target, generator), have.shape[2], mode="linear")
            loss = loss + (have - want).square().mean()
        return loss

    def _sorted(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        """Sorted values of each row, of a fresh sample of the places where there are very many."""
        n = values.shape[2]
        if n > self.places:
            values = values[..., torch.randperm(n, generator=generator, device=values.device)[: self.places]]
        return _ascending(values)


class Gram:
    """Distance of the features' Gram matrices (Gatys, Ecker & Bethge, NeurIPS 2015).

    A Gram matrix is the mean over the places of the products of each two channels, so that pictures of
    other sizes compare. A constant channel joins each map, for without the means a picture and its
    negative have the same pixels. Each layer is divided by the mean square of the target's matrix, so
    that all layers weigh alike.
    """

    def __init__(self, net: FeatureMaps, target: Tensor) -> None:
        """`target` is (1, 3, height, width) in [0, 1]; its size may differ from the pictures'."""
        self.net = net
        with torch.no_grad():
            maps = net(target)
            self.scales = [_scale(fmap) for fmap in maps]
            self.target = [_gram(fmap * scale) for fmap, scale in zip(maps, self.scales, strict=True)]

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """See `Loss`; at least 0. The generator is not used."""
        loss = pictures.new_zeros(())
        for fmap, want, scale in zip(self.net(pictures), self.target, self.scales, strict=True):
            loss = loss + (_gram(fmap * scale) - want).square().mean() / want.square().mean()
        return loss


class Excitation:
    """Minus the mean activation of one channel of a layer: the picture that excites it most.

    It counts in root mean squares of the layer over noise, so that nets of other scales weigh alike.
    The second experiment of Niklasson et al., "Self-Organising Textures" (Distill 2021), after Mordvintsev,
    Olah & Tyka, "Inceptionism" (2015). The picture is taken as the screen shows it, cut to [0, 1], and
    rolled by a random way each time, so that no place of the torus always lies at the net's border.
    """

    def __init__(self, net: Features, layer: str, channel: int) -> None:
        """Raises NCAError where the net has no such layer, or the layer no such channel."""
        self.net, self.name, self.channel = net, layer, channel
        noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            fmap = net.layer(noise.to(net.get_buffer("mean").device), layer)
        self.scale, channels = _scale(fmap), fmap.shape[1]
        if not 0 <= channel < channels:
            raise NCAError(f"Layer {layer} has the channels 0 to {channels - 1}; there is no channel {channel}.")

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """See `Loss`. The generator picks the way by which the pictures are rolled."""
        way = torch.rand(2, generator=generator, device=pictures.device).tolist()
        shifts = [int(part * side) for part, side in zip(way, pictures.shape[2:], strict=True)]
        seen = pictures.roll(shifts, (2, 3)).clamp(0, 1)
        activation = self.net.layer(seen, self.name)[:, self.channel]
        if not activation.any():  # many channels are silent on an even picture
            with LeakyGradient():
                activation = self.net.layer(seen, self.name)[:, self.channel]
        return -self.scale * activation.mean()


class LeakyGradient(TorchFunctionMode):
    """Inside `with`, a ReLU gives what it always does, but lets a tenth of the gradient through where it gives 0.

    A silent channel so learns which way to wake (Olah, Mordvintsev & Schubert, "Feature Visualization", Distill
    2017, whose library redirects the gradients of ReLUs likewise).
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func not in (nn.functional.relu, torch.relu):
            return func(*args, **(kwargs or {}))
        below = args[0].clamp(max=0) / 10
        return args[0].clamp(min=0) + below - below.detach()


def make_loss(
    name: str, net: Features, target: Tensor | None = None, *, neuron: str = "", directions: int = 32
) -> Loss:
    """A loss by name: "transport" or "gram", which need a `target`, or "excitation", which needs a `neuron`.

    `target` is (1, 3, height, width) in [0, 1]; `neuron` is "LAYER:CHANNEL". Raises NCAError on another
    name, and where something is missing or does not fit the net.
    """
    if name not in LOSSES:
        raise NCAError(f"There is no loss {name}; there are {', '.join(LOSSES)}.")
    if name == "excitation":
        layer, _, channel = neuron.rpartition(":")
        if not channel.isdecimal():
            raise NCAError(
                f"Excitation needs a layer and a channel, as in {net.layers[-1]}:0; "
                f"the layers are {', '.join(net.layers)}."
            )
        return Excitation(net, layer, int(channel))
    if target is None:
        raise NCAError(f"The loss {name} compares with a target; give a picture or the name of a pattern.")
    return Gram(net, target) if name == "gram" else SlicedTransport(net, target, directions)


def _scale(fmap: Tensor) -> float:
    """What brings a target's map to a root mean square of 1."""
    return float(1 / (fmap.square().mean().sqrt() + FLOOR))


def _ascending(values: Tensor) -> Tensor:
    """Values (batch, rows, places) sorted along the last axis, with their gradient."""
    if not values.is_cpu or torch.get_num_threads() > SLOW_SORT:
        return values.sort(2).values
    plain = values.detach().float().numpy()
    if not values.requires_grad:
        return torch.from_numpy(np.sort(plain, 2))
    return values.gather(2, torch.from_numpy(np.argsort(plain, 2)))


def _gram(fmap: Tensor) -> Tensor:
    """(batch, channels + 1, channels + 1): the mean over the places of the products of each two channels, and 1."""
    found = nn.functional.pad(fmap.flatten(2), [0, 0, 0, 1], value=1)
    return found @ found.transpose(1, 2) / found.shape[2]


def overflow(state: Tensor) -> Tensor:
    """Mean distance of the state's numbers from [-1, 1], a scalar ≥ 0."""
    return (state - state.clamp(-1, 1)).abs().mean()


def on_screen(pictures: Tensor, kernel: Kernel) -> Tensor:
    """Pictures (batch, 3, height, width) in storage order as they look on the screen, in square pixels.

    Shifts each row and squeezes the height as the kernel's basis says, by Fourier interpolation: exact
    on the torus, and nothing is blurred.
    """
    (pitch, _), (skew, drop) = kernel.basis
    h, w = pictures.shape[-2:]
    if skew:
        rows = torch.arange(h, device=pictures.device)[:, None] * (skew / pitch)
        turns = rows * torch.fft.rfftfreq(w, device=pictures.device)
        pictures = torch.fft.irfft(
            torch.fft.rfft(pictures) * torch.polar(torch.ones_like(turns), -6.2831853 * turns), w
        )
    height = round(h * drop / pitch)
    if height != h:
        pictures = torch.fft.irfft(torch.fft.rfft(pictures, dim=-2), height, dim=-2) * (height / h)
    return pictures
