"""Training losses: how pictures should look (each a `loss(pictures, generator)`), and which states are allowed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.types import F32
from ncaengine.training.features.extractor import Features
from ncaengine.training.features.nets import PictureTooSmall

FeatureMaps = Callable[[Tensor], list[Tensor]]
"""A feature net: pictures (batch, 3, height, width) to maps (batch, channels, height', width')."""
SLOW_SORT = 4
"""Up to this many threads, NumPy sorts faster on one thread than torch on a CPU; measured: 3 times on one thread."""
FLOOR = 0.01
"""Added to a map's root mean square: over a flat target some layers are 0."""
LOSSES = ("transport", "gram", "excitation")
DIRECTIONS, PLACES = 32, 4096
"""Of sliced transport: random projections of each layer, and the most places of a layer that are compared."""


class Loss(Protocol):
    """A loss of pictures."""

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the loss, a scalar.

        pictures: (batch, 3, height, width), about in [0, 1].
        generator: makes the random choices; on the pictures' device.

        Raises NCAError if the pictures are too small for the feature net.
        """


class SlicedTransport:
    """Sliced optimal transport between feature distributions (Heitz et al., CVPR 2021).

    The features of every layer are projected onto random directions and sorted; the loss is the mean
    squared distance between the sorted values of pictures and target, summed over the layers. Each layer is
    divided by its root mean square over the target, which gives all layers the same weight. (Divided by the
    standard deviation, deep layers that hardly vary over an even texture would outweigh the others.)
    """

    def __init__(self, net: FeatureMaps, target: Tensor, directions: int = DIRECTIONS, places: int = PLACES) -> None:
        """Compute the target's features.

        target: (1, 3, height, width) in [0, 1]; its size may differ from the pictures'.
        directions: random projections of each layer and call.
        places: the most places of a layer to compare; of larger layers, a random sample is taken.
        """
        self.net, self.directions, self.places = net, directions, places
        self.target = [fmap.flatten(2) for fmap in target_maps(net, target)]
        self.scales = [scale(fmap) for fmap in self.target]

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the loss, see `Loss`; at least 0. The generator picks the directions."""
        loss = pictures.new_zeros(())
        for fmap, target, scale in zip(self.net(pictures), self.target, self.scales, strict=True):
            random = torch.randn(self.directions, fmap.shape[1], generator=generator, device=fmap.device)
            slices = nn.functional.normalize(random, dim=1) * scale
            found = ascending(slices @ sampled(fmap.flatten(2), self.places, generator))
            want = ascending(slices @ sampled(target, self.places, generator))
            want = nn.functional.interpolate(want, found.shape[2], mode="linear")
            loss = loss + (found - want).square().mean()
        return loss


class Gram:
    """Distance between the features' Gram matrices (Gatys, Ecker & Bethge, NeurIPS 2015).

    An entry of a Gram matrix is the product of two channels, here averaged over the places, so pictures of
    different sizes can be compared. A constant channel is added to each map, so the matrix also holds the
    means; without them a picture and its negative would be the same. Each layer's distance is divided by
    the mean square of the target's matrix, which gives all layers the same weight.
    """

    def __init__(self, net: FeatureMaps, target: Tensor) -> None:
        """Compute the Gram matrices of `target`, (1, 3, height, width) in [0, 1], of any size."""
        self.net = net
        maps = target_maps(net, target)
        self.scales = [scale(fmap) for fmap in maps]
        self.target = [_gram(fmap * scale) for fmap, scale in zip(maps, self.scales, strict=True)]

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the loss, see `Loss`; at least 0. The generator is not used."""
        loss = pictures.new_zeros(())
        for fmap, want, scale in zip(self.net(pictures), self.target, self.scales, strict=True):
            loss = loss + (_gram(fmap * scale) - want).square().mean() / want.square().mean()
        return loss


class Excitation:
    """Minus the mean activation of one channel of a layer: the loss is lowest for the picture that excites it most.

    The second experiment of Niklasson et al., "Self-Organising Textures" (Distill 2021), after Mordvintsev,
    Olah & Tyka, "Inceptionism" (2015). The activation is divided by the layer's root mean square over noise,
    so nets of different scales weigh the same. The picture is clipped to [0, 1], as the screen shows it, and
    rolled by a random offset each time, so no place of the torus is always at the net's border.
    """

    def __init__(self, net: Features, layer: str, channel: int) -> None:
        """Raise NCAError if the net has no such layer, or the layer no such channel."""
        self.net, self.name, self.channel = net, layer, channel
        noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            fmap = net.layer(noise.to(net.get_buffer("mean").device), layer)
        self.scale, channels = scale(fmap), fmap.shape[1]
        if not 0 <= channel < channels:
            raise NCAError(f"Layer {layer} has no channel {channel}; choose one from 0 to {channels - 1}.")

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the loss, see `Loss`. The generator picks the offset by which the pictures are rolled."""
        offset = torch.rand(2, generator=generator, device=pictures.device).tolist()
        shifts = [int(part * side) for part, side in zip(offset, pictures.shape[2:], strict=True)]
        rolled = pictures.roll(shifts, (2, 3)).clamp(0, 1)
        activation = self.net.layer(rolled, self.name)[:, self.channel]
        if not activation.any():  # many channels are silent on an even picture
            with LeakyGradient():
                activation = self.net.layer(rolled, self.name)[:, self.channel]
        return -self.scale * activation.mean()


class LeakyGradient(TorchFunctionMode):
    """A context in which each ReLU passes a tenth of the gradient where its result is 0; results stay the same.

    The gradient then shows which way a silent channel becomes active. The library of Olah, Mordvintsev & Schubert,
    "Feature Visualization" (Distill 2017), redirects the gradients of ReLUs in a similar way.
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
    name: str, net: Features, target: Tensor | None = None, *, neuron: str = "", directions: int = DIRECTIONS
) -> Loss:
    """Return a loss by its name in LOSSES.

    target: (1, 3, height, width) in [0, 1]; needed by "transport" and "gram".
    neuron: "LAYER:CHANNEL"; needed by "excitation".
    directions: random projections of "transport".

    Raises NCAError if there is no such loss, or if the target or the neuron is missing or does not fit the net.
    """
    if name not in LOSSES:
        raise NCAError(f"There is no loss {name}; choose {', '.join(LOSSES[:-1])} or {LOSSES[-1]}.")
    if name == "excitation":
        layer, _, channel = neuron.rpartition(":")
        if not channel.isdecimal():
            raise NCAError(
                f"Excitation needs a layer and a channel, for example {net.layers[-1]}:0; "
                f"the layers are {', '.join(net.layers)}."
            )
        return Excitation(net, layer, int(channel))
    if target is None:
        raise NCAError(f"The loss {name} needs a target; name an image or a pattern.")
    return Gram(net, target) if name == "gram" else SlicedTransport(net, target, directions)


def target_maps(net: FeatureMaps, target: Tensor, name: str = "") -> list[Tensor]:
    """Return a net's maps of a target, (1, 3, height, width). Raises NCAError, which names it, if it is too small."""
    try:
        with torch.no_grad():
            return net(target)
    except PictureTooSmall as error:
        raise NCAError(f"{name + ': ' if name else ''}A target's {error.what}; use a larger target.") from None


def scale(fmap: Tensor) -> float:
    """Return the factor that gives a target's map a root mean square of about 1."""
    return float(1 / (fmap.square().mean().sqrt() + FLOOR))


def ascending(values: Tensor) -> Tensor:
    """Sort values (batch, rows, places) along the last axis; gradients pass through."""
    if not values.is_cpu or torch.get_num_threads() > SLOW_SORT:
        return values.sort(2).values
    plain = values.detach().float().numpy()
    if not values.requires_grad:
        return torch.from_numpy(np.sort(plain, 2))
    return values.gather(2, torch.from_numpy(np.argsort(plain, 2)))


def sampled(values: Tensor, most: int, generator: torch.Generator | None) -> Tensor:
    """Return the values, (…, places); if there are more than `most` places, those of a random sample."""
    n = values.shape[-1]
    if n > most:
        values = values[..., torch.randperm(n, generator=generator, device=values.device)[:most]]
    return values


def _gram(fmap: Tensor) -> Tensor:
    """Return (batch, channels + 1, channels + 1): the products of channels and 1, averaged over the places."""
    channels = nn.functional.pad(fmap.flatten(2), [0, 0, 0, 1], value=1)
    return channels @ channels.transpose(1, 2) / channels.shape[2]


def picture_tensor(picture: F32) -> Tensor:
    """Turn a picture, (height, width, 3) float32, into what losses take, (1, 3, height, width)."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]


def overflow(state: Tensor) -> Tensor:
    """Return the mean distance of the state's numbers from [-1, 1], a scalar ≥ 0 (Niklasson et al.)."""
    return (state - state.clamp(-1, 1)).abs().mean()


def on_screen(pictures: Tensor, kernel: Kernel) -> Tensor:
    """Return pictures (batch, 3, height, width) of cells as they look on the screen, in square pixels.

    Each row is shifted and the height scaled, as the kernel's basis says. Fourier interpolation does this
    exactly on the torus, without blur.
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
