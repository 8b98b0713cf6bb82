"""Atlases: JSON files in which the demos of hexells, NoiseNCA and DyNCA keep many models.

Each of the two layers is a picture of tiles, one tile for each model. A pixel of a tile is four outputs, a row of
pixels one input, the last row the bias. Model m is at tile column m mod W, row m div W of the `layout` (W, H).
Weights are (pixel - center)·scale, with pixels from 0 to 1. The picture is an 8-bit PNG in base64 (`data`) or numbers
(`data_flatten`). Outputs are padded to a multiple of four, in some files also in `shape`.
"""

import base64
import dataclasses
import functools
import io
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS, Model
from ncaengine.core.types import F32, U8
from ncaengine.formats.importers.base import (
    ASK,
    Decoded,
    Hints,
    Makers,
    bounded_attribution,
    converted,
    left_out,
    make_each,
    unread_keys,
    unread_layer_keys,
)
from ncaengine.formats.importers.dense import PLACE, STENCILS, Convention, Dense, build_model
from ncaengine.formats.limits import too_large

Count = Annotated[int, msgspec.Meta(ge=1, le=10**6)]
Pair = tuple[Count, Count]


class AtlasLayer(msgspec.Struct, frozen=True):
    """One layer of all models, with the keys of the files."""

    scale: float
    shape: Pair | str
    """(inputs + bias, outputs), in some files as text."""
    layout: Pair | str
    """(W, H): tiles across and down, in some files as text."""
    center: float = 127 / 255
    data: str = ""
    """PNG in base64, with or without the start of a data URL."""
    data_flatten: list[float] | None = None
    """Numbers in place of `data`."""
    data_shape: tuple[Count, ...] = ()
    """(rows, columns, 4) of `data_flatten`."""
    bias: bool | None = None
    """Whether the last row is a bias; None if the file doesn't say."""
    pos_emb: bool = False
    """Whether a cell's row and column are inputs."""
    quant_scale_zero: tuple[float, float] | None = None
    """(scale, zero): a byte b of the demo's activations is (b/255 - zero)·scale."""
    edge_conditioning: Any = False


class Atlas(msgspec.Struct, frozen=True):
    """The whole file, with its keys; the pictures are not decoded yet."""

    model_names: list[str]
    layers: tuple[AtlasLayer, AtlasLayer]
    noise_level: float | None = None
    """Level of the noise that the models start from."""
    n_perception_scales: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1
    edge_conditioning: Any = False
    attribution: Any = None
    """One dict of facts for each model; only in atlases that ncaengine exported."""

    def credits(self, number: int) -> dict[str, str]:
        """Return the attribution of a model from the file; empty if the file has none for any model."""
        if not isinstance(self.attribution, list) or number >= len(self.attribution):
            return {}
        facts = self.attribution[number]
        known = bounded_attribution(facts) if isinstance(facts, dict) else {}
        return known if known.keys() & {"authors", "author", "licence"} else {"authors": ASK, "licence": ASK, **known}

    def nets(self) -> Callable[[int], Dense]:
        """Return a function that reads the net of a model from its number.

        It decodes the pictures when it is first called. Both raise NCAError if the atlas is damaged.
        """
        first, second = self.layers
        if any(part.edge_conditioning for part in (self, first, second)):
            raise NCAError(
                "holds models that follow the edges of an image (edge_conditioning), which ncaengine can't run."
            )
        corrected = tuple(
            f"left out, because the numbers contradict it: a layer's shape {given}; they are {held}"
            for given, held in ((_pair(layer.shape), _shape(layer)) for layer in self.layers)
            if given != held
        )
        tiles = [_tiles(layer, len(self.model_names)) for layer in self.layers]
        (rows, wide), (rows2, wide2) = (_shape(layer) for layer in self.layers)
        hidden = _hidden(rows2, wide, second.bias)
        inputs = rows - (first.bias is not False)
        channels = _channels(inputs - first.pos_emb * len(PLACE), wide2)
        if not hidden or not channels:
            raise NCAError(f"its layers have shapes {(rows, wide)} and {(rows2, wide2)}, which do not fit each other.")

        def net(number: int) -> Dense:
            w1, w2 = tiles[0](number)[:, :hidden], tiles[1](number)[:, :channels]
            b1 = w1[inputs] if inputs < rows else np.zeros(hidden, np.float32)
            return Dense(w1[:inputs].T, b1, w2[:hidden].T, w2[hidden] if hidden < rows2 else None, notes=corrected)

        return net


def is_atlas(decoded: Decoded) -> bool:
    """Return whether a file looks like an atlas; it may be damaged."""
    data = decoded.data
    return (
        decoded.form == "json"
        and isinstance(data, dict)
        and "model_names" in data
        and isinstance(data.get("layers"), list)
    )


def is_later_atlas(decoded: Decoded) -> bool:
    """Return whether a file is an atlas of NoiseNCA or DyNCA, whose layers have more keys than those of hexells."""
    if not is_atlas(decoded):
        return False
    marks = {"center", "data_flatten", "pos_emb"}
    return any(isinstance(layer, dict) and marks & layer.keys() for layer in decoded.data["layers"])


def lacks_second_bias(decoded: Decoded) -> bool:
    """Return whether an atlas says that its second layer has no bias."""
    second = decoded.data["layers"][-1]
    return isinstance(second, dict) and second.get("bias") is False


def open_atlas(
    decoded: Decoded,
    atlas: Atlas,
    names: Sequence[str],
    convention: Callable[[Dense, int], Convention],
    hints: Hints,
) -> Makers:
    """Return the makers of a file's models.

    atlas: what `read_atlas` makes of the file.
    names: of the models, as `file_names` makes them.
    convention: what the family's files leave unsaid, for a model's net and number.
    """
    net, data = atlas.nets(), decoded.data
    fields, layer_fields = Atlas.__struct_fields__, AtlasLayer.__struct_fields__
    keys = [*unread_keys(data, fields, decoded.stated), *unread_layer_keys(data["layers"], layer_fields)]
    unread = tuple(filter(None, [left_out(keys)]))

    def make(number: int, name: str) -> Model:
        weights = net(number)
        weights = dataclasses.replace(weights, notes=(*weights.notes, *unread))
        return build_model(weights, convention(weights, number), hints, name)

    return make_each(names, make)


def read_atlas(decoded: Decoded) -> Atlas:
    """Read the atlas in a file. Raises NCAError saying what is missing or damaged."""
    if not is_atlas(decoded):
        raise NCAError("is not an atlas of texture NCAs: it lacks `model_names` and `layers`.")
    if len(decoded.data["layers"]) != 2:
        raise NCAError(f"has {len(decoded.data['layers'])} layers; an atlas of texture NCAs has 2.")
    atlas = converted(decoded.data, Atlas, "a complete atlas of texture NCAs")
    if not atlas.model_names:
        raise NCAError("names no models.")
    return atlas


def _pair(value: Pair | str) -> Pair:
    """Return a pair such as [49, 96], which some files hold as text."""
    if not isinstance(value, str):
        return value
    try:
        pair: Pair = msgspec.json.decode(value, type=Pair)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise NCAError(f"a layer's shape or layout is {value[:40]!r}, not a pair of numbers.") from None
    return pair


def _shape(layer: AtlasLayer) -> Pair:
    """Return (inputs + bias, outputs); of a single tile those of its numbers, which some files' `shape` contradicts."""
    rows, outputs = _pair(layer.shape)
    if _pair(layer.layout) != (1, 1) or layer.data_flatten is None or len(layer.data_shape) != 3:
        return rows, outputs
    held, columns = layer.data_shape[:2]
    if layer.data_shape[2] != 4 or len(layer.data_flatten) != 4 * held * columns:
        return rows, outputs
    return (rows, outputs) if held == rows and -(-outputs // 4) == columns else (held, 4 * columns)


def _hidden(rows: int, wide: int, bias: bool | None) -> int:
    """Return the number of hidden units, or 0 if the layers do not fit.

    rows: of the second layer. wide: padded outputs of the first. bias: whether the second has one, None if not known.
    """
    fits = [n for n in (rows - 1, rows) if n <= wide < n + 4]
    # The last row may be a bias or padding; then the key `bias` decides.
    if len(fits) == 2:
        exact = [n for n in fits if n == wide]
        fits = [rows - bias] if bias is not None else exact
    return fits[0] if fits else 0


def _channels(seen: int, wide: int) -> int:
    """Return the number of channels, or 0 if the layers do not fit.

    seen: inputs of the first layer that are perception. wide: padded outputs of the second.
    """
    fits = (seen // filters for filters in sorted(STENCILS, reverse=True) if seen % filters == 0)
    return next((channels for channels in fits if 3 <= channels <= wide < channels + 4), 0)


def _tiles(layer: AtlasLayer, count: int) -> Callable[[int], F32]:
    """Return a function from a model's number to its (inputs + bias, outputs) matrix."""
    (rows, outputs), (across, down) = _shape(layer), _pair(layer.layout)
    wide = -(-outputs // 4)
    if across * down < count:
        raise NCAError(f"a layer of {across}x{down} tiles cannot hold {count} models.")
    size = down * rows, across * wide
    if 4 * math.prod(size) > MAX_NUMBERS:
        raise too_large()
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
    """Return the layer's numbers, (rows, columns, 4) float32."""
    numbers = layer.data_flatten or []
    given = layer.data_shape or (*size, 4)
    if given != (*size, 4) or len(numbers) != 4 * math.prod(size):
        raise NCAError(f"a layer holds {len(numbers)} numbers as {given}; its shape and layout need {(*size, 4)}.")
    with np.errstate(over="ignore"):
        return np.array(numbers, np.float32).reshape(given)


def _picture(layer: AtlasLayer, size: tuple[int, int]) -> U8:
    """Return the layer's picture, (rows, columns, 4) uint8."""
    try:
        packed = base64.b64decode(layer.data.split(",", 1)[-1], validate=True)
        with warnings.catch_warnings(action="ignore"):  # about odd animations, which no user can act on
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(packed), formats=("PNG",))
        if image.size == size[::-1]:  # checked before decoding: a small file may claim to be huge
            return np.asarray(image.convert("RGBA"))
    except Exception as error:  # on damaged pictures Pillow raises nearly anything
        raise NCAError(f"a layer's picture is not a complete PNG ({type(error).__name__}).") from None
    raise NCAError(f"a layer's picture is {image.width}x{image.height}; its shape and layout need {size[1]}x{size[0]}.")
