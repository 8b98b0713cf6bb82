"""Weights of feature nets: torchvision's, from torch's cache or by download, and files."""

import contextlib
import socket
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import torchvision.models as zoo
from torch import Tensor

from ncaengine.core.errors import NCAError

StateDict = Mapping[str, Tensor]

PATIENCE = 10.0
"""Seconds that a server may keep silent before a download is given up."""
HUB: Mapping[str, zoo.WeightsEnum] = {
    "vgg16": zoo.VGG16_Weights.IMAGENET1K_FEATURES,
    "vgg19": zoo.VGG19_Weights.IMAGENET1K_V1,
    "googlenet": zoo.GoogLeNet_Weights.IMAGENET1K_V1,
}


class Unreachable(NCAError):
    """Weights that could not be downloaded."""


def fetch_weights(name: str) -> StateDict:
    """Torchvision's weights of a net in HUB, from torch's cache or by download.

    Raises Unreachable where they cannot be downloaded, NCAError where the cache is damaged.
    """
    weights = HUB[name]
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)  # torch.hub sets none of its own and would wait for ever
    try:
        with contextlib.redirect_stdout(sys.stderr):  # where torch.hub's progress bar is
            tensors = weights.get_state_dict(progress=True, check_hash=True, map_location="cpu", weights_only=True)
    except Exception as error:  # URLError, HTTPException, RuntimeError on a wrong hash, and whatever a bad file brings
        cached = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
        if cached.exists():
            raise NCAError(f"{cached}: is damaged; delete it, and it will be downloaded again.") from None
        why = str(error) or type(error).__name__
        raise Unreachable(
            f"The weights of {name} could not be fetched ({why.splitlines()[0][:200]}); check the connection to the "
            f"internet, or download {weights.url} elsewhere and give that file with --features."
        ) from None
    finally:
        socket.setdefaulttimeout(before)
    return {str(key): value for key, value in tensors.items()}


def read_weights(path: Path) -> StateDict:
    """The tensors in a .safetensors, .pth or .pt file; no code in it is run. Raises NCAError."""
    readers: Mapping[str, Callable[[Path], object]] = {
        ".safetensors": safetensors.torch.load_file,
        ".pth": _read_torch,
        ".pt": _read_torch,
    }
    if path.suffix.lower() not in readers:
        raise NCAError(f"{path}: is no file of weights; those end in .safetensors, .pth or .pt.")
    try:
        tensors = readers[path.suffix.lower()](path)
    except OSError as error:
        raise NCAError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except safetensors.SafetensorError as error:
        raise NCAError(f"{path}: is damaged or not .safetensors ({error}); copy or download it again.") from None
    if not isinstance(tensors, Mapping) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise NCAError(f"{path}: holds more than a net's weights; save its state_dict() alone with torch.save.")
    return {str(key): value for key, value in tensors.items()}


def _read_torch(path: Path) -> object:
    try:
        with warnings.catch_warnings(action="ignore"):  # as of a pickle's version, which no user can act on
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception:  # on other files torch's reader raises nearly anything
        raise NCAError(
            f"{path}: is damaged or holds Python code, of which none is run; "
            "copy it again, or save the net's state_dict() with torch.save."
        ) from None
