"""Parts of the automaton that the tests of ONNX graphs write, and its weights."""

from pathlib import Path

import numpy as np
from onnx_files import OnnxFile
from plain_nca import S, filter_major, filtered, net
from published_forms import numbers

from ncaengine.core.model import Model
from ncaengine.formats import model_files

Array = np.ndarray
IDENTITY = np.zeros((3, 3))
IDENTITY[1, 1] = 1
C, HIDDEN = 5, 7
W1, W2 = numbers(HIDDEN, 3 * C, seed=1, spread=0.1), numbers(C, HIDDEN, seed=3)
B1, B2 = numbers(HIDDEN, seed=2), numbers(C, seed=4)
FILTERS = [IDENTITY, S / 8, S.T / 8]


def stacked(filters: list[Array], times: int = 1) -> Array:
    """Return filters as weights of a convolution, each `times` times: (filters · times, 1, 3, 3)."""
    return np.repeat(np.stack(filters)[:, None].astype(np.float32), times, 0)


def as_conv(matrix: Array) -> Array:
    return matrix[:, :, None, None]


def layers(file: OnnxFile, seen: str, activation: str = "Relu") -> str:
    hidden = file.op(activation, file.conv(seen, as_conv(W1), bias=B1))
    return file.conv(hidden, as_conv(W2), bias=B2)


def gradients(x: Array, padding: str = "zero") -> Array:
    return x + net(filter_major([filtered(x, f, padding) for f in FILTERS]), W1, B1, W2, B2)


def updated(file: OnnxFile, x: str = "x") -> str:
    """Return the update behind the channels and their gradients."""
    parts = [file.conv(x, stacked([f], C), C, pad=1) for f in FILTERS[1:]]
    return layers(file, file.op("Concat", x, *parts, axis=1))


def opened(path: Path, file: OnnxFile, output: str) -> Model:
    path.write_bytes(file.data(output))
    found = model_files.open_file(path)
    assert found.family == "onnx"
    return found.model()
