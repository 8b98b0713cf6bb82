"""Models as .safetensors files: the weights as tensors, the configuration as JSON in the metadata."""

import json
import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import safetensors.numpy

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS, Model
from ncaengine.core.model_dicts import FORMAT_VERSION, config_to_dict, model_from_dict
from ncaengine.formats.limits import MAX_TENSORS, MAX_TEXT_BYTES, LargeTensor, is_large, too_large
from ncaengine.formats.pickle.tensors import Array, from_bfloat16
from ncaengine.formats.setting_texts import value_in

KEY = "ncaengine"
"""The key of a model of ncaengine, in the metadata of a .safetensors file and in a .pt file."""
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "u1",
}  # fmt: skip
"""NumPy's dtype for each of the format's types of real numbers; NumPy lacks bfloat16, the upper half of a float32."""


def as_safetensors(model: Model) -> bytes:
    """Return the file of a model: the weights, with the configuration in the metadata."""
    metadata = {KEY: json.dumps({"version": FORMAT_VERSION, "config": config_to_dict(model.config)})}
    data: bytes = safetensors.numpy.save(model.arrays(), metadata)
    return data


def read_safetensors(path: Path) -> Model | tuple[dict[str, Array | LargeTensor], dict[str, Any]]:
    """Read a model that `as_safetensors` made; from other programs' files, the bare tensors and the metadata.

    Raises NCAError without the file's name, or OSError.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if MAX_TEXT_BYTES < size <= path.stat().st_size:
                raise too_large("16 MB of names")
            with safetensors.safe_open(str(path), framework="numpy") as checked:  # that all sizes and places fit
                metadata = checked.metadata() or {}
            tensors = _tensors(json.loads(file.read(size)), file)
        if KEY not in metadata:
            return tensors, {name: value_in(text) for name, text in metadata.items()}
        weights = {name: array for name, array in tensors.items() if not isinstance(array, LargeTensor)}
        if len(weights) < len(tensors):
            raise too_large()
        return model_from_dict(_own(metadata[KEY])["config"], weights)
    except (
        safetensors.SafetensorError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,  # JSONDecodeError is one
        RecursionError,
    ) as error:
        raise NCAError(f"is not a complete .safetensors model ({str(error)[:200]}).") from None


def _own(text: str) -> Any:
    """Return what ncaengine wrote into the metadata. Raises NCAError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NCAError(f"has a key {KEY!r} in its metadata that is not JSON; save the model again.") from None


def _tensors(head: dict[str, Any], file: BinaryIO) -> dict[str, Array | LargeTensor]:
    """Return the tensors of a checked file by name, those of bfloat16 as float32; of large ones only the shape is read.

    head: what the file says of its tensors. file: open behind that.
    """
    first = file.tell()
    head = {name: info for name, info in head.items() if name != "__metadata__"}
    if len(head) > MAX_TENSORS:
        raise too_large("a thousand tensors")
    tensors: dict[str, Array | LargeTensor] = {}
    numbers = 0
    for name, info in head.items():
        shape, kind = tuple(info["shape"]), info["dtype"]
        if is_large(shape):
            tensors[name] = LargeTensor(shape)
            continue
        if kind not in DTYPES:
            raise NCAError(f"holds numbers of the type {kind[:40]}; save them as F32.")
        numbers += math.prod(shape)
        if numbers > MAX_NUMBERS:
            raise too_large()
        start, end = info["data_offsets"]
        file.seek(first + start)
        array = np.frombuffer(file.read(end - start), DTYPES[kind]).reshape(shape)
        native = array.astype(array.dtype.newbyteorder("="))
        tensors[name] = from_bfloat16(native) if kind == "BF16" else native
    return tensors
