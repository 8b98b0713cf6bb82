"""The feature nets that the training looks at pictures with: torchvision's, from files, or random filters."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ncaengine.core.errors import NCAError
from ncaengine.training.features import nets, weights
from ncaengine.training.features.random_filters import RandomFilters

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NET_NAMES = ("auto", *weights.HUB, "random")
"""The feature nets that need no file."""
FALLBACK = (
    "VGG-19's weights could not be fetched (no internet?): training with random multi-scale filters instead; "
    "textures come out coarser. Give weights with --features FILE."
)


class Features(nn.Module):
    """The raw pixels followed by the maps of some nets.

    `names` tells the maps that serve to compare pictures, in their order ("pixels", "conv1_1", …), and
    `layers` every map that can be asked for by `layer`.
    """

    def __init__(self, members: Sequence[nets.FeatureNet]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(members)
        self.names = ("pixels", *(tap for net in members for tap in net.taps))
        self.layers = tuple(dict.fromkeys(["pixels", *(layer for net in members for layer in net.layers)]))
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(STD)[:, None, None])

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Maps (batch, channels, height', width') of pictures (batch, 3, height, width) in [0, 1].

        Raises NCAError where they are too small for a net.
        """
        return [self._pixels(picture), *(fmap for net in self.nets for fmap in net(picture))]

    def layer(self, picture: Tensor, name: str) -> Tensor:
        """The map of one layer, of the first net that has it. Raises NCAError on a name that is not in `layers`."""
        if name == "pixels":
            return self._pixels(picture)
        for net in self.nets:
            assert isinstance(net, nets.FeatureNet)
            if name in net.layers:
                return net.maps(picture, [name])[0]
        raise NCAError(f"The feature net has no layer {name}; it has {', '.join(self.layers)}.")

    def _pixels(self, picture: Tensor) -> Tensor:
        return (picture - self.get_buffer("mean")) / self.get_buffer("std")


def open_nets(names: Sequence[str]) -> tuple[Features, str | None]:
    """Feature nets by name (see NET_NAMES) or file, and a notice for people where something else came of it.

    "auto" is VGG-19 where its weights lie in torch's cache or can be downloaded, and otherwise "random",
    which the notice then tells. A VGG gives the first layer of each block, as far as it has them; the
    distilled one only those that no other gives. Raises NCAError on a file of another kind, and where the
    weights of a net that was asked for by name cannot be had.
    """
    found: list[tuple[str, weights.StateDict | None]] = []  # None: random filters have no weights to read
    notice = None
    for name in names:
        try:
            found.append((name, None if name == "random" else _weights(name)))
        except weights.Unreachable:
            if name != "auto":
                raise
            found.append((name, None))
            notice = FALLBACK
    found.sort(key=lambda each: nets.is_distilled(each[1] or {}))  # it comes last and fills in what the others lack
    members: list[nets.FeatureNet] = []
    for name, tensors in found:
        given = [tap for net in members for tap in net.taps]
        try:
            members.append(RandomFilters() if tensors is None else nets.from_state_dict(tensors, skip=given))
        except NCAError as error:
            raise NCAError(f"{name}: {error}") from None
    return Features(members).requires_grad_(False), notice


def _weights(name: str) -> weights.StateDict:
    name = "vgg19" if name == "auto" else name
    if name in weights.HUB:
        return weights.fetch_weights(name)
    if not Path(name).exists():
        raise NCAError(f"{name}: is neither a file nor one of {', '.join(NET_NAMES)}.")
    return weights.read_weights(Path(name))
