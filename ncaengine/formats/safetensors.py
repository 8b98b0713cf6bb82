"""Models as .safetensors files: the weights as tensors, the configuration as JSON in the metadata."""

import json
import math
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from ncaengine.core.errors import NCAError
from ncaengine.core.model import FORMAT_VERSION, MAX_NUMBERS, Model, config_to_dict, model_from_dict
from ncaengine.core.types import F32
from ncaengine.formats.limits import too_large

KEY = "ncaengine"
"""The metadata's key for the configuration of a model of ncaengine."""


def write_safetensors(model: Model, path: Path) -> None:
    """Write the weights, with the configuration in the metadata. Raises OSError."""
    metadata = {KEY: json.dumps({"version": FORMAT_VERSION, "config": config_to_dict(model.config)})}
    path.write_bytes(safetensors.numpy.save(model.arrays(), metadata))


def read_safetensors(path: Path) -> Model | dict[str, F32]:
    """Read a model that `write_safetensors` wrote; from other programs' files, the bare tensors.

    Raises NCAError without the file's name, or OSError.
    """
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            keys = list(file.keys())
            if sum(math.prod(file.get_slice(key).get_shape()) for key in keys) > MAX_NUMBERS:
                raise too_large()
            weights = {key: file.get_tensor(key) for key in keys}
        if text is None:
            return {key: array.astype(np.float32) for key, array in weights.items() if array.dtype.kind in "fiu"}
        return model_from_dict(json.loads(text)["config"], weights)
    except (
        safetensors.SafetensorError,
        json.JSONDecodeError,
        AttributeError,  # from NumPy, for 8-bit floats, which it does not know
        KeyError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        raise NCAError(f"is not a complete .safetensors model ({str(error)[:200]}).") from None
