"""Weights of feature nets: torchvision's, from torch's cache or downloaded, and weight files."""

import contextlib
import os
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

from ncaengine.core import files, inputs
from ncaengine.core.errors import NCAError

StateDict = Mapping[str, Tensor]

PATIENCE = 10.0
"""Seconds to wait for a silent server before a download fails."""
HUB: Mapping[str, zoo.WeightsEnum] = {
    "vgg16": zoo.VGG16_Weights.IMAGENET1K_FEATURES,
    "vgg19": zoo.VGG19_Weights.IMAGENET1K_V1,
    "googlenet": zoo.GoogLeNet_Weights.IMAGENET1K_V1,
}


class Unreachable(NCAError):
    """Weights that could not be downloaded."""


def fetch_weights(name: str) -> StateDict:
    """Return torchvision's weights of a net in HUB, from torch's cache or downloaded.

    Raises Unreachable if they can't be downloaded, NCAError if the cached file is damaged.
    """
    weights = HUB[name]
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)  # torch.hub sets none and could wait without end
    try:
        with contextlib.redirect_stdout(sys.stderr):  # where torch.hub's progress bar is
            tensors = weights.get_state_dict(progress=True, check_hash=True, map_location="cpu", weights_only=True)
    except Exception as error:  # URLError, HTTPException, RuntimeError for a wrong hash, or an error from a bad file
        cached = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
        if os.path.exists(cached):  # not Path's, which raises an error if another user's home is $HOME
            raise NCAError(f"{cached}: is damaged; delete it to download it again.") from None
        why = str(error) or type(error).__name__
        raise Unreachable(
            f"Can't download the weights of {name} ({why.splitlines()[0][:200]}); check the internet connection, or "
            f"download {weights.url} elsewhere and supply that file with --features."
        ) from None
    finally:
        socket.setdefaulttimeout(before)
    return {str(key): value for key, value in tensors.items()}


def read_weights(path: Path) -> StateDict:
    """Read the tensors in a .safetensors, .pth or .pt file, without running any code in it. Raises NCAError."""
    readers: Mapping[str, Callable[[Path], object]] = {
        ".safetensors": safetensors.torch.load_file,
        ".pth": _read_torch,
        ".pt": _read_torch,
    }
    if path.suffix.lower() not in readers:
        raise NCAError(f"{path}: is not a weight file; use one that ends in .safetensors, .pth or .pt.")
    try:
        with files.errors_named(path):
            inputs.check_kind(os.stat(path))
        tensors = readers[path.suffix.lower()](path)
    except OSError as error:
        raise files.unreadable(path, error) from None
    except safetensors.SafetensorError as error:
        raise NCAError(f"{path}: is damaged or not .safetensors ({error}); copy or download it again.") from None
    if not isinstance(tensors, Mapping) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise NCAError(f"{path}: holds more than a net's weights; save only its state_dict() with torch.save.")
    return {str(key): value for key, value in tensors.items()}


def _read_torch(path: Path) -> object:
    """Read a file that torch.save wrote. Raises OSError and NCAError."""
    try:
        with warnings.catch_warnings(action="ignore"):  # such as a pickle's version, which the user can't change
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception:  # torch raises almost anything on other files
        raise NCAError(
            f"{path}: is damaged or holds Python code, which is not run; "
            "copy it again, or save the net's state_dict() with torch.save."
        ) from None
