"""Weights that Keras saves: HDF5 files, and .keras archives that hold one, read by pyfive, which is optional.

Layers keep Keras's names, joined by dots; `state_dicts` gives them torch's form. A model's configuration says which
activation and padding its layers have.
"""

import io
import json
import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS
from ncaengine.formats.limits import MAX_PICKLE_BYTES, MAX_TENSORS, MAX_TEXT_BYTES, LargeTensor, is_large, too_large
from ncaengine.formats.partition import Held
from ncaengine.formats.pickle.attributes import Value
from ncaengine.formats.pickle.holders import Keys
from ncaengine.formats.pickle.tensors import Array

MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_LEVELS = 12
"""Levels of groups in groups."""
SILENT = ("layers", "vars", "model_weights", "_layer_checkpoint_dependencies")
"""Groups that say nothing about what is in them."""
LAYERS = ("Conv2D", "Dense", "DepthwiseConv2D", "Activation", "ReLU")
"""Classes of layers whose configuration is read; the first two have weights of single cells."""
INERT = (
    "InputLayer", "Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "Identity",
    "ActivityRegularization",
)  # fmt: skip
"""Classes of layers that do nothing after the training."""
NO_LAYERS = re.compile(
    r".*(initializer|regularizer|constraint|optimizer|loss|metrics?)|(build|compile)_config|dtype|inbound_nodes"
)
"""Keys of a configuration under which there are objects, but no layers."""
NAMES = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
"""What torch calls the numbers of a norm."""
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
    return ".".join((*kept, NAMES.get(last, last)))


def _settings(config: Any) -> dict[Keys, Value]:
    """Return what a model's configuration says: its own settings, the activations of its layers, and their padding."""
    settings = _Settings()
    todo, left = [config], MAX_TENSORS
    while todo:
        item, left = todo.pop(), left - 1
        if not left:
            raise NCAError("has a configuration of more parts than ncaengine reads.")
        if isinstance(item, dict):
            inside = item.get("config") if "class_name" in item and item is not config else None
            if isinstance(inside, dict):
                if item["class_name"] in LAYERS or not _parts(inside):
                    settings.add_layer(item["class_name"], inside, str(item.get("module", "")))
                    continue
                if item.get("module") == "keras.layers":  # around others
                    settings.add("class", str(item["class_name"]), str(inside.get("name")))
            settings.add_all(item)
        todo += reversed(_parts(item))
    if settings.layers == 2 and not any(keys[-1] == "class" for keys in settings.found):
        settings.found.setdefault(("config", "activation"), "linear")
    return settings.found


def _parts(item: Any) -> list[Any]:
    """Return the tables and lists in a part of a configuration that may hold layers."""
    inside = [v for k, v in item.items() if not NO_LAYERS.fullmatch(k[:100])] if isinstance(item, dict) else item
    return [each for each in inside if isinstance(each, dict) or (isinstance(each, list) and _has_tables(each))]


def _has_tables(items: list[Any]) -> bool:
    return any(isinstance(each, dict) or (isinstance(each, list) and _has_tables(each)) for each in items)


class _Settings:
    """What the parts of a configuration say, in their order."""

    def __init__(self) -> None:
        self.found: dict[Keys, Value] = {}
        self.layers = 0
        """Layers with weights of single cells so far."""

    def add(self, key: str, value: Value, name: str) -> None:
        """Add a setting; what differs from an earlier one is kept, too. name: of the layer."""
        if self.found.setdefault(("config", key), value) != value:
            self.found["config", name[:40], key] = value

    def add_all(self, table: dict[str, Any]) -> None:
        """Add all plain values of a table."""
        for key, value in table.items():
            if isinstance(value, (bool, int, float, str)):
                self.add(key, value, str(table.get("name")))

    def add_layer(self, kind: str, inside: dict[str, Any], module: str) -> None:
        """Add what a layer says that is known; of an unknown one, its class."""
        name = str(inside.get("name", kind))
        if kind not in LAYERS:
            if kind not in INERT:
                self.add("class", str(kind), name)
                self.add_all({} if module.startswith("keras") else inside)
            return
        wide = inside.get("kernel_size", [1, 1]) != [1, 1]
        self.layers += not wide and kind in LAYERS[:2]
        if wide and inside.get("padding") == "same":
            self.add("padding_mode", "zero", name)
        for setting, key in (("dilation", "dilation_rate"), ("stride", "strides")):
            if inside.get(key, [1, 1]) not in ([1, 1], 1):
                self.add(setting, str(inside[key]), name)
        if (activation := _activation(kind, inside)) != "linear":
            acts = ("other_activation", "activation", "other_activation")
            self.add(acts[min(self.layers, 2)], activation, name)


def _activation(kind: Any, inside: dict[str, Any]) -> str:
    """Return the activation of a layer of a known class."""
    if kind == "ReLU":
        more = {key: inside[key] for key in ("max_value", "negative_slope", "threshold") if inside.get(key)}
        return f"ReLU {more}" if more else "relu"
    held = inside.get("activation") or "linear"
    if not isinstance(held, dict):
        return str(held)
    kind, inner = held.get("class_name"), held.get("config")
    return _activation(kind, inner) if kind in LAYERS[3:] and isinstance(inner, dict) else f"{kind} {inner}"
