"""State dicts of the Distill article's PyTorch notebook, which is what most people have.

`w1.weight` (hidden, 4·channels, 1, 1), `w1.bias`, `w2.weight` (channels, hidden, 1, 1); perception
channel-major; Sobel and Laplacian not divided; ReLU; RGB = state + 0.5.
"""

from collections.abc import Mapping

import numpy as np

from ncaengine.errors import NCAError
from ncaengine.importers import ARTICLE_KERNELS
from ncaengine.model import F32, Config, Feature, Model

KEYS = {"w1.weight", "w1.bias", "w2.weight"}
FEATURES = (
    Feature("identity", 1.0),
    Feature("gradient_x", 8.0),  # the kernel's gradients are Sobel/8, its Laplacian L9/4
    Feature("gradient_y", 8.0),
    Feature("laplacian", 4.0),
)


def matches(tensors: Mapping[str, F32]) -> bool:
    """Whether these are the notebook's keys (w2 may have a bias)."""
    return KEYS <= set(tensors) <= KEYS | {"w2.bias"}


def from_state_dict(tensors: Mapping[str, F32], name: str) -> Model:
    """The Model of a state dict. Raises NCAError if the shapes are not the notebook's."""
    w1, w2 = (_matrix(tensors, key) for key in ("w1.weight", "w2.weight"))
    (hidden, inputs), channels = w1.shape, w2.shape[0]
    if w2.shape[1] != hidden or inputs != 4 * channels:
        raise NCAError(
            f"the shapes do not fit: w1.weight is {w1.shape} and w2.weight {w2.shape}; "
            "the notebook's are (hidden, 4·channels) and (channels, hidden)."
        )
    if not (3 <= channels <= 256 and 1 <= hidden <= 1024):
        raise NCAError(f"{channels} channels and {hidden} hidden units; 3 to 256 and 1 to 1024 can run.")
    filter_major = w1.reshape(hidden, channels, 4).transpose(0, 2, 1).reshape(hidden, inputs)
    config = Config(
        channels=channels, hidden=hidden, features=FEATURES, kernels=ARTICLE_KERNELS, name=name, family="notebook"
    )
    b2 = tensors.get("w2.bias", np.zeros(channels, np.float32))
    return Model(config, filter_major, tensors["w1.bias"], w2, b2)


def _matrix(tensors: Mapping[str, F32], key: str) -> F32:
    """A 1x1 convolution's weight as a matrix."""
    array = tensors[key]
    if array.ndim == 4 and array.shape[2:] == (1, 1):
        array = array[:, :, 0, 0]
    if array.ndim != 2 or not array.size:
        raise NCAError(f"{key} has shape {array.shape}; the notebook's is (outputs, inputs, 1, 1).")
    return array
