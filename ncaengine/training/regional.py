"""The loss of grids that make several textures: each part of a picture is compared with its own target."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ncaengine.core.kernels import Kernel
from ncaengine.training import areas, losses
from ncaengine.training.areas import Part

ENOUGH = 16
"""The fewest places of a layer whose distribution says something."""


class RegionalTransport:
    """Sliced optimal transport, as `losses.SlicedTransport`, of each part of a batch with its own texture.

    A mixture is compared with the barycentre of its textures: on each random direction, the sorted values are mixed.
    """

    def __init__(self, net: losses.FeatureMaps, targets: Sequence[Tensor]) -> None:
        """Compute the targets' features; see `losses.SlicedTransport`.

        targets: each (1, 3, height, width) in [0, 1].
        """
        self.net = net
        maps = [[fmap[0].flatten(1) for fmap in losses.target_maps(net, target)] for target in targets]
        self.targets = maps
        self.scales = [[losses.scale(fmap) for fmap in each] for each in maps]

    def __call__(
        self, pictures: Tensor, parts: Sequence[Part], kernel: Kernel, generator: torch.Generator | None = None
    ) -> list[Tensor]:
        """Return each part's loss, a scalar of at least 0.

        pictures: (batch, 3, height, width), about in [0, 1], on the screen (`losses.on_screen`).
        kernel: that of the grids, which says where the parts' cells lie in the pictures.
        """
        total = [pictures.new_zeros(()) for _ in parts]
        shown = [None if part.where is None else areas.on_screen(part.where, kernel).float() for part in parts]
        for layer, fmap in enumerate(self.net(pictures)):
            random = torch.randn(losses.DIRECTIONS, fmap.shape[1], generator=generator, device=fmap.device)
            slices = nn.functional.normalize(random, dim=1)
            wanted: dict[int, Tensor] = {}
            for n, part in enumerate(parts):
                for texture, _ in part.shares:
                    if texture not in wanted:
                        wanted[texture] = _sorted(slices, self.targets[texture][layer], generator)
                values = fmap[part.entry].flatten(1)
                if (where := shown[n]) is not None:
                    values = values[:, inside(where, fmap.shape[2:])]
                    if values.shape[1] < ENOUGH // 4:
                        continue
                found = _sorted(slices, values, generator)
                scale = sum(share * self.scales[texture][layer] for texture, share in part.shares)
                want = sum(share * _resampled(wanted[texture], found.shape[1]) for texture, share in part.shares)
                total[n] = total[n] + ((found - want) * scale).square().mean()
        return total


def _sorted(slices: Tensor, values: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return the sorted projections, (directions, places), of `values`, (channels, places), or of a sample."""
    return losses.ascending((slices @ losses.sampled(values, losses.PLACES, generator))[None])[0]


def _resampled(ordered: Tensor, count: int) -> Tensor:
    """Return sorted values, (directions, places), at `count` places."""
    return nn.functional.interpolate(ordered[None], count, mode="linear")[0]


def inside(where: Tensor, size: Sequence[int]) -> Tensor:
    """Return the places of a layer, (height' * width') bool, that lie in a part of a picture.

    A place counts if its pixels and those of the places around it all do; where few are left, if its own pixels do,
    then if most of them do.

    where: the part's pixels, (height, width), 1 or 0.
    size: the layer's height and width.
    """
    share = nn.functional.adaptive_avg_pool2d(where[None], (int(size[0]), int(size[1])))
    eroded = -nn.functional.max_pool2d(-share, 3, 1, 1)
    for found in (eroded > 0.999, share > 0.999):
        if int(found.sum()) >= ENOUGH:
            return found.flatten()
    return (share > 0.5).flatten()
