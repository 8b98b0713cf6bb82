"""What a session file holds, and the checks that it has to pass before anything is made of it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

import msgspec
import numpy as np
import safetensors
import safetensors.numpy

from ncaengine.core import backdrops, bounds, embeddings, fields, model_dicts, states
from ncaengine.core.errors import NCAError
from ncaengine.core.looks import RGB, Look
from ncaengine.core.model import SEED, WEIGHTS, Config, Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32
from ncaengine.core.validation import explain_invalid
from ncaengine.simulation import commands, library
from ncaengine.simulation.commands import AnyCommand
from ncaengine.simulation.library import Array

METADATA_KEY = "ncaengine session"
"""The entry of the safetensors metadata that holds the header."""
VERSION = 1
"""Grows when older versions of ncaengine can't read the files any more."""
_NOT_A_SESSION = "is not a session of ncaengine; choose one saved as .nca, or a still."
Count = commands.Made
GridNumber = Annotated[int, bounds.GRID.meta]
PACE = r"^\d{1,500}(/0*[1-9]\d{0,499})?$"
"""The fraction of a step. Its divisor has at most some 440 digits: it divides 3600 · 1 · 2 · … · 1000."""


class SavedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model. Its weights are the tensors model.INDEX.w1 and so on; INDEX is its place in SessionHeader.models."""

    name: str
    """Its registered name."""
    config: Config
    path: str = ""
    """The file it came from; '' if unknown."""
    sha256: str = ""
    """See weights_hash."""


class SavedBackdrop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The picture under a grid. Its areas are the tensor grid.ID.areas, see backdrops.Backdrop."""

    image: str
    """The registered name of the picture."""
    cell: Annotated[float, bounds.CELL_PIXELS.meta]
    feather: Annotated[float, bounds.FEATHER.meta]
    textures: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=100)], ...], msgspec.Meta(max_length=backdrops.MOST_TEXTURES)
    ] = ()


class SavedGrid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grid. Its state and fields are the tensors grid.ID.state and grid.ID.fields."""

    id: GridNumber
    models: tuple[str, ...]
    """The registered names of its models."""
    kernel: str
    """The kernel's name."""
    age: Count
    """Steps since the grid was added."""
    step: Count
    """Steps since the seed."""
    marks: Count
    """Edits made so far."""
    rng_seed: commands.RngSeed
    settings: Settings
    look: Look = RGB
    pace: Annotated[str, msgspec.Meta(max_length=1001, pattern=PACE)] = "0"
    """The fraction of a step that is due, as "1/3"."""
    backdrop: SavedBackdrop | None = None
    """The picture on which it lies."""
    waiting: tuple[tuple[Count, Count, AnyCommand], ...] = ()
    """Commands that wait for a step: the step, the order of submission, and the command."""


class SessionHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session without its tensors."""

    version: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    tick: commands.Ticks
    """The simulation's time, in 1/TICKS_PER_SECOND s."""
    next_id: GridNumber
    """The number of the next grid."""
    models: tuple[SavedModel, ...]
    grids: Annotated[tuple[SavedGrid, ...], msgspec.Meta(max_length=int(bounds.GRIDS.high))]
    arrays: tuple[str, ...] = ()
    """The registered names of images and states; each is the tensor array.NAME."""
    window: dict[str, Any] = {}
    """What the window shows; the simulation does not read it."""


@dataclass(frozen=True, eq=False)
class Session:
    """An opened session."""

    header: SessionHeader
    models: dict[str, Model]
    """By registered name."""
    arrays: dict[str, Array]
    """By registered name."""
    tensors: dict[str, F32]
    """All tensors of the file, by name."""


def unpack_session(data: bytes) -> Session:
    """Open the bytes that `pack_session` made. Raises NCAError, without a file's name, if anything is wrong."""
    with errors_translated():
        header = parse_header(memoryview(data)[8 : 8 + header_size(data)])
        return _checked_session(header, safetensors.numpy.load(data))


@contextmanager
def errors_translated() -> Iterator[None]:
    """Turn everything that a broken file can raise into an NCAError."""
    try:
        yield
    except msgspec.ValidationError as error:
        raise NCAError(f"is not a valid session; in its header, {explain_invalid(error, SessionHeader)}") from None
    except (safetensors.SafetensorError, msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError,
            RecursionError, ArithmeticError):  # fmt: skip
        raise NCAError("is not a valid session; copy or save it again.") from None


class _File(msgspec.Struct):
    """What is read of a file's own header: nothing is made of the rest, which may be large."""

    metadata: dict[str, str] = msgspec.field(default_factory=dict, name="__metadata__")


class _Parts(msgspec.Struct):
    """The parts of a SessionHeader whose size is not that of what is in it."""

    version: int = 0
    window: msgspec.Raw = msgspec.Raw(b"")


def header_size(start: bytes) -> int:
    """Return the number of bytes of a file's header. Raises NCAError if no session has as many."""
    size = int.from_bytes(start[:8], "little")
    if size > bounds.HEADER_BYTES:
        raise NCAError(_NOT_A_SESSION)
    return size


def parse_header(data: bytes | memoryview) -> SessionHeader:
    """Return the header of a session in the header of its file. Raises NCAError and what `errors_translated` takes."""
    if bytes(data[:1]) != b"{":
        raise NCAError(_NOT_A_SESSION)
    header = msgspec.json.decode(data, type=_File).metadata.get(METADATA_KEY)
    if header is None:
        raise NCAError(_NOT_A_SESSION)
    parts = msgspec.json.decode(header, type=_Parts)
    if parts.version > VERSION:
        raise NCAError("was written by a newer ncaengine; update ncaengine to open it.")
    if len(bytes(parts.window)) > bounds.WINDOW_BYTES:
        raise NCAError("holds too much data about the window.")
    return msgspec.json.decode(header, type=SessionHeader)


def _checked_session(header: SessionHeader, tensors: dict[str, Any]) -> Session:
    found: dict[str, Model] = {}
    for number, saved in enumerate(header.models):
        weights = {name: tensors[f"model.{number}.{name}"] for name in WEIGHTS}
        if (seed := f"model.{number}.{SEED}") in tensors:
            weights[SEED] = tensors[seed]
        found[saved.name] = model_dicts.model_from_dict(model_dicts.config_to_dict(saved.config), weights)
    arrays = {name: library.checked_array(tensors[f"array.{name}"]) for name in header.arrays}
    for grid in header.grids:
        _check_grid(grid, found, tensors)
        if grid.backdrop:
            _check_backdrop(grid.id, grid.backdrop, arrays, tensors[f"grid.{grid.id}.areas"])
    if len({grid.id for grid in header.grids}) != len(header.grids):
        raise NCAError("contains two grids with the same number.")
    return Session(header, found, arrays, tensors)


def _check_backdrop(number: int, saved: SavedBackdrop, arrays: dict[str, Array], areas: Any) -> None:
    picture = arrays.get(saved.image)
    if picture is None or picture.dtype != np.uint8:
        raise NCAError(f"names a picture for grid {number} that it does not contain.")
    shape = tuple(math.ceil(side / saved.cell) for side in picture.shape[:2])
    if areas.dtype != np.uint8 or areas.shape != shape or areas.max() > len(saved.textures):
        raise NCAError(f"contains areas for grid {number} that do not fit its picture.")


def _check_grid(grid: SavedGrid, found: dict[str, Model], tensors: dict[str, Any]) -> None:
    state, maps = tensors[f"grid.{grid.id}.state"], tensors.get(f"grid.{grid.id}.fields")
    if not grid.models or len(grid.models) > fields.MAX_MODELS or not set(grid.models) <= set(found):
        raise NCAError(f"names models for grid {grid.id} that it does not contain.")
    channels = found[grid.models[0]].config.channels
    if state.ndim != 3 or state.shape[2] != channels or state.dtype != np.float32:
        raise NCAError(f"contains a state for grid {grid.id} that does not fit its model.")
    states.check_size((state.shape[1], state.shape[0]))
    planes = len(fields.FIELDS) + len(embeddings.first(*(found[name].config for name in grid.models)))
    if maps is not None and (maps.dtype != np.float32 or maps.shape != (*state.shape[:2], planes)):
        raise NCAError(f"contains maps for grid {grid.id} that do not fit its state.")
    for name, info in fields.FIELDS.items():
        plane = np.zeros(1) + info.default if maps is None else maps[..., fields.PLANE[name]]
        if not (plane.min() >= info.low and plane.max() <= info.high):  # which is false for NaN, too
            raise NCAError(f"contains a map ({info.title}) for grid {grid.id} with values out of its range.")
    if maps is not None and not np.isfinite(maps).all():
        raise NCAError(f"contains embeddings for grid {grid.id} that are not finite.")
    if Fraction(grid.pace) >= 1:
        raise NCAError(f"contains a pace for grid {grid.id} that is not a fraction of a step.")
