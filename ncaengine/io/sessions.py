"""Sessions: grids as they are, with everything that they need, in one file (.nca).

It is a safetensors file: states, fields, weights and arrays are tensors, and the rest is JSON in the metadata. Opening
it never runs code from it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import safetensors
import safetensors.numpy

from ncaengine.core import backdrops, bounds, given, inputs, memory, model_dicts
from ncaengine.core.backdrops import Backdrop
from ncaengine.core.errors import NCAError
from ncaengine.core.files import as_text, check_place, errors_named, replace_file
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.core.types import Size
from ncaengine.io import stills
from ncaengine.io.session_format import (
    METADATA_KEY,
    VERSION,
    SavedBackdrop,
    SavedGrid,
    SavedModel,
    Session,
    SessionHeader,
    errors_translated,
    header_size,
    parse_header,
    unpack_session,
)
from ncaengine.simulation.commands import AnyCommand, SetModel
from ncaengine.simulation.grid import Grid, Snapshot
from ncaengine.simulation.history import Moment
from ncaengine.simulation.library import Array
from ncaengine.simulation.simulation import Simulation
from ncaengine.simulation.world import Origin

ENDING = ".nca"
Opened = TypeVar("Opened")


def weights_hash(model: Model) -> str:
    """Return the SHA-256 of a model's configuration and weights, in hexadecimal."""
    digest = hashlib.sha256(json.dumps(model_dicts.config_to_dict(model.config), sort_keys=True).encode())
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

    grids: The grids to save, with what they need; None saves all of them, and the registered arrays.
    paths: The files that models came from, by registered name.
    window: See SessionHeader.window.
    """
    sim.engine.work()
    chosen = [grid.snapshot() for grid in (sim.grids.values() if grids is None else grids)]
    names = _names(sim)
    used = {names[model]: model for grid in chosen for model in grid.moment.models}
    waiting = [command for grid in chosen for *_, command in grid.waiting]
    used |= {name: model for name, model in sim.models.items() if any(_name(each, "model") == name for each in waiting)}
    present = Origin(sim.tick, sim.engine.world.next_id, tuple(chosen))
    arrays = sim.arrays
    if grids is not None:
        called = {_name(each, kind) for each in waiting for kind in ("image", "array")}
        arrays = {name: array for name, array in sim.arrays.items() if name in called}
        arrays |= {here.name: here.picture for grid in chosen if (here := grid.moment.backdrop)}
    return _pack(sim, present, used, arrays, paths or {}, window or {})


def pack_origin(sim: Simulation) -> bytes:
    """Return what the journal begins with, and all models and arrays, as the bytes of a session file."""
    return _pack(sim, sim.engine.origin, sim.models, sim.arrays, {}, {})


def _pack(
    sim: Simulation, origin: Origin, used: Mapping[str, Model], arrays: Mapping[str, Array], paths: Mapping[str, Path],
    window: dict[str, Any],
) -> bytes:  # fmt: skip
    tensors: dict[str, Any] = {f"array.{name}": array for name, array in arrays.items()}
    for number, model in enumerate(used.values()):
        tensors |= {f"model.{number}.{name}": array for name, array in model.arrays().items()}
    for grid in origin.grids:
        tensors[f"grid.{grid.id}.state"] = grid.moment.state
        if grid.moment.fields is not None:
            tensors[f"grid.{grid.id}.fields"] = grid.moment.fields
        if grid.moment.backdrop is not None:
            tensors[f"grid.{grid.id}.areas"] = grid.moment.backdrop.labels
    models_ = tuple(SavedModel(n, m.config, as_text(str(paths.get(n, ""))), weights_hash(m)) for n, m in used.items())
    grids = tuple(_saved_grid(grid, _names(sim)) for grid in origin.grids)
    header = SessionHeader(VERSION, origin.tick, origin.next_id, models_, grids, tuple(arrays), window)
    plain = msgspec.to_builtins(header)
    for saved, known in zip(plain["models"], header.models, strict=True):
        saved["config"] = model_dicts.config_to_dict(known.config)
    data: bytes = safetensors.numpy.save(tensors, {METADATA_KEY: msgspec.json.encode(plain).decode()})
    sim.engine.world.library.leave()
    return data


def _name(command: AnyCommand, kind: str) -> str:
    """Return the name by which a command calls a model, an image or an array; '' if it calls none."""
    return getattr(command, kind, "")


def _names(sim: Simulation) -> dict[Model, str]:
    """Return the name of each registered model, the last where it has several."""
    return {model: name for name, model in sim.models.items()}


def _saved_grid(grid: Snapshot, names: dict[Model, str]) -> SavedGrid:
    m = grid.moment
    here = SavedBackdrop(b.name, b.cell, b.feather, b.textures) if (b := m.backdrop) else None
    return SavedGrid(
        grid.id, tuple(names[model] for model in m.models), m.kernel.name, m.age, m.step, m.edit_count, m.rng_seed,
        m.settings, grid.look, str(grid.gathered), here, grid.waiting,
    )  # fmt: skip


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
            used = tuple(sim.models[names[name]] for name in saved.models)
            sim.engine.world.check_size((state.shape[1], state.shape[0]), used[0])
            maps = session.tensors.get(f"grid.{saved.id}.fields")
            moment = Moment(
                saved.age, saved.marks, saved.step, state, maps, used, kernel, saved.settings, saved.rng_seed,
                _backdrop(saved, session, kernel, (state.shape[1], state.shape[0])),
            )  # fmt: skip
            waiting = tuple((step, order, _renamed(command, names)) for step, order, command in saved.waiting)
            snapshot = Snapshot(saved.id, moment, saved.look, Fraction(saved.pace), waiting)
            fresh.append(Grid(snapshot, sim.backend, sim.history))
    except BaseException:
        for grid in fresh:
            grid.cells.release()
        raise
    sim.arrays.update(session.arrays)
    sim.engine.take_over(fresh, header.tick, header.next_id)


def _renamed(command: AnyCommand, names: Mapping[str, str]) -> AnyCommand:
    """Return a command that names a model by the name that it has here."""
    if isinstance(command, SetModel) and command.model in names:
        return msgspec.structs.replace(command, model=names[command.model])
    return command


def _backdrop(saved: SavedGrid, session: Session, kernel: Kernel, size: Size) -> Backdrop | None:
    """Return the picture under a grid. Raises NCAError if the grid has another size."""
    if saved.backdrop is None:
        return None
    image, cell = session.arrays[saved.backdrop.image], saved.backdrop.cell
    here = backdrops.backdrop(saved.backdrop.image, image.astype(np.uint8, copy=False), cell, saved.backdrop.feather)
    if size != backdrops.grid_size(kernel, here.size, cell):
        raise NCAError(f"Grid {saved.id} does not have the size of its picture on the kernel {kernel.name!r}.")
    areas = session.tensors[f"grid.{saved.id}.areas"].astype(np.uint8)
    return replace(here, labels=areas, textures=saved.backdrop.textures)


def write_session(path: Path, data: bytes) -> None:
    """Write the bytes of a session, whole or not at all. Raises NCAError."""
    replace_file(path, data)
    memory.give_back()  # packing took several times the size


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
    with errors_named(path), inputs.open_input(path, bounds.SESSION_BYTES) as file, errors_translated():
        return parse_header(file.read(header_size(file.read(8))))


def check_output(path: Path) -> None:
    """Raise NCAError unless a session can be written there."""
    if path.suffix.lower() != ENDING:
        raise NCAError(f"{path}: a session's name ends in {ENDING}; change the ending.")
    check_place(path)


def save_session(sim: Simulation, path: str | Path) -> None:
    """Save all grids of a simulation as a session file (.nca). Raises NCAError."""
    where = given.path(path, "A session")
    check_output(where)
    write_session(where, pack_session(sim))


def open_session(sim: Simulation, path: str | Path) -> None:
    """Replace all grids by those of a session file or of a still. Raises NCAError."""
    restore_session(sim, load_session(given.path(path, "A session")))


def read_checked(path: Path, read: Callable[[bytes], Opened], most: int = bounds.SESSION_BYTES) -> Opened:
    """Return what `read` makes of a file's bytes, at most `most`. Raises NCAError with the file's name."""
    with errors_named(path):
        opened = read(inputs.read_input(path, most))
    memory.give_back()
    return opened


def fingerprint(sim: Simulation) -> str:
    """Return a SHA-256 of all grids' steps, states and fields, in hexadecimal; equal only if they are, bit for bit."""
    sim.engine.work()
    digest = hashlib.sha256()
    for number, grid in sorted(sim.grids.items()):
        digest.update(f"{number} {grid.size} {grid.step} {grid.kernel.name} {grid.rng_seed}\n".encode())
        digest.update(grid.state().tobytes())
        digest.update(b"" if grid.fields is None else grid.fields.tobytes())
    return digest.hexdigest()
