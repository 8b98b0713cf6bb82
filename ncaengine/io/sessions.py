"""Sessions: grids as they are, with everything that they need, in one file (.nca).

It is a safetensors file: states, fields, weights and arrays are tensors, and the rest is JSON in the metadata. Opening
it never runs code from it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np
import safetensors
import safetensors.numpy

from ncaengine.core import fields, states
from ncaengine.core import model as models
from ncaengine.core.errors import NCAError
from ncaengine.core.files import replace_file, unreadable
from ncaengine.core.looks import RGB, Look
from ncaengine.core.model import SEED, WEIGHTS, Config, Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32
from ncaengine.core.validation import explain_invalid
from ncaengine.io import stills
from ncaengine.simulation import commands
from ncaengine.simulation.commands import AnyCommand
from ncaengine.simulation.grid import Grid, Snapshot
from ncaengine.simulation.history import Moment
from ncaengine.simulation.library import Array
from ncaengine.simulation.simulation import Simulation
from ncaengine.simulation.world import Origin

ENDING = ".nca"
METADATA_KEY = "ncaengine session"
"""The entry of the safetensors metadata that holds the header."""
VERSION = 1
"""Grows when older versions of ncaengine can't read the files any more."""
MAX_BYTES, MAX_HEADER = 4 * 2**30, 100_000_000
"""Bytes of a file, and of its header."""
_NOT_A_SESSION = "is not a session of ncaengine; choose one saved as .nca, or a still."
Opened = TypeVar("Opened")
Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class SavedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model. Its weights are the tensors model.INDEX.w1 and so on; INDEX is its place in SessionHeader.models."""

    name: str
    """Its registered name."""
    config: Config
    path: str = ""
    """The file it came from; '' if unknown."""
    sha256: str = ""
    """See weights_hash."""


class SavedGrid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grid. Its state and fields are the tensors grid.ID.state and grid.ID.fields."""

    id: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
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
    pace: str = "0"
    """The fraction of a step that is due, as "1/3"."""
    waiting: tuple[tuple[int, int, AnyCommand], ...] = ()
    """Commands that wait for a step: the step, the order of submission, and the command."""


class SessionHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session without its tensors."""

    version: int
    tick: Count
    """The simulation's time, in 1/TICKS_PER_SECOND s."""
    next_id: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    """The number of the next grid."""
    models: tuple[SavedModel, ...]
    grids: tuple[SavedGrid, ...]
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


def weights_hash(model: Model) -> str:
    """Return the SHA-256 of a model's configuration and weights, in hexadecimal."""
    digest = hashlib.sha256(json.dumps(models.config_to_dict(model.config), sort_keys=True).encode())
    for array in model.arrays().values():
        digest.update(array.tobytes())
    return digest.hexdigest()


def pack_session(
    sim: Simulation,
    grids: Iterable[Grid] | None = None,
    paths: Mapping[str, Path] | None = None,
    window: dict[str, Any] | None = None,
) -> bytes:
    """Return a simulation as the bytes of a session file.

    Timelines, and with them undo, are not saved, and neither are copied cells.

    grids: The grids to save; None saves all of them, and the registered arrays.
    paths: The files that models came from, by registered name.
    window: See SessionHeader.window.
    """
    sim.work()
    chosen = [grid.snapshot() for grid in (sim.grids.values() if grids is None else grids)]
    used = dict.fromkeys(model for grid in chosen for model in grid.moment.models)
    present = Origin(sim.tick, sim.next_id, tuple(chosen))
    return _pack(sim, present, list(used), {} if grids is not None else sim.arrays, paths or {}, window or {})


def pack_origin(sim: Simulation) -> bytes:
    """Return what the journal begins with, and all models and arrays, as the bytes of a session file."""
    return _pack(sim, sim.origin, list(sim.models.values()), sim.arrays, {}, {})


def _pack(
    sim: Simulation, origin: Origin, used: list[Model], arrays: Mapping[str, Array], paths: Mapping[str, Path],
    window: dict[str, Any],
) -> bytes:  # fmt: skip
    names = {model: name for name, model in sim.models.items()}
    tensors: dict[str, Any] = {f"array.{name}": array for name, array in arrays.items()}
    for number, model in enumerate(used):
        tensors |= {f"model.{number}.{name}": array for name, array in model.arrays().items()}
    for grid in origin.grids:
        tensors[f"grid.{grid.id}.state"] = grid.moment.state
        if grid.moment.fields is not None:
            tensors[f"grid.{grid.id}.fields"] = grid.moment.fields
    models_ = tuple(SavedModel(names[m], m.config, str(paths.get(names[m], "")), weights_hash(m)) for m in used)
    grids = tuple(_saved_grid(grid, names) for grid in origin.grids)
    header = SessionHeader(VERSION, origin.tick, origin.next_id, models_, grids, tuple(arrays), window)
    plain = msgspec.to_builtins(header)
    for saved, known in zip(plain["models"], header.models, strict=True):
        saved["config"] = models.config_to_dict(known.config)
    data: bytes = safetensors.numpy.save(tensors, {METADATA_KEY: msgspec.json.encode(plain).decode()})
    return data


def _saved_grid(grid: Snapshot, names: dict[Model, str]) -> SavedGrid:
    m = grid.moment
    return SavedGrid(
        grid.id, tuple(names[model] for model in m.models), m.kernel.name, m.age, m.step, m.edit_count, m.rng_seed,
        m.settings, grid.look, str(grid.gathered), grid.waiting,
    )  # fmt: skip


def unpack_session(data: bytes) -> Session:
    """Open the bytes that `pack_session` made. Raises NCAError, without a file's name, if anything is wrong."""
    with _errors_translated():
        header = _parse_header(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return _checked_session(header, safetensors.numpy.load(data))


@contextmanager
def _errors_translated() -> Iterator[None]:
    """Turn everything that a broken file can raise into an NCAError."""
    try:
        yield
    except msgspec.ValidationError as error:
        raise NCAError(f"is not a valid session; in its header, {explain_invalid(error, SessionHeader)}") from None
    except (safetensors.SafetensorError, msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError,
            RecursionError, OverflowError):  # fmt: skip
        raise NCAError("is not a valid session; copy or save it again.") from None


def _parse_header(data: bytes) -> SessionHeader:
    if not data.startswith(b"{"):
        raise NCAError(_NOT_A_SESSION)
    metadata = json.loads(data).get("__metadata__") or {}
    if METADATA_KEY not in metadata:
        raise NCAError(_NOT_A_SESSION)
    return msgspec.json.decode(metadata[METADATA_KEY], type=SessionHeader)


def _checked_session(header: SessionHeader, tensors: dict[str, Any]) -> Session:
    if header.version > VERSION:
        raise NCAError("was written by a newer ncaengine; update ncaengine to open it.")
    found: dict[str, Model] = {}
    for number, saved in enumerate(header.models):
        weights = {name: tensors[f"model.{number}.{name}"] for name in WEIGHTS}
        if (seed := f"model.{number}.{SEED}") in tensors:
            weights[SEED] = tensors[seed]
        found[saved.name] = models.model_from_dict(models.config_to_dict(saved.config), weights)
    arrays = {name: tensors[f"array.{name}"] for name in header.arrays}
    for grid in header.grids:
        _check_grid(grid, found, tensors)
    if len({grid.id for grid in header.grids}) != len(header.grids):
        raise NCAError("contains two grids with the same number.")
    return Session(header, found, arrays, tensors)


def _check_grid(grid: SavedGrid, found: dict[str, Model], tensors: dict[str, Any]) -> None:
    state, maps = tensors[f"grid.{grid.id}.state"], tensors.get(f"grid.{grid.id}.fields")
    if not grid.models or len(grid.models) > fields.MAX_MODELS or not set(grid.models) <= set(found):
        raise NCAError(f"names models for grid {grid.id} that it does not contain.")
    channels = found[grid.models[0]].config.channels
    if state.ndim != 3 or state.shape[2] != channels or state.dtype != np.float32:
        raise NCAError(f"contains a state for grid {grid.id} that does not fit its model.")
    states.check_size((state.shape[1], state.shape[0]))
    if maps is not None and (maps.dtype != np.float32 or maps.shape != (*state.shape[:2], len(fields.FIELDS))):
        raise NCAError(f"contains maps for grid {grid.id} that do not fit its state.")
    Fraction(grid.pace)  # raises if it is none


def restore_session(sim: Simulation, session: Session) -> None:
    """Replace all grids by the session's, and start the journal again.

    Raises NCAError if a kernel is missing or a grid can't be added; the grids then stay as they were.
    """
    header = session.header
    kernels = [sim.catalogue.get(grid.kernel) for grid in header.grids]
    names = {saved.name: sim.register(session.models[saved.name], saved.name) for saved in header.models}
    fresh: list[Grid] = []
    try:
        for saved, kernel in zip(header.grids, kernels, strict=True):
            state = session.tensors[f"grid.{saved.id}.state"]
            sim.check_size((state.shape[1], state.shape[0]))
            used = tuple(sim.models[names[name]] for name in saved.models)
            maps = session.tensors.get(f"grid.{saved.id}.fields")
            moment = Moment(
                saved.age, saved.marks, saved.step, state, maps, used, kernel, saved.settings, saved.rng_seed
            )
            snapshot = Snapshot(saved.id, moment, saved.look, Fraction(saved.pace), saved.waiting)
            fresh.append(Grid(snapshot, sim.backend, sim.history))
    except BaseException:
        for grid in fresh:
            grid.cells.release()
        raise
    sim.arrays.update(session.arrays)
    sim.take_over(fresh, header.tick, header.next_id)


def write_session(path: Path, data: bytes) -> None:
    """Write the bytes of a session, whole or not at all. Raises NCAError."""
    replace_file(path, data)


def load_session(path: Path) -> Session:
    """Open a session file, or a still (.png) that contains a session. Raises NCAError with the file's name."""
    if path.suffix.lower() != ".png":
        return read_checked(path, unpack_session)
    _, blob = stills.read_still(path)
    if blob is None:
        raise NCAError(f"{path}: is a picture without a session; choose a still saved by ncaengine.")
    try:
        return unpack_session(blob)
    except NCAError as error:
        raise NCAError(f"{path}: its session {error}") from None


def read_header(path: Path) -> SessionHeader:
    """Return the header of a session file without reading its tensors. Raises NCAError with the file's name."""
    try:
        with path.open("rb") as file, _errors_translated():
            return _parse_header(file.read(min(int.from_bytes(file.read(8), "little"), MAX_HEADER)))
    except NCAError as error:
        raise NCAError(f"{path}: {error}") from None
    except OSError as error:
        raise unreadable(path, error) from None


def save_session(sim: Simulation, path: str | Path) -> None:
    """Save all grids of a simulation as a session file (.nca). Raises NCAError."""
    write_session(Path(path), pack_session(sim))


def open_session(sim: Simulation, path: str | Path) -> None:
    """Replace all grids by those of a session file or of a still. Raises NCAError."""
    restore_session(sim, load_session(Path(path)))


def read_checked(path: Path, read: Callable[[bytes], Opened]) -> Opened:
    """Return what `read` makes of a file's bytes. Raises NCAError with the file's name."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NCAError("is larger than 4 GB and can't be a session.")
        return read(path.read_bytes())
    except NCAError as error:
        raise NCAError(f"{path}: {error}") from None
    except (OSError, MemoryError) as error:
        raise unreadable(path, error) from None


def fingerprint(sim: Simulation) -> str:
    """Return a SHA-256 of all grids' steps, states and fields, in hexadecimal; equal only if they are, bit for bit."""
    sim.work()
    digest = hashlib.sha256()
    for number, grid in sorted(sim.grids.items()):
        digest.update(f"{number} {grid.size} {grid.step} {grid.kernel.name} {grid.rng_seed}\n".encode())
        digest.update(grid.state().tobytes())
        digest.update(b"" if grid.fields is None else grid.fields.tobytes())
    return digest.hexdigest()
