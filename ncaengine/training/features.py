"""Feature maps of pictures, from convolutional nets whose weights lie in .safetensors files.

Two layouts are known by their keys: torchvision's `vgg19().features` (Simonyan & Zisserman 2014)
and the 16x distilled VGG-19 of Wang et al., "Collaborative Distillation", CVPR 2020. A file may
hold only the first layers.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ncaengine.errors import NCAError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_VGG = "features.0.weight"
_DISTILLED = "conv11.weight"
_DISTILLED_LAYERS = [int(f"{b}{i}") for b, n in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 1)) for i in range(1, n + 1)]
_VGG_LAYERS = {0: 11, 2: 12, 5: 21, 7: 22, 10: 31, 12: 32, 14: 33, 16: 34, 19: 41, 21: 42, 23: 43, 25: 44, 28: 51}
_POOL_BEFORE = (21, 31, 41, 51)


class ConvNet(nn.Module):
    """A stack of 3x3 convolutions with ReLU; gives the maps after the layers in `taps`.

    `layers` maps a layer number (block·10 + place) to (weight, bias); a 2x2 maximum pooling stands
    before the first layer of each block but the first. Pictures (batch, 3, height, width) in [0, 1].
    """

    def __init__(
        self,
        layers: Mapping[int, tuple[Tensor, Tensor]],
        taps: Sequence[int],
        first: tuple[Tensor, Tensor],
        padding: str = "constant",
    ) -> None:
        super().__init__()
        missing = [str(tap) for tap in taps if tap not in layers]
        if missing:
            raise NCAError(f"the feature net has no layers {', '.join(missing)}.")
        self.taps, self.padding = tuple(taps), padding
        self.numbers = [n for n in sorted(layers) if n <= max(taps)]
        self.register_buffer("matrix", first[0].reshape(3, 3, 1, 1))
        self.register_buffer("offset", first[1])
        for n in self.numbers:
            self.register_buffer(f"w{n}", layers[n][0])
            self.register_buffer(f"b{n}", layers[n][1])

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Maps (batch, channels, height', width') after each tapped layer, ReLU included."""
        x = nn.functional.conv2d(picture, self.get_buffer("matrix"), self.get_buffer("offset"))
        out = []
        for n in self.numbers:
            if n in _POOL_BEFORE:
                x = nn.functional.max_pool2d(x, 2)
            if min(x.shape[-2:]) < 2:
                raise NCAError(f"Pictures of {picture.shape[3]}x{picture.shape[2]} are too small for the feature net.")
            w, b = self.get_buffer(f"w{n}"), self.get_buffer(f"b{n}")
            if self.padding == "constant":
                x = nn.functional.conv2d(x, w, b, padding=1)
            else:
                x = nn.functional.conv2d(nn.functional.pad(x, [1] * 4, self.padding), w, b)
            x = torch.relu(x)
            if n in self.taps:
                out.append(x)
        return out


class Features(nn.Module):
    """The raw pixels followed by the maps of some nets, each (batch, channels, height', width')."""

    def __init__(self, nets: Sequence[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Maps of pictures (batch, 3, height, width) in [0, 1]; raises NCAError where they are too small for a net."""
        mean, std = (torch.tensor(v, device=picture.device)[:, None, None] for v in (MEAN, STD))
        return [(picture - mean) / std, *(fmap for net in self.nets for fmap in net(picture))]


def load(paths: Sequence[Path]) -> Features:
    """Pixels + the maps of the nets in these files: the tried set, if both files are given.

    VGG-19 gives conv1_1, conv2_1 and conv3_1, as far as the file has them; the distilled net gives
    conv4_1 and conv5_1 beside a VGG-19, all five alone. Raises NCAError on a file of another kind.
    """
    files = [(path, _read(path)) for path in paths]
    beside = any(_VGG in tensors for _, tensors in files)
    nets = []
    for path, tensors in files:
        if _VGG in tensors:
            nets.append(_vgg(tensors))
        elif _DISTILLED in tensors:
            nets.append(_distilled(tensors, (41, 51) if beside else (11, 21, 31, 41, 51)))
        else:
            raise NCAError(f"{path}: holds neither VGG-19 (torchvision's keys) nor its 16x distilled form.")
    return Features(nets).requires_grad_(False)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise NCAError(f"{path}: cannot be read as .safetensors ({error}).") from None


def _vgg(tensors: Mapping[str, Tensor]) -> ConvNet:
    layers = {
        n: (tensors[f"features.{i}.weight"], tensors[f"features.{i}.bias"])
        for i, n in _VGG_LAYERS.items()
        if f"features.{i}.weight" in tensors
    }
    mean, std = torch.tensor(MEAN), torch.tensor(STD)
    return ConvNet(layers, [n for n in (11, 21, 31) if n in layers], (torch.diag(1 / std), -mean / std))


def _distilled(tensors: Mapping[str, Tensor], taps: Sequence[int]) -> ConvNet:
    layers = {n: (tensors[f"conv{n}.weight"], tensors[f"conv{n}.bias"]) for n in _DISTILLED_LAYERS}
    return ConvNet(layers, taps, (tensors["conv0.weight"], tensors["conv0.bias"]), "reflect")
