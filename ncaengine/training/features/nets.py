"""Convolutional nets whose maps have names, built from state dicts.

Three kinds are recognised by their keys and shapes:
- torchvision's VGG-16 and VGG-19 (Simonyan & Zisserman, ICLR 2015), complete or only the first layers;
- the 16x distilled VGG-19 (Wang et al., "Collaborative Distillation", CVPR 2020);
- torchvision's GoogLeNet (Szegedy et al., "Going Deeper with Convolutions", CVPR 2015).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torchvision.models as zoo
from torch import Tensor, nn

from ncaengine.core.errors import NCAError
from ncaengine.training.features.weights import StateDict

Padding = Literal["zeros", "reflect"]

VGG_TAPS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
GOOGLENET_TAPS = ("conv1", "conv3", "inception3b", "inception4d")
_VGG_BLOCKS = ((2, 2, 4, 4, 4), (2, 2, 3, 3, 3))
"""Convolutions in each block: VGG-19, VGG-16."""
_DISTILLED_BLOCKS = (2, 2, 4, 4, 1)


class FeatureNet(nn.Module):
    """A net whose maps have names."""

    layers: tuple[str, ...]
    """All maps, from the first to the last."""
    taps: tuple[str, ...]
    """The maps that losses compare, in the order of `layers`."""

    def maps(self, picture: Tensor, names: Sequence[str]) -> list[Tensor]:
        """Return the maps (batch, channels, height', width') of the layers `names`, in the order of `layers`.

        picture: (batch, 3, height, width) in [0, 1]. Raises NCAError if it is too small.
        """
        raise NotImplementedError

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Return the maps of the taps."""
        return self.maps(picture, self.taps)


class Chain(FeatureNet):
    """A net of named stages in sequence; stages called input… and pool… are not layers."""

    def __init__(self, stages: Mapping[str, nn.Module], taps: Sequence[str]) -> None:
        super().__init__()
        self.stages = nn.ModuleDict(stages)
        self.layers = tuple(name for name in stages if not name.startswith(("input", "pool")))
        self.taps = tuple(name for name in taps if name in self.layers)

    def maps(self, picture: Tensor, names: Sequence[str]) -> list[Tensor]:
        """Return maps, see `FeatureNet`; stages after the last of `names` don't run."""
        x = picture
        out: list[Tensor] = []
        for name, stage in self.stages.items():
            if len(out) == len(names):
                break
            if min(x.shape[-2:]) < 2:
                raise PictureTooSmall(picture, name)
            x = stage(x)
            if name in names:
                out.append(x)
        return out


class PictureTooSmall(NCAError):
    """A picture is too small for a layer."""

    def __init__(self, picture: Tensor, layer: str) -> None:
        height, width = picture.shape[-2:]
        self.what = f"{width}x{height} pixels are too small for the feature net's {layer}"
        super().__init__(f"Pictures of {self.what}; use a larger --size.")


def is_distilled(tensors: StateDict) -> bool:
    """Return whether these are the weights of the distilled VGG-19."""
    return "conv11.weight" in tensors


def from_state_dict(tensors: StateDict, skip: Sequence[str]) -> Chain:
    """Build the net that these weights belong to. Raises NCAError if they belong to none of the kinds above.

    skip: layers that the distilled VGG-19 does not tap, because another net already does.
    """
    if "inception3a.branch1.conv.weight" in tensors:
        return googlenet(tensors)
    if is_distilled(tensors):
        return distilled(tensors, [tap for tap in VGG_TAPS if tap not in skip])
    if "features.0.weight" in tensors:
        return vgg(tensors)
    raise NCAError(
        "holds neither VGG-16, VGG-19 or GoogLeNet (torchvision's keys) nor the 16x distilled VGG-19; use one of these."
    )


def vgg(tensors: StateDict) -> Chain:
    """Build VGG-16 or VGG-19 from torchvision's keys, up to the last layer present. Raises NCAError for other VGGs."""
    found = sorted(int(m[1]) for key in tensors if (m := re.fullmatch(r"features\.(\d+)\.weight", key)))
    for blocks in _VGG_BLOCKS:
        keys = _vgg_keys(blocks)
        if found == [int(key.split(".")[1]) for key in list(keys.values())[: len(found)]]:
            break
    else:
        raise NCAError("holds another VGG; use VGG-16 or VGG-19 without batch normalisation.")
    # Weights that torchvision ported from Caffe expect another normalisation; their classifier is all NaN.
    ported = "classifier.0.weight" in tensors and bool(tensors["classifier.0.weight"].isnan().any())
    weights = zoo.VGG16_Weights.IMAGENET1K_FEATURES if ported else zoo.VGG19_Weights.IMAGENET1K_V1
    preset = weights.transforms()
    mean, std = torch.tensor(preset.mean), torch.tensor(preset.std)
    kept = {name: key for name, key in keys.items() if f"{key}.weight" in tensors}
    return Chain({"input": _pointwise(torch.diag(1 / std), -mean / std), **_blocks(tensors, kept, "zeros")}, VGG_TAPS)


def distilled(tensors: StateDict, taps: Sequence[str]) -> Chain:
    """Build the 16x distilled VGG-19; its first convolution turns RGB in [0, 1] into what VGG was trained on."""
    keys = {name: f"conv{name[4]}{name[6]}" for name in _vgg_keys(_DISTILLED_BLOCKS)}
    first = _pointwise(_tensor(tensors, "conv0.weight"), _tensor(tensors, "conv0.bias"))
    return Chain({"input": first, **_blocks(tensors, keys, "reflect")}, taps)


def googlenet(tensors: StateDict | None = None) -> Chain:
    """Build GoogLeNet up to inception5b; without weights, untrained. Raises NCAError if the weights don't fit."""
    net = zoo.googlenet(weights=None, init_weights=False, aux_logits=False)
    if tensors is not None:
        try:
            net.load_state_dict({k: v for k, v in tensors.items() if not k.startswith("aux")})
        except RuntimeError:
            raise NCAError("holds a GoogLeNet, but not with torchvision's shapes; use torchvision's weights.") from None
    stages = {name.replace("maxpool", "pool"): stage for name, stage in net.named_children()}
    body = {name: stage for name, stage in stages.items() if name.startswith(("conv", "pool", "inception"))}
    stretch = _pointwise(2 * torch.eye(3), -torch.ones(3))  # it was trained on pictures in [-1, 1]
    return Chain({"input": stretch, **body}, GOOGLENET_TAPS).eval()


def _vgg_keys(blocks: Sequence[int]) -> dict[str, str]:
    """Return torchvision's key of each convolution by its name.

    The numbers in the keys count a ReLU after each convolution and a pooling after each block.
    """
    keys, index = {}, 0
    for block, count in enumerate(blocks, 1):
        for place in range(1, count + 1):
            keys[f"conv{block}_{place}"] = f"features.{index}"
            index += 2
        index += 1
    return keys


def _blocks(tensors: StateDict, keys: Mapping[str, str], padding: Padding) -> dict[str, nn.Module]:
    """Return 3x3 convolutions with ReLU, by name, and 2x2 max pooling before each block except the first."""
    stages: dict[str, nn.Module] = {}
    channels = 3
    for name, key in keys.items():
        weight, bias = _tensor(tensors, f"{key}.weight"), _tensor(tensors, f"{key}.bias")
        if bias.ndim != 1 or weight.shape != (len(bias), channels, 3, 3):
            raise NCAError(
                f"has a {key}.weight of {tuple(weight.shape)} instead of (outputs, {channels}, 3, 3); use another file."
            )
        channels = len(bias)
        if name.endswith("_1") and name != "conv1_1":
            stages[f"pool{name[4]}"] = nn.MaxPool2d(2)
        stages[name] = nn.Sequential(_convolution(weight, bias, padding), nn.ReLU())
    return stages


def _pointwise(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """Return a 1x1 convolution with a weight of shape (3, 3) or (3, 3, 1, 1)."""
    if weight.numel() != 9 or bias.shape != (3,):
        raise NCAError(f"has a first convolution of {tuple(weight.shape)} instead of (3, 3, 1, 1); use another file.")
    return _convolution(weight.reshape(3, 3, 1, 1), bias)


def _convolution(weight: Tensor, bias: Tensor, padding: Padding = "zeros") -> nn.Conv2d:
    outputs, inputs, side, _ = weight.shape
    made = nn.Conv2d(inputs, outputs, side, padding=side // 2, padding_mode=padding, device="meta")
    made.weight, made.bias = nn.Parameter(weight, False), nn.Parameter(bias, False)
    return made


def _tensor(tensors: StateDict, key: str) -> Tensor:
    """Return one of the weights, as float32. Raises NCAError if it is missing or not finite."""
    if key not in tensors:
        raise NCAError(f"lacks {key}; copy or save the file again.")
    tensor = tensors[key].detach().float()
    if not tensor.isfinite().all():
        raise NCAError(f"has values in {key} that are not finite; copy or save the file again.")
    return tensor
