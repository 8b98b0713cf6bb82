"""Losses of the training: how far a picture's features lie from a target's, and a state from [-1, 1]."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ncaengine.kernels import Kernel

FeatureNet = Callable[[Tensor], list[Tensor]]


class SlicedTransport:
    """Sliced optimal transport between feature distributions (Heitz et al., CVPR 2021).

    The features of every layer are projected onto random directions and sorted; the loss is the mean
    squared distance of the sorted values. Each layer is divided by its standard deviation over the
    target, so that all layers weigh alike, whatever their scale.
    """

    def __init__(self, net: FeatureNet, target: Tensor, directions: int = 32, places: int = 4096) -> None:
        """`target` is (1, 3, height, width) in [0, 1]; its size may differ from the pictures'."""
        self.net, self.directions, self.places = net, directions, places
        with torch.no_grad():
            self.target = [fmap.flatten(2) for fmap in net(target)]
        self.scales = [float(1 / (fmap.std(2).square().mean().sqrt() + 1e-6)) for fmap in self.target]

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The loss, a scalar ≥ 0, of pictures (batch, 3, height, width); `generator` picks the directions."""
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
        return values.sort(2).values


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
