"""Weights that Keras saves: HDF5 files, and .keras archives that hold one, read by pyfive, which is optional.

Layers keep Keras's names, joined by dots; `state_dicts` gives them torch's form. A model's configuration says which
activation and padding its layers have.
"""

import io
import json
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS
from ncaengine.formats.importers.base import Value
from ncaengine.formats.limits import MAX_PICKLE_BYTES, MAX_TENSORS, MAX_TEXT_BYTES, LargeTensor, is_large, too_large
from ncaengine.formats.partition import Held
from ncaengine.formats.pickle.holders import Keys
from ncaengine.formats.pickle.tensors import Array

MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_LEVELS = 12
"""Levels of groups in groups."""
SILENT = ("layers", "vars", "model_weights", "_layer_checkpoint_dependencies")
"""Groups that say nothing about what is in them."""
LAYERS = ("Conv2D", "Dense", "DepthwiseConv2D", "Activation", "ReLU")
"""Classes of layers whose configuration is read; the first two have weights of single cells."""
PLAIN = {"ReLU": "relu"}
"""Activations that are layers."""
MISSING = "is a file of Keras (HDF5); to read it, install pyfive: pip install pyfive."
DAMAGED = "is not a complete file of Keras (HDF5); copy or save it again."


def read_hdf5(path: Path, stem: str) -> Held:
    """Read the weights in an HDF5 file. stem: the file's name, see Held.

    Raises NCAError without the file's name, or OSError.
    """
    return _read(path.read_bytes(), stem, None)


def read_keras(path: Path, stem: str) -> Held:
    """Read the weights in a .keras archive, and how its layers are configured. Raises as `read_hdf5` does."""
    try:
        with zipfile.ZipFile(path) as archive:
            weights = next(entry for entry in archive.infolist() if entry.filename.endswith("weights.h5"))
            config = next((entry for entry in archive.infolist() if entry.filename == "config.json"), None)
            if weights.file_size > MAX_PICKLE_BYTES or (config and config.file_size > MAX_TEXT_BYTES):
                raise too_large("100 MB")
            data, text = archive.read(weights), archive.read(config) if config else b"null"
    except (zipfile.BadZipFile, StopIteration, EOFError, NotImplementedError, ValueError, RuntimeError):
        raise NCAError("is not a complete .keras archive; copy or save it again.") from None
    return _read(data, stem, text)


def _read(data: bytes, stem: str, config: bytes | str | None) -> Held:
    try:
        import pyfive
    except ImportError:
        raise NCAError(MISSING) from None
    try:
        with pyfive.File(io.BytesIO(data)) as file:
            tensors = _tensors(file)
            held_config = file.attrs.get("model_config") if config is None else config
            plain = _settings(json.loads(held_config)) if isinstance(held_config, (str, bytes)) else {}
    except NCAError:
        raise
    except Exception:  # on damaged files pyfive raises nearly anything
        raise NCAError(DAMAGED) from None
    return Held({(name,): array for name, array in tensors.items()}, stem, plain=plain)


def _tensors(file: Any) -> dict[str, Array | LargeTensor]:
    found: dict[str, Array | LargeTensor] = {}
    numbers = 0
    for parts, dataset in _datasets(file, (), MAX_LEVELS):
        if len(found) >= MAX_TENSORS:
            raise too_large("a thousand tensors")
        shape = tuple(int(side) for side in dataset.shape)
        if dataset.dtype.kind not in "fiub":
            continue
        if dataset.chunks is not None:
            raise NCAError("keeps its weights in compressed pieces; save them as Keras itself does.")
        numbers += 0 if is_large(shape) else math.prod(shape)
        if numbers > MAX_NUMBERS:
            raise too_large()
        found[_name(parts, len(shape))] = LargeTensor(shape) if is_large(shape) else np.array(dataset[()])
    return found


def _datasets(group: Any, parts: tuple[str, ...], levels: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what is in a group and in the groups in it, each with the names that lead to it."""
    for name in list(group)[:MAX_TENSORS] if levels else ():
        each, way = group[name], (*parts, name[:100])
        if hasattr(each, "shape"):
            yield way, each
        elif hasattr(each, "keys"):
            yield from _datasets(each, way, levels - 1)


def _name(parts: tuple[str, ...], axes: int) -> str:
    """Return the name of a tensor: conv2d.kernel for conv2d/conv2d/kernel:0 and for layers/conv2d/vars/0."""
    *groups, last = (part.partition(":")[0] for part in parts if part not in SILENT)
    if last in ("0", "1") and parts[-2:-1] == ("vars",) and axes:
        depthwise = "depthwise_" if groups and "depthwise" in groups[-1] else ""
        last = f"{depthwise}kernel" if axes > 1 else "bias"
    kept = [group for group, before in zip(groups, ["", *groups], strict=False) if group != before]
    return ".".join((*kept, last))


def _settings(config: Any) -> dict[Keys, Value]:
    """Return what a model's configuration says: its own settings, the activations of its layers, and their padding."""
    found: dict[Keys, Value] = {}
    layers, acts = 0, ("other_activation", "activation", "other_activation")
    todo, left = [config], MAX_TENSORS
    while todo and left:
        item, left = todo.pop(), left - 1
        if isinstance(item, dict) and item.get("class_name") in LAYERS and isinstance(item.get("config"), dict):
            inside = item["config"]
            wide = inside.get("kernel_size", [1, 1]) != [1, 1]
            layers += not wide and item["class_name"] in LAYERS[:2]
            if wide and inside.get("padding") == "same":
                found["config", "padding_mode"] = "zero"
            if (activation := inside.get("activation", PLAIN.get(item["class_name"], "linear"))) != "linear":
                found["config", acts[min(layers, 2)]] = str(activation)
        elif isinstance(item, dict):
            found |= {("config", key): v for key, v in item.items() if isinstance(v, (bool, int, float, str))}
            todo += reversed(item.values())
        elif isinstance(item, list):
            todo += reversed(item)
    if layers == 2:
        found.setdefault(("config", "activation"), "linear")
    return found
