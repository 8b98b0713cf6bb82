"""μNCA (Mordvintsev & Niklasson 2021, arXiv:2111.13545): automata of 68 or more numbers.

Files: state dicts of the project's notebook, `w` (channels, 4·channels + 1, 1, 1) with the bias b last; and programs of
the SwissGL demo (github.com/google/swissgl), texts with four 4x4 matrices, column by column, and b; or these numbers as
JSON or float32.
Licence: Apache-2.0.
Read as: x += W·[s, p, |s|, |p|] + b, a net of one layer; each channel of the state s has one filter p. The demo
computes 1e-3·(b + W[0]·s + W[1]·p + W[2]·|s| + W[3]·|p|) on an 8-bit texture t = s + 1/2 and shows 2t - 1/2.
"""

from typing import Any

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Clips, Colour, Config, Feature, Model, Seed
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import Decoded, Family, Hints, Makers, left_out, make_each, quoted, unread_keys
from ncaengine.formats.importers.names import kind_of, meaning_of
from ncaengine.formats.importers.programs import MATRIX, Numbers, numbers_in_text, plain, scale_in_text
from ncaengine.formats.importers.state_dicts import Account, Layers

FILTERS = {4: (2, 1, 1), 6: (2, 2, 2), 8: (4, 2, 2), 12: (4, 4, 4)}
"""By the number of channels: how many have the filter L9, S and its transpose, in this order."""
GAINS = (("laplacian", 4.0), ("gradient_x", 8.0), ("gradient_y", 8.0))
DEMO_SCALE = 1e-3
"""Factor of the demo's weights if they are integers and the program names none."""
KEYS = ("w", "b", "bias", "scale")
"""Keys of a table that are read, in lower case."""
PLAIN = Config(
    hidden=0, absolute=True, activation="linear", fire_rate=1.0, firing="channel", seed=Seed("noise", 1.0),
    kernels=("square",),
)  # fmt: skip
BARE = "a guess: the numbers are whole, so they are taken as thousandths, as the demo's"
DEMO = msgspec.structs.replace(PLAIN, clips=Clips(state=(-0.5, 0.5)), colour=Colour(2.0, 0.5))


def recognise(decoded: Decoded, _: Hints) -> str:
    """Return why a file is of this family, or ''."""
    if decoded.form in ("tensors", "arrays"):
        return "its one array has 4 inputs a channel and a bias" if _array(decoded) is not None else ""
    if decoded.form == "floats":
        return "it is a row of 68 numbers" if len(decoded.data) == MATRIX + 4 else ""
    if decoded.form == "json":
        held = _array(decoded) is not None or _numbers_in_json(decoded.data) is not None
        return "its numbers are a layer of 4 inputs a channel and a bias" if held else ""
    held = decoded.form == "text" and any(numbers_in_text(decoded.data))
    return "its text holds four 4x4 matrices of numbers and a bias" if held else ""


def open_models(decoded: Decoded, _: Hints) -> Makers:
    """Return the maker of the one model, or of each model of a text, by name."""
    for said, value in decoded.stated.items():
        if kind_of(said) == "activation" and meaning_of("activation", str(value)) != "linear":
            raise NCAError(f"says {quoted(said)}, but a μNCA has no hidden units.")
    array = _array(decoded)
    if array is not None:
        config = _with_facts(PLAIN, _unread(decoded))
        return make_each([decoded.name], lambda _, name: _model(array[:, :-1], array[:, -1], config, name))
    rows: list[Numbers] = []
    scale = None
    if decoded.form == "text":
        rows, scale = list(numbers_in_text(decoded.data)), scale_in_text(decoded.data)
    elif decoded.form == "json" and (row := _numbers_in_json(decoded.data)):
        rows, scale = [plain(row)], _scale_in_json(decoded.data)
    elif decoded.form == "floats" and len(decoded.data) == MATRIX + 4:
        rows = [plain(decoded.data.tolist())]
    if not rows:
        raise NCAError("holds no μNCA: it has neither w (channels, 4·channels + 1) nor four 4x4 matrices and a bias.")
    names = [decoded.name, *(f"{decoded.name}-{number}" for number in range(2, len(rows) + 1))]
    config = _with_facts(DEMO, _unread(decoded))
    return make_each(names, lambda number, name: _demo(rows[number], scale, config, name))


def _model(w: F32, b: F32, config: Config, name: str) -> Model:
    channels = len(w)
    if channels not in FILTERS:
        raise NCAError(f"has {channels} channels; a μNCA has 4, 6, 8 or 12.")
    features, first = [Feature("identity")], 0
    for count, (stencil, gain) in zip(FILTERS[channels], GAINS, strict=True):
        features.append(Feature(stencil, gain, tuple(range(first, first + count))))
        first += count
    config = msgspec.structs.replace(config, channels=channels, features=tuple(features), name=name)
    inputs = 4 * channels
    return Model(config, np.zeros((0, inputs), np.float32), np.zeros(0, np.float32), w, b)


def _unread(decoded: Decoded) -> str:
    """Return a sentence about what a file holds beside the one layer; '' if it holds nothing else.

    Raises NCAError for further layers.
    """
    if decoded.form == "tensors":
        account = Account(decoded.data)
        account.use("w")
        return account.close(Layers("w", "its bias"))
    if decoded.form != "json" or not isinstance(decoded.data, dict):
        return ""
    return left_out([key for key in unread_keys(decoded.data, (), decoded.stated) if key.lower() not in KEYS])


def _with_facts(config: Config, unread: str) -> Config:
    return msgspec.structs.replace(config, attribution={"left out": unread} if unread else {})


def _demo(numbers: Numbers, scale: float | None, config: Config, name: str) -> Model:
    """Return the model of the demo's 68 numbers.

    scale: their factor; None for DEMO_SCALE if all are integers, else 1.
    """
    if scale is None:
        scale = DEMO_SCALE if numbers.whole else 1.0
        if numbers.whole:
            config = msgspec.structs.replace(config, attribution={**config.attribution, "reading": BARE})
    with np.errstate(over="ignore"):  # Model refuses what is not finite
        row = np.array(numbers.values, np.float32) * np.float32(scale)
    w = row[:MATRIX].reshape(16, 4).T  # columns, one an input
    return _model(w, row[MATRIX:], config, name)


def _array(decoded: Decoded) -> F32 | None:
    """Return the array w, (channels, 4·channels + 1), or None if it is not there."""
    if decoded.form == "tensors":
        array = decoded.data.get("w") if not any(key.endswith(".weight") for key in decoded.data) else None
    elif decoded.form == "json":
        array = _rows(decoded.data)
    else:
        array = decoded.data if decoded.form == "arrays" else None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or array.ndim not in (2, 4):
        return None
    if array.shape[1] != 4 * array.shape[0] + 1 or array.shape[2:] not in ((), (1, 1)):
        return None
    with np.errstate(over="ignore"):
        return np.asarray(array, np.float32).reshape(array.shape[:2])


def _rows(data: Any) -> F32 | None:
    """Return w from a list of rows of numbers, one per channel; None if it is something else."""
    if not isinstance(data, list) or len(data) not in FILTERS:
        return None
    try:
        rows = msgspec.convert(data, list[list[float]])
    except msgspec.ValidationError:
        return None
    if any(len(row) != 4 * len(rows) + 1 for row in rows):
        return None
    with np.errstate(over="ignore"):
        return np.array(rows, np.float32)


def _numbers_in_json(data: Any) -> list[float] | None:
    """Return the 68 numbers of a list, of nested lists, or of {"W": …, "b": …}; None if they are not there."""
    if isinstance(data, dict):
        named = {key.lower(): value for key, value in data.items()}
        data = [named.get("w"), named.get("b", named.get("bias"))]
    flat: list[float] = []
    todo = [data]
    while todo:
        item = todo.pop()
        if isinstance(item, list) and len(item) + len(todo) <= 2 * MATRIX:
            todo += reversed(item)
        elif type(item) in (int, float) and abs(item) < 1e30 and len(flat) < 2 * MATRIX:
            flat.append(float(item))
        else:
            return None
    return flat if len(flat) == MATRIX + 4 else None


def _scale_in_json(data: Any) -> float | None:
    """Return the factor that a table gives its numbers; None if it gives none."""
    scale = next((v for key, v in data.items() if key.lower() == "scale"), None) if isinstance(data, dict) else None
    if scale is not None and (type(scale) not in (int, float) or not abs(scale) < 1e30):
        raise NCAError(f"its scale is {quoted(scale)}; it must be one number.")
    return scale


FAMILY = Family(
    "mu-nca",
    "Alexander Mordvintsev, Eyvind Niklasson",
    "μNCA: Texture Generation with Ultra-Compact Neural Cellular Automata, arXiv:2111.13545; google/swissgl",
    "Apache-2.0, if published by the project",
    recognise,
    open_models,
)
