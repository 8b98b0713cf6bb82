"""What a Paint command changes: which cells, by how much, and to what. Only NumPy is used."""

from dataclasses import dataclass

import numpy as np

from ncaengine.core import brushes, lattice, pcg, states
from ncaengine.core.brushes import Patch
from ncaengine.core.embeddings import Placed
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import FIELDS, PLANE, Field
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.core.types import F32, I32, U8, Size
from ncaengine.simulation.commands import Paint


@dataclass(frozen=True, eq=False)
class Surface:
    """The properties of a grid that painting uses."""

    model: Model
    kernel: Kernel
    size: Size
    """(width, height) in cells."""
    rng_seed: int
    edit_count: int
    """Edits made before this one; its noise follows from it."""


@dataclass(frozen=True, eq=False)
class Touch:
    """The cells that a stroke changes."""

    cells: I32
    """(n, 2) int32: column and row of each."""
    weight: F32
    """(n,) float32 in [0, 1]: how much of the target replaces the cell's state."""
    target: F32
    """(n, k) float32: what the first k channels become."""


def on_state(surface: Surface, command: Paint, image: U8 | None, patch: Patch | None) -> Touch:
    """Return the change that a stroke on the state makes. Raises NCAError if there is nothing to paint with."""
    if command.tool == "patch":
        return _pasted(surface, command, patch)
    cells, weight = brushes.stroke(surface.kernel, surface.size, command.path, command.radius, command.softness)
    config = surface.model.config
    if command.tool == "erase":
        target = states.initial_at(surface.model, surface.size, cells, surface.rng_seed)
    elif command.tool == "noise":
        noise = pcg.edit_noise_at(cells, config.channels, surface.edit_count, surface.rng_seed)
        target = noise * np.float32(command.value)
    elif command.tool == "image":
        if image is None:
            raise NCAError(f"There is no image {command.image!r} to paint with; open one first.")
        rgb = brushes.image_at(image, surface.kernel, surface.size, cells)
        target = ((rgb - config.colour.offset) / config.colour.scale).astype(np.float32)
        if config.colour.alpha:  # painted cells are opaque
            target = np.concatenate([target, np.ones_like(target[:, :1])], 1)
    else:
        raise NotImplementedError(f"on_state has no branch for the tool {command.tool!r}.")
    return Touch(cells, weight * np.float32(command.strength), target)


def _pasted(surface: Surface, command: Paint, patch: Patch | None) -> Touch:
    """Return the patch, placed around the path's last point; `softness` sets how its edge fades."""
    if patch is None:
        raise NCAError("Nothing has been copied yet; copy a patch first.")
    column, row = (int(i) for i in lattice.nearest_cell(surface.kernel, *command.path[-1]))
    offsets = brushes.disc(surface.kernel, patch.radius)
    inside, index = brushes.paste(patch, surface.kernel, offsets)
    offsets, index = offsets[inside], index[inside]
    places = lattice.on_torus(
        surface.kernel, surface.size, offsets[:, 0].astype(np.int64) + column, offsets[:, 1].astype(np.int64) + row
    )
    cells, first = np.unique(np.stack(places, 1).astype(np.int32), axis=0, return_index=True)
    (ax, _), (bx, by) = surface.kernel.basis
    at = offsets[first]
    away = np.hypot(at[:, 0] * ax + at[:, 1] * bx, at[:, 1] * by) / patch.radius
    # The rim is never quite 0, so a patch of one cell is pasted, too.
    fade = np.clip((1 - away) / max(command.softness, 1e-6), 0.05 if command.softness else 1, 1)
    channels = min(surface.model.config.channels, patch.state.shape[1])
    weight = (fade * fade * (3 - 2 * fade) * command.strength).astype(np.float32)
    return Touch(cells, weight, np.ascontiguousarray(patch.state[index[first], :channels]))


def on_field(surface: Surface, command: Paint, name: Field, fields: F32) -> None:
    """Paint `value` into a field, in place. Raises NCAError if it is out of the field's range."""
    check(name, command.value)
    cells, weight = brushes.stroke(surface.kernel, surface.size, command.path, command.radius, command.softness)
    weight = weight * np.float32(command.strength)
    column, row = cells[:, 0], cells[:, 1]
    plane, value = fields[..., PLANE[name]], np.float32(command.value)
    now = plane[row, column]
    if name == "model":
        mine = brushes.dither(weight, cells, surface.edit_count, surface.rng_seed)
        plane[row, column] = np.where(mine, np.round(value), now)
    elif name == "angle":  # the shorter way round
        turned = now + weight * ((value - now + 180) % 360 - 180)
        plane[row, column] = (turned + 180) % 360 - 180
    else:
        plane[row, column] = now + weight * (value - now)


def on_texture(surface: Surface, command: Paint, texture: Placed, fields: F32) -> None:
    """Let cells make a texture, in place: blend the embeddings of those that run its model already."""
    cells, weight = brushes.stroke(surface.kernel, surface.size, command.path, command.radius, command.softness)
    weight = weight * np.float32(command.strength)
    mine = brushes.dither(weight, cells, surface.edit_count, surface.rng_seed)
    at, model, count = (cells[:, 1], cells[:, 0]), PLANE["model"], len(FIELDS)
    slot, code = np.float32(texture[0]), np.array(texture[1], np.float32)
    now = fields[at]
    same = np.round(now[:, model]) == slot
    share = np.where(same, weight, mine)[:, None]
    now[:, count:] += share * (code - now[:, count:])
    now[share[:, 0] == 1, count:] = code  # exactly, so that a whole grid of it is one texture
    now[~same & mine, model] = slot
    fields[at] = now


def check(name: Field, *values: float) -> None:
    """Raise NCAError if a value lies outside a field's range."""
    spec = FIELDS[name]
    for value in values:
        if not spec.low <= value <= spec.high:
            raise NCAError(f"{spec.title} is {value:g}; in a map it must be from {spec.low:g} to {spec.high:g}.")
