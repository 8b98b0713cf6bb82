"""The models, images and states that commands call by name."""

import hashlib
import json

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model
from ncaengine.core.model_dicts import config_to_dict
from ncaengine.core.names import unique_name
from ncaengine.core.spill import Spill
from ncaengine.core.types import F32, U8

Array = U8 | F32
"""An image, (height, width, 3) uint8, or a state, (height, width, channels) float32."""


class Library:
    """Models and arrays by name. A name always means the same model or array.

    Attributes:
        models: Models by name.
        arrays: Images, (height, width, 3) uint8, and states, (height, width, channels) float32, by name.
    """

    def __init__(self) -> None:
        self.models: dict[str, Model] = {}
        self.arrays: dict[str, Array] = {}
        self._spill = Spill()  # the journal needs old versions and states for as long as the program runs
        self._digests: dict[str, tuple[object, bytes]] = {}  # of models and arrays by kind and name

    def register(self, model: Model, name: str = "") -> str:
        """Make a model known to commands. Return its name, with a number added if another model has that name.

        A model that is known already, to the last bit, keeps its name. Raises NCAError for what is no model.
        """
        if not isinstance(model, Model):
            raise NCAError(f"Only a Model can be registered, not {model!r:.60}.")
        models, mine = self.models, _digest(model)
        name = unique_name(
            name or model.config.name, lambda name: name in models and self._digest_of(name, models[name]) != mine
        )
        if name not in models:
            model.move_weights(self._spill.kept)
            models[name] = model
            self._digests[_key(name, model)] = model, mine
        return name

    def register_array(self, name: str, array: Array) -> str:
        """Make an image or a state known to commands. Return its name, with a number added if that name is taken.

        array: (height, width, 3) uint8 is an image; any other number type is a state, (height, width, channels), and
            becomes float32.

        Raises NCAError if it has another shape, or numbers that are not finite.
        """
        array = checked_array(array)
        arrays, mine = self.arrays, _digest(array)
        name = unique_name(name, lambda name: name in arrays and self._digest_of(name, arrays[name]) != mine)
        if name not in arrays:
            arrays[name] = self._spill.kept(array.copy())
            self._digests[_key(name, array)] = arrays[name], mine
        return name

    def _digest_of(self, name: str, known: Model | Array) -> bytes:
        """Return the digest of a known model or array, which is not read again."""
        key = _key(name, known)
        if key not in self._digests or self._digests[key][0] is not known:
            self._digests[key] = known, _digest(known)
        return self._digests[key][1]

    def leave(self) -> None:
        """Take no memory for what was read. Call it after reading all of it; see Spill.leave."""
        self._spill.leave()

    def model(self, name: str) -> Model:
        """Return a registered model. Raises NCAError if there is none of this name."""
        if name not in self.models:
            choice = f"choose from: {', '.join(self.models)}" if self.models else "register one first"
            raise NCAError(f"There is no model {name!r}; {choice}.")
        return self.models[name]

    def image(self, name: str) -> U8:
        """Return a registered image. Raises NCAError if there is none of this name."""
        array = self.arrays.get(name)
        if array is None or array.dtype != np.uint8:
            raise NCAError(f"There is no image {name!r}; register one first, or open it in the window.")
        return array.astype(np.uint8, copy=False)

    def state(self, name: str) -> F32:
        """Return a registered state. Raises NCAError if there is none of this name."""
        array = self.arrays.get(name)
        if array is None or array.dtype == np.uint8:
            raise NCAError(f"There is no state {name!r}; register one first, or open it in the window.")
        return array.astype(np.float32, copy=False)


def checked_array(array: Array) -> Array:
    """Return an array as `register_array` keeps it. Raises NCAError, see there."""
    if not isinstance(array, np.ndarray):
        raise NCAError(f"An image or a state must be an array, not {array!r:.60}.")
    if array.dtype != np.uint8 and array.dtype.kind in "fiub":
        with np.errstate(over="ignore"):  # numbers that are too large become infinite, and are refused below
            array = array.astype(np.float32)
    if array.ndim != 3 or not array.size or array.dtype not in (np.uint8, np.float32):
        raise NCAError(
            "An array must be an image, (height, width, 3) uint8, or a state, (height, width, channels) float32."
        )
    if array.dtype == np.uint8 and array.shape[2] != 3:
        raise NCAError(f"An image must have three channels, not {array.shape[2]}.")
    if not np.isfinite(array).all():
        raise NCAError("A state must have only finite numbers.")
    return array


def _key(name: str, known: Model | Array) -> str:
    return f"{type(known).__name__} {name}"


def _digest(known: Model | Array) -> bytes:
    """Return what tells a model or an array from others."""
    arrays = known.arrays().values() if isinstance(known, Model) else [known]
    found = hashlib.blake2b(json.dumps(config_to_dict(known.config)).encode() if isinstance(known, Model) else b"")
    for array in arrays:
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.digest()
