"""Registry: the models, images and states that commands call by name."""

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model, equal_models
from ncaengine.simulation.painting import Array


class Registry:
    """What Simulation inherits.

    arrays: images, (height, width, 3) uint8, and states, (height, width, channels) float32.
    """

    def __init__(self) -> None:
        self.models: dict[str, Model] = {}
        self.arrays: dict[str, Array] = {}

    def register(self, model: Model, name: str = "") -> str:
        """Make a model known to commands; returns its name here, which a number may follow.

        One that is known already, to the last bit, keeps the name that it has.
        """
        base = name = name or model.config.name
        n = 1
        while name in self.models and not equal_models(self.models[name], model):
            n += 1
            name = f"{base}-{n}"
        self.models.setdefault(name, model)
        return name

    def register_array(self, name: str, array: Array) -> str:
        """Make an image or a state known to commands; returns its name here, which a number may follow.

        uint8, (height, width, 3), is an image; any other type of number is a state, (height, width,
        channels), and becomes float32. Raises NCAError unless it is one of these, and finite.
        """
        if array.dtype != np.uint8 and array.dtype.kind in "fiub":
            with np.errstate(over="ignore"):  # what is too large is infinite then, and refused
                array = array.astype(np.float32)
        if array.ndim != 3 or not array.size or array.dtype not in (np.uint8, np.float32):
            raise NCAError(
                "An array must be an image, (height, width, 3) uint8, or a state, (height, width, channels) float32."
            )
        if (array.dtype == np.uint8 and array.shape[2] != 3) or not np.isfinite(array).all():
            raise NCAError("An image has three channels, and a state has finite numbers only.")
        base, n = name, 1
        while (known := self.arrays.get(name)) is not None and not (
            known.dtype == array.dtype and np.array_equal(known, array)
        ):
            n += 1
            name = f"{base}-{n}"
        self.arrays.setdefault(name, array.copy())
        return name

    def model(self, name: str) -> Model:
        """A registered model. Raises NCAError."""
        if name not in self.models:
            raise NCAError(f"There is no model {name!r} here; there are: {', '.join(self.models) or 'none'}.")
        return self.models[name]

    def array(self, name: str, image: bool) -> Array:
        """A registered image, or state. Raises NCAError."""
        if name not in self.arrays or (self.arrays[name].dtype == np.uint8) != image:
            kind = "image" if image else "state"
            raise NCAError(f"There is no {kind} {name!r} here; register one first, or open it in the window.")
        return self.arrays[name]
