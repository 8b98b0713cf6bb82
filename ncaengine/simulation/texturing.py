"""The part of a Simulation's methods that chooses which textures cells make."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from ncaengine.core import embeddings
from ncaengine.core.brushes import Pattern, Point
from ncaengine.core.embeddings import Wanted
from ncaengine.core.errors import NCAError
from ncaengine.core.given import number, whole
from ncaengine.core.types import U8
from ncaengine.simulation import commands
from ncaengine.simulation.commands import AnyCommand
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.library import Array

MORPH_PARTS = 64
"""The most changes that a morph makes on its way."""


class Texturing:
    """See Simulation; `texture` is the name of one of the grid's textures (Grid.textures), or {name: share}."""

    @abstractmethod
    def submit(self, command: AnyCommand, at_step: int | None = None) -> Grid | None:
        """See Simulation.submit."""

    @abstractmethod
    def register_array(self, name: str, array: Array) -> str:
        """See Simulation.register_array."""

    @abstractmethod
    def grid(self, which: Grid | int | None = None) -> Grid:
        """See Simulation.grid."""

    def paint_texture(
        self, texture: Wanted, path: Point | Sequence[Point], radius: float = 8.0, *, strength: float = 1.0,
        softness: float = 0.3, grid: Grid | int | None = None,
    ) -> None:  # fmt: skip
        """Let cells along points (x, y) in cell widths make a texture; see commands.Paint. Raises NCAError."""
        points, number = commands.as_path(path), self.grid(grid).id
        self.submit(commands.Paint(number, "texture", points, radius, strength, softness, texture=_plain(texture)))

    def blend(
        self, texture: Wanted, other: Wanted = "", pattern: Pattern = "even", count: int = 4, fuzz: float = 0.0,
        grid: Grid | int | None = None,
    ) -> None:  # fmt: skip
        """Let all cells make a texture, or two in a pattern; see commands.Blend. Raises NCAError."""
        number = self.grid(grid).id
        self.submit(commands.Blend(number, _plain(texture), _plain(other), pattern, count, fuzz))

    def lay(self, image: U8 | str, cell: float = 1.0, feather: float = 6.0, grid: Grid | int | None = None) -> None:
        """Lay a picture under a grid; see commands.SetBackdrop. Raises NCAError.

        image: (height, width, 3) uint8, or the name of a registered one; '' takes the picture away.
        """
        name = image_name(self, "picture", image)
        self.submit(commands.SetBackdrop(self.grid(grid).id, name, cell, feather))

    def mark(
        self, texture: str, path: Point | Sequence[Point], radius: float = 8.0, *, shape: commands.Shape = "brush",
        tolerance: int = 24, grid: Grid | int | None = None,
    ) -> None:  # fmt: skip
        """Mark an area of the picture under a grid, in which cells make a texture; see commands.Mark.

        texture: '' lets the picture show again.

        Raises NCAError.
        """
        points, number = commands.as_path(path), self.grid(grid).id
        self.submit(commands.Mark(number, shape, texture, points, radius, tolerance))

    def morph(self, start: Wanted, end: Wanted, steps: int, grid: Grid | int | None = None) -> None:
        """Turn one texture into another of the same model over the next steps, evenly in at most MORPH_PARTS changes.

        It waits for the steps, as commands that are submitted with `at_step` do, and is part of the journal.

        Raises NCAError if a texture isn't the grid's, or `steps` is no whole number of at least 1.
        """
        found, steps = self.grid(grid), whole(steps, "The steps of a morph", 1)
        first, last = (_shares(texture) for texture in (start, end))
        embeddings.placed(found.models, {**first, **last})
        parts, now = min(steps, MORPH_PARTS), found.step
        for part in range(1, parts + 1):
            share = part / parts
            mixture = {n: first.get(n, 0.0) * (1 - share) + last.get(n, 0.0) * share for n in {**first, **last}}
            self.submit(commands.Blend(found.id, mixture, more=part > 1), at_step=now + round(steps * share))


def image_name(sim: Texturing, name: str, image: U8 | str) -> str:
    """Return the name of an image, registered under `name` if it is an array. Raises NCAError."""
    if isinstance(image, str):
        return image
    if getattr(image, "dtype", None) != np.uint8:
        raise NCAError("An image must be the name of a registered one, or an array (height, width, 3) of uint8.")
    return sim.register_array(name, image)


def _shares(texture: Wanted) -> dict[str, float]:
    """Return shares that add up to 1. Raises NCAError if they can't."""
    if isinstance(texture, str):
        return {texture: 1.0}
    if not isinstance(texture, Mapping) or not all(isinstance(name, str) for name in texture):
        raise NCAError(f"A texture is a name, or shares by name, not {texture!r:.60}.")
    shares = {name: number(share, f"The share of {name[:100]!r}") for name, share in texture.items()}
    total = sum(shares.values())
    if not 0 < total < np.inf:
        raise NCAError("A mixture needs shares of at least 0, and one above 0.")
    return {name: share / total for name, share in shares.items()}


def _plain(texture: Wanted) -> str | dict[str, float]:
    return texture if isinstance(texture, str) else _shares(texture)
