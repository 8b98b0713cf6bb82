"""Files in which the demos of hexells, NoiseNCA and DyNCA keep many models: two pictures of tiles, one a model.

A pixel is four outputs of a layer and a row of pixels one input, the last the bias. Model m lies at tile column
m mod W, row m div W of the `layout` (W, H); `w = (pixel - center)·scale`, pixels from 0 to 1. They are 8-bit PNGs in
base64 (`data`) or numbers (`data_flatten`). Outputs are padded to a multiple of four, in some files in `shape` too.
"""

import base64
import functools
import io
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS, Model
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import ASK, Decoded, Hints, Makers, bounded_attribution, converted, make_each
from ncaengine.formats.importers.dense import PLACE, STENCILS, Convention, Dense, build_model

Count = Annotated[int, msgspec.Meta(ge=1, le=10**6)]
Pair = tuple[Count, Count]


class AtlasLayer(msgspec.Struct, frozen=True):
    """One layer of all models. shape: (inputs + bias, outputs); data_shape: (rows, columns, 4) of data_flatten.

    quant_scale_zero: the demo's bytes b are activations (b/255 - zero)·scale.
    """

    scale: float
    shape: Pair | str
    layout: Pair | str
    center: float = 127 / 255
    data: str = ""
    data_flatten: list[float] | None = None
    data_shape: tuple[Count, ...] = ()
    bias: bool | None = None
    pos_emb: bool = False
    quant_scale_zero: tuple[float, float] | None = None
    edge_conditioning: Any = False


class Atlas(msgspec.Struct, frozen=True):
    """The whole file, converted but for the pictures. attribution: that of each model, in atlases of ncaengine's."""

    model_names: list[str]
    layers: tuple[AtlasLayer, AtlasLayer]
    noise_level: float | None = None
    n_perception_scales: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1
    edge_conditioning: Any = False
    attribution: Any = None

    def credits(self, number: int) -> dict[str, str]:
        """Who made a model, as far as the file says; empty where it has no place for that."""
        if not isinstance(self.attribution, list) or number >= len(self.attribution):
            return {}
        facts = self.attribution[number]
        told = bounded_attribution(facts) if isinstance(facts, dict) else {}
        return told if told.keys() & {"authors", "author", "licence"} else {"authors": ASK, "licence": ASK, **told}

    def nets(self) -> Callable[[int], Dense]:
        """The net of a model by its number; pictures are decoded for the first. Raises NCAError if they are damaged."""
        first, second = self.layers
        if any(part.edge_conditioning for part in (self, first, second)):
            raise NCAError(
                "holds models that are steered by an image's edges (edge_conditioning), which cannot run here."
            )
        tiles = [_tiles(layer, len(self.model_names)) for layer in self.layers]
        (rows, wide), (rows2, wide2) = (_pair(layer.shape) for layer in self.layers)
        hidden = _hidden(rows2, wide, second.bias)
        inputs = rows - (first.bias is not False)
        channels = _channels(inputs - first.pos_emb * len(PLACE), wide2)
        if not hidden or not channels:
            raise NCAError(f"its layers are {(rows, wide)} and {(rows2, wide2)}, which do not fit each other.")

        def net(number: int) -> Dense:
            w1, w2 = tiles[0](number)[:, :hidden], tiles[1](number)[:, :channels]
            b1 = w1[inputs] if inputs < rows else np.zeros(hidden, np.float32)
            return Dense(w1[:inputs].T, b1, w2[:hidden].T, w2[hidden] if hidden < rows2 else None)

        return net


def is_atlas(decoded: Decoded) -> bool:
    """Whether a file may be an atlas, whole or damaged."""
    data = decoded.data
    return (
        decoded.form == "json"
        and isinstance(data, dict)
        and "model_names" in data
        and isinstance(data.get("layers"), list)
    )


def is_later_atlas(decoded: Decoded) -> bool:
    """Whether a file is an atlas of NoiseNCA or DyNCA, whose layers have more keys than those of hexells."""
    if not is_atlas(decoded):
        return False
    marks = {"center", "data_flatten", "pos_emb"}
    return any(isinstance(layer, dict) and marks & layer.keys() for layer in decoded.data["layers"])


def lacks_second_bias(decoded: Decoded) -> bool:
    """Whether an atlas says that its second layer has no bias."""
    second = decoded.data["layers"][-1]
    return isinstance(second, dict) and second.get("bias") is False


def open_atlas(
    atlas: Atlas,
    names: Sequence[str],
    convention: Callable[[Dense, int], Convention],
    hints: Hints,
) -> Makers:
    """Return the makers of an atlas's models.

    names: of the models, as `file_names` makes them.
    convention: what the family's files leave unsaid, for a model's net and number.
    """
    net = atlas.nets()

    def make(number: int, name: str) -> Model:
        weights = net(number)
        return build_model(weights, convention(weights, number), hints, name)

    return make_each(names, make)


def read_atlas(decoded: Decoded) -> Atlas:
    """The atlas in a file. Raises NCAError saying what of it is missing or damaged."""
    if not is_atlas(decoded):
        raise NCAError("is not an atlas of texture NCAs (it lacks `model_names` and `layers`).")
    if len(decoded.data["layers"]) != 2:
        raise NCAError(f"it has {len(decoded.data['layers'])} layers; an atlas of texture NCAs has 2.")
    atlas = converted(decoded.data, Atlas, "a whole atlas of texture NCAs")
    if not atlas.model_names:
        raise NCAError("it names no models.")
    return atlas


def _pair(value: Pair | str) -> Pair:
    """`[49, 96]`, which some files hold as text."""
    if not isinstance(value, str):
        return value
    try:
        pair: Pair = msgspec.json.decode(value, type=Pair)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise NCAError(f"a layer's shape or layout is {value[:40]!r}, not a pair of numbers.") from None
    return pair


def _hidden(rows: int, wide: int, bias: bool | None) -> int:
    """Hidden units from what the second layer takes and the first, padded, gives; 0 if they do not fit."""
    fits = [n for n in (rows - 1, rows) if n <= wide < n + 4]
    # The bias's row may stand where the padding does; then the file's own word decides.
    if len(fits) == 2:
        exact = [n for n in fits if n == wide]
        fits = [rows - bias] if bias is not None else exact
    return fits[0] if fits else 0


def _channels(seen: int, wide: int) -> int:
    """Channels from how much of them the first layer sees and what the second, padded, gives; 0 if they do not fit."""
    fits = (seen // filters for filters in sorted(STENCILS, reverse=True) if seen % filters == 0)
    return next((channels for channels in fits if 3 <= channels <= wide < channels + 4), 0)


def _tiles(layer: AtlasLayer, count: int) -> Callable[[int], F32]:
    """The (inputs + bias, outputs) matrix of a model by its number."""
    (rows, outputs), (across, down) = _pair(layer.shape), _pair(layer.layout)
    wide = -(-outputs // 4)
    if across * down < count:
        raise NCAError(f"a layer of {across}x{down} tiles cannot hold {count} models.")
    size = down * rows, across * wide
    if 4 * math.prod(size) > MAX_NUMBERS:
        raise NCAError("holds over ten million numbers, far more than any texture NCA.")
    texels = functools.cache(lambda: _numbers(layer, size) if layer.data_flatten is not None else _picture(layer, size))

    def tile(number: int) -> F32:
        top, left = number // across * rows, number % across * wide
        part = texels()[top : top + rows, left : left + wide].reshape(rows, 4 * wide)[:, :outputs]
        shares = part.astype(np.float32) / np.float32(255 if part.dtype == np.uint8 else 1)
        with np.errstate(over="ignore", invalid="ignore"):  # Model refuses what is not finite
            weights: F32 = (shares - np.float32(layer.center)) * np.float32(layer.scale)
        return weights

    return tile


def _numbers(layer: AtlasLayer, size: tuple[int, int]) -> F32:
    """(rows, columns, 4) float32."""
    numbers = layer.data_flatten or []
    given = layer.data_shape or (*size, 4)
    if given != (*size, 4) or len(numbers) != 4 * math.prod(size):
        raise NCAError(f"a layer holds {len(numbers)} numbers as {given}; its shape and layout ask for {(*size, 4)}.")
    with np.errstate(over="ignore"):
        return np.array(numbers, np.float32).reshape(given)


def _picture(layer: AtlasLayer, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """(rows, columns, 4) uint8."""
    try:
        packed = base64.b64decode(layer.data.split(",", 1)[-1], validate=True)
        with warnings.catch_warnings(action="ignore"):  # as of odd animations, which no user can act on
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(packed), formats=("PNG",))
        if image.size == size[::-1]:  # looked at first: a small file may claim to be huge
            return np.asarray(image.convert("RGBA"))
    except Exception as error:  # on damaged pictures Pillow raises nearly anything
        raise NCAError(f"a layer's picture is not a whole PNG ({type(error).__name__}).") from None
    raise NCAError(
        f"a layer's picture is {image.width}x{image.height}; its shape and layout ask for {size[1]}x{size[0]}."
    )
