"""The feature nets that losses compare pictures with: torchvision's, from files, or random filters."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ncaengine.core.errors import NCAError
from ncaengine.training.features import nets, weights
from ncaengine.training.features.random_filters import RandomFilters

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NET_NAMES = ("auto", *weights.HUB, "random")
"""The names of the feature nets that need no file."""
FALLBACK = (
    "Can't download VGG-19's weights (no internet?). Training with random multi-scale filters instead, which gives "
    "coarser textures; for better ones, give `ncaengine train` the weights with --features FILE."
)


class Features(nn.Module):
    """The raw pixels, followed by the maps of some nets.

    names: the maps that losses compare, in the order of `forward` ("pixels", "conv1_1", …).
    layers: every map that `layer` can return.
    """

    format, precision = torch.contiguous_format, torch.float32

    def __init__(self, members: Sequence[nets.FeatureNet]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(members)
        self.names = ("pixels", *(tap for net in members for tap in net.taps))
        self.layers = tuple(dict.fromkeys(["pixels", *(layer for net in members for layer in net.layers)]))
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(STD)[:, None, None])

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Return the maps (batch, channels, height', width') of pictures (batch, 3, height, width) in [0, 1].

        Raises NCAError if the pictures are too small for a net.
        """
        seen = picture.contiguous(memory_format=self.format)
        with torch.autocast(picture.device.type, self.precision, self.precision != torch.float32):
            maps = [fmap for net in self.nets for fmap in net(seen)]
        return [self._pixels(picture), *(fmap.float() for fmap in maps)]

    def speed_up(self, precision: torch.dtype) -> None:
        """Make the maps faster and, by rounding, slightly different.

        precision: of the numbers that the nets multiply, torch.float32 or torch.bfloat16.
        """
        self.format, self.precision = torch.channels_last, precision
        self.to(memory_format=self.format)

    def layer(self, picture: Tensor, name: str) -> Tensor:
        """Return the map of one layer, from the first net that has it. Raises NCAError if none has."""
        if name == "pixels":
            return self._pixels(picture)
        for net in self.nets:
            assert isinstance(net, nets.FeatureNet)
            if name in net.layers:
                return net.maps(picture, [name])[0]
        raise NCAError(f"The feature net has no layer {name}; choose one of {', '.join(self.layers)}.")

    def _pixels(self, picture: Tensor) -> Tensor:
        return (picture - self.get_buffer("mean")) / self.get_buffer("std")


def open_nets(names: Sequence[str]) -> tuple[Features, str | None]:
    """Open feature nets by name (see NET_NAMES) or weight file; also return a notice if "auto" fell back to "random".

    "auto" is VGG-19 if its weights are in torch's cache or can be downloaded, otherwise "random". A VGG
    contributes the first layer of each block that it has; the distilled one, only those that no other net
    contributes. Raises NCAError if a file holds no known net, or if a net named can't be downloaded.
    """
    found: list[tuple[str, weights.StateDict | None]] = []  # None: random filters have no weights to read
    notice = None
    for name in names:
        try:
            found.append((name, None if name == "random" else _read(name)))
        except weights.Unreachable:
            if name != "auto":
                raise
            found.append((name, None))
            notice = FALLBACK
    found.sort(key=lambda each: nets.is_distilled(each[1] or {}))  # last, so that it adds what the others lack
    members: list[nets.FeatureNet] = []
    for name, tensors in found:
        given = [tap for net in members for tap in net.taps]
        try:
            members.append(RandomFilters() if tensors is None else nets.from_state_dict(tensors, skip=given))
        except NCAError as error:
            raise NCAError(f"{name}: {error}") from None
    return Features(members).requires_grad_(False), notice


def _read(name: str) -> weights.StateDict:
    """Return the weights of a net by name or file. Raises Unreachable or another NCAError."""
    name = "vgg19" if name == "auto" else name
    if name in weights.HUB:
        return weights.fetch_weights(name)
    if not Path(name).exists():
        raise NCAError(f"{name}: is neither a file nor one of {', '.join(NET_NAMES)}.")
    return weights.read_weights(Path(name))
