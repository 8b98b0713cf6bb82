"""The random numbers in an ONNX graph, and for how many channels of a cell each is drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.formats.importers.onnx_constants import integers, whole
from ncaengine.formats.importers.onnx_perception import Seen
from ncaengine.formats.importers.onnx_stages import Sizes, Stage, mask_of
from ncaengine.formats.onnx import Node

DRAWN = ("RandomUniform", "RandomUniformLike", "Bernoulli")


class Draws:
    """Follows the sizes of values, of which only the number of channels is known, to what is drawn with them."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self._shapes: dict[str, Sizes] = {}
        """Values that are the sizes of others."""
        self._filled: dict[str, tuple[float, Sizes | None]] = {}
        """Values that are one number everywhere, and their sizes."""

    def follow(self, node: Node, values: Sequence[Any]) -> None:
        """Take note of an operation on sizes."""
        if not node.outputs or not node.inputs:
            return
        given, output = self._shapes.get(node.inputs[0]), node.outputs[0]
        match node.op:
            case "Shape" if not node.attributes and (sizes := self._sizes(node.inputs[0], values[0])) is not None:
                self._shapes[output] = sizes
            case "Gather" if given and len(values) > 1 and (places := integers(values[1])) and len(places) == 1:
                if -len(given) <= places[0] < len(given):
                    self._shapes[output] = (given[places[0]],)
            case "Unsqueeze":
                self._shapes[output] = given if given is not None else (0,)
            case "Cast" if given is not None:
                self._shapes[output] = given
            case "Concat":
                parts = [
                    self._shapes.get(name) or integers(value) for name, value in zip(node.inputs, values, strict=True)
                ]
                if all(parts) and sum(len(part or ()) for part in parts) <= len("bchw"):
                    self._shapes[output] = tuple(max(size, 0) for part in parts for size in part or ())
            case "ConstantOfShape":
                value = node.attributes.get("value", np.zeros(1))
                if isinstance(value, np.ndarray) and value.size == 1:
                    self._filled[output] = float(value.flat[0]), given

    def drawn(self, node: Node, values: Sequence[Any]) -> Stage | None:
        """Return what an operation draws; None if it is not understood."""
        name, value = (node.inputs[0], values[0]) if node.inputs else ("", None)
        if node.op == "Bernoulli":
            share = self._filled.get(name, (None,))[0]
            if isinstance(value, np.ndarray) and value.size and (value == value.flat[0]).all():
                share = float(value.flat[0])
            if share is None:
                raise NCAError("its graph draws which cells fire with a probability that is not one number.")
            return mask_of(Stage("mask", sizes=self._sizes(name, value)), share)
        low, high = (node.attributes.get(end, usual) for end, usual in (("low", 0.0), ("high", 1.0)))
        if (low, high) != (0, 1):
            raise NCAError(f"its graph draws random numbers from {low} to {high}; ncaengine draws from 0 to 1.")
        return Stage("random", sizes=self._sizes(name, value) if name else tuple(whole(node, "shape")))

    def _sizes(self, name: str, value: Any) -> Sizes | None:
        """Return the sizes of a value as far as they are known; None if not even their number is."""
        if isinstance(value, np.ndarray):
            return tuple(value.shape)
        if isinstance(value, Stage) and not value.axes:
            return value.sizes
        count = 1
        if isinstance(value, Seen) or (isinstance(value, Stage) and value.kind in ("update", "state")):
            count = self.channels
        elif not isinstance(value, Stage) or value.kind not in ("opacity", "life"):
            return self._filled.get(name, (0.0, None))[1]
        if isinstance(value, Seen) and not value.bare:
            return None
        return tuple(count if letter == "c" else 0 for letter in value.axes)
