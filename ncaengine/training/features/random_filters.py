"""Random filters of several sizes, which compare textures without trained weights.

After Ustyuzhaninov, Brendel, Gatys & Bethge, "Texture synthesis using shallow convolutional networks with random
filters" (arXiv:1606.00021, 2016): one layer of filters of 3 to 55 pixels, and a ReLU. Here large filters are small
ones on a reduced picture, which looks the same and is far faster.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ncaengine.training.features.nets import FeatureNet, PictureTooSmall

RNG_SEED = 0
_NORM = 10.0
"""Norm of a filter; gives the maps of common textures values of about 1."""
_SIZES = ((3, 0), (5, 0), (5, 1), (5, 2), (5, 3))
"""Side of the filters in pixels, and how often the picture is halved first."""


class RandomFilters(FeatureNet):
    """A map for each size, "random3" to "random40", of filters with mean 0 and equal norm; the same in every run."""

    def __init__(self, filters: int = 64) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(RNG_SEED)
        self.layers = self.taps = tuple(f"random{side << halvings}" for side, halvings in _SIZES)
        for name, (side, _) in zip(self.layers, _SIZES, strict=True):
            w = torch.randn(filters, 3, side, side, generator=generator)
            w = w - w.mean((1, 2, 3), keepdim=True)
            self.register_buffer(name, _NORM * nn.functional.normalize(w.flatten(1)).reshape(w.shape))

    def maps(self, picture: Tensor, names: Sequence[str]) -> list[Tensor]:
        """Return maps, see `FeatureNet`."""
        pyramid, out = [picture], []
        for name, (side, halvings) in zip(self.layers, _SIZES, strict=True):
            if name not in names:
                continue
            if min(picture.shape[-2:]) >> halvings <= side // 2:
                raise PictureTooSmall(picture, name)
            while len(pyramid) <= halvings:
                pyramid.append(nn.functional.avg_pool2d(pyramid[-1], 2))
            x = nn.functional.pad(pyramid[halvings], [side // 2] * 4, "reflect")
            out.append(torch.relu(nn.functional.conv2d(x, self.get_buffer(name))))
        return out
