"""`ncaengine sheet`."""

import math
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ncaengine.cli.shared.engine import Engine, EngineFlags, load_models
from ncaengine.cli.shared.flag_effects import NoEffect, only_with
from ncaengine.cli.shared.options import (
    SIZE,
    Models,
    OutputFile,
    Pixels,
    Range,
    Seed,
    Smooth,
    size_text,
)
from ncaengine.cli.shared.output import print_line, progress_bar
from ncaengine.cli.shared.targets import load_target
from ncaengine.core import bounds
from ncaengine.core.errors import NCAError
from ncaengine.core.texts import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL.Image import Image

    from ncaengine.core.kernels import Kernel
    from ncaengine.core.lattice import View
    from ncaengine.core.model import Model
    from ncaengine.core.types import Size
    from ncaengine.io.backgrounds import Background
    from ncaengine.io.contact_sheets import Tile
    from ncaengine.simulation.simulation import Simulation

TARGETS = tyro.conf.arg(metavar="IMAGE [IMAGE ...]", help_behavior_hint="(default: none)")
BACKGROUND = tyro.conf.arg(metavar="TEXT", help_behavior_hint="(default: the model's, white)")
DEFAULT_SIZE = (128, 128)
SIZE_HINT = tyro.conf.arg(help_behavior_hint=f"(default: {size_text(DEFAULT_SIZE)}, or from --pixels)")
COLUMNS = tyro.conf.arg(metavar="N", help_behavior_hint="(default: as many as make the sheet nearly square)")


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Grow models and draw them side by side on a contact sheet."""

    models: Models = ()
    """Model files, ncaengine's or published (FILE:NAME picks one of several models in a file). With one picture per
    model, the pictures are laid out in columns; with several steps, kernels or --targets, each model has a row."""
    output: OutputFile
    """The .png to write. An existing file is overwritten."""
    size: Annotated[tuple[int, int] | None, SIZE, SIZE_HINT] = None
    """Size of each grid in cells: width x height, or one number for a square."""
    pixels: Pixels = None
    """Size of the sheet in pixels, for example 3840x2160; the grids get the cells that fill it. Leave out --size."""
    smooth: Smooth = False
    steps: Annotated[tuple[int, ...], tyro.conf.arg(metavar="STEP [STEP ...]"), Range(0, bounds.RUN.high)] = (500,)
    """When to take the pictures, in steps from the seed."""
    kernels: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME [NAME ...]")] = ("square",)
    """Neighbourhoods to grow each model on; `ncaengine kernels` lists them all."""
    seed: Seed = 0
    """Random seed: decides which cells fire, and any noise that the grid starts from."""
    scale: Annotated[int, Range(1, bounds.SCALE.high)] = 2
    """Pixels per cell."""
    background: Annotated[str, BACKGROUND] = ""
    """What lies behind the transparent cells of growing pictures: transparent (the page then has no background,
    either), or a colour such as black or #ff8800."""
    targets: Annotated[tuple[str, ...], TARGETS] = ()
    """The image that each model was trained on, one per model; it is shown first in the model's row. An image named
    NAME_target.png next to the model file is found automatically."""
    columns: Annotated[int | None, COLUMNS, Range(1, bounds.COUNT.high)] = None
    """Pictures per row, if each model has one picture."""
    engine: Engine = field(default_factory=EngineFlags)

    def run(self) -> None:
        """Grow the models with a progress bar, write the sheet and print what it shows."""
        self._check()
        from ncaengine.io import contact_sheets

        contact_sheets.check_output(self.output)
        models = load_models(self.models)
        behind = self._background(models)
        catalogue = self.engine.kernels(self.kernels, models)
        kernels = [catalogue.get(name) for name in dict.fromkeys(self.kernels)]
        steps = sorted(set(self.steps))
        names = _names(self.models, models)
        is_grid = self._is_grid
        targets = [] if is_grid else self._find_targets()
        captions = ["target"] * bool(targets) + [_caption(kernel, step) for kernel in kernels for step in steps]
        tile = self._fit(captions, is_grid, names) if self.pixels else None
        places = self._places(kernels, tile)
        self._check_pictures(models, kernels, places, len(steps))
        cells = (tile[0] // self.scale, tile[1] // self.scale) if tile else places[0][0]
        rows = self._target_tiles(targets, cells) if targets else [[] for _ in models]
        with self.engine.simulation(catalogue) as sim:
            grown = self._grow(sim, models, kernels, places, steps, behind)
            rows = [[*row, *tiles] for row, tiles in zip(rows, grown, strict=True)]
        page = self._page(rows, is_grid, names)
        page = contact_sheets.padded(page, self.pixels) if self.pixels else page
        contact_sheets.save_picture(page, self.output)
        pictures = plural(sum(map(len, rows)), "picture")
        print_line(f"{self.output}: {plural(len(models), 'model')}, {pictures}, {page.width}x{page.height} pixels")

    @property
    def _is_grid(self) -> bool:
        return len(set(self.steps)) * len(set(self.kernels)) == 1 and not self.targets

    def no_effects(self) -> tuple[NoEffect, ...]:
        """Return which flags have no effect."""
        return (
            only_with("one picture for each model; with several, each model has a row", self._is_grid, "columns"),
            NoEffect(self.pixels is not None, "size",
                     "does not work with --pixels, which chooses the cells of each grid; leave it out."),
        )  # fmt: skip

    def _check(self) -> None:
        if not self.models:
            raise NCAError("Name a model to grow.")
        if not self.steps:
            raise NCAError("--steps needs numbers, for example --steps 500 5000.")
        if not self.kernels:
            raise NCAError("--kernels needs names, for example --kernels square hexagonal.")
        if self.targets and len(self.targets) != len(self.models):
            raise NCAError(
                f"--targets names {plural(len(self.targets), 'image')} for {plural(len(self.models), 'model')}; "
                "give one for each."
            )

    def _fit(self, captions: "Sequence[str]", is_grid: bool, names: "Sequence[str]") -> tuple[int, int]:
        """Return the size in pixels of each picture of a sheet of --pixels. Raises NCAError if there is no room."""
        import numpy as np

        from ncaengine.io import contact_sheets

        assert self.pixels is not None

        def page(size: tuple[int, int]) -> tuple[int, int]:
            blank = np.zeros((size[1], size[0], 3), np.uint8)
            rows = [[contact_sheets.Tile(blank, caption) for caption in captions] for _ in names]
            return self._page(rows, is_grid, names).size

        columns = self._columns(len(names)) if is_grid else len(captions)
        rows = math.ceil(len(names) / columns) if is_grid else len(names)
        return contact_sheets.fit_tiles(rows, columns, self.pixels, page)

    def _places(self, kernels: "Sequence[Kernel]", tile: tuple[int, int] | None) -> "list[tuple[Size, View]]":
        """Return the cells of a grid on each kernel, and the view of its picture. tile: pixels of each picture."""
        from ncaengine.core import framing, lattice, states

        if tile is None:
            size = self.size or DEFAULT_SIZE
            states.check_size(size)
            views = [(size, lattice.whole_view(kernel, size, self.scale)) for kernel in kernels]
        else:
            sizes = [framing.cells_for(kernel, tile, self.scale) for kernel in kernels]
            views = [
                (size, framing.view_filled(kernel, size, tile)) for kernel, size in zip(kernels, sizes, strict=True)
            ]
        return [(size, replace(view, smooth=self.smooth)) for size, view in views]

    def _check_pictures(
        self, models: "Sequence[Model]", kernels: "Sequence[Kernel]", places: "Sequence[tuple[Size, View]]", steps: int
    ) -> None:
        """Raise NCAError now for problems that would otherwise appear only after minutes of growing."""
        from ncaengine.core import lattice, stencils

        for model in models:
            for kernel in kernels:
                stencils.require(model.config, kernel)
        if len(models) * steps * sum(view.width * view.height for _, view in places) > lattice.MAX_PIXELS:
            raise NCAError(
                "This many pictures of this size are too large for one sheet; use a smaller --scale or --size."
            )

    def _find_targets(self) -> list[str]:
        """Return the file of each model's target, '' where it has none; an empty list if no model has one."""
        found = [_target_beside(path) for path in self.models]
        names = [*self.targets] or [str(path) if path.is_file() else "" for path in found]
        return names if any(names) else []

    def _target_tiles(self, names: "Sequence[str]", cells: tuple[int, int]) -> "list[list[Tile]]":
        """Return the start of each row: the model's target at the scale of the grids, or an empty tile.

        cells: the size of a grid.
        """
        from ncaengine.core.looks import quantise
        from ncaengine.io import contact_sheets

        def tile(name: str) -> "Tile":
            picture = contact_sheets.frame_target(quantise(load_target(name)), cells, self.scale)
            return contact_sheets.Tile(picture, "target")

        return [[tile(name) if name else contact_sheets.EMPTY] for name in names]

    def _background(self, models: "Sequence[Model]") -> "Background | None":
        from ncaengine.io.backgrounds import parse_background

        if self.background and not any(model.config.colour.alpha for model in models):
            raise NCAError("None of these models has transparent cells; leave out --background.")
        return parse_background(self.background) if self.background else None

    def _grow(
        self, sim: "Simulation", models: "Sequence[Model]", kernels: "Sequence[Kernel]",
        places: "Sequence[tuple[Size, View]]", steps: "Sequence[int]", background: "Background | None",
    ) -> "Iterator[list[Tile]]":  # fmt: skip
        """Yield the tiles of each model in turn."""
        from ncaengine.io.backgrounds import picture_over
        from ncaengine.io.contact_sheets import Tile
        from ncaengine.simulation.rollout import rollout

        with progress_bar("steps") as progress:
            task = progress.add_task("", total=len(models) * len(kernels) * steps[-1])
            for model in models:
                progress.update(task, description=model.config.name)
                behind = background if model.config.colour.alpha else None
                tiles = []
                for kernel, (size, view) in zip(kernels, places, strict=True):
                    for grid in rollout(
                        sim, model, steps, size, kernel.name, self.seed, lambda made: progress.advance(task, made)
                    ):
                        sim.engine.world.look(grid, now=True)
                        tiles.append(Tile(picture_over(grid, behind, view), _caption(kernel, grid.step)))
                yield tiles

    def _page(self, rows: "list[list[Tile]]", is_grid: bool, names: "Sequence[str]") -> "Image":
        from ncaengine.io import contact_sheets

        bare = self.background == "transparent"
        longest = 0 if self.pixels else contact_sheets.LONGEST
        sheet = partial(contact_sheets.contact_sheet, transparent=bare, longest=longest)
        if is_grid:
            tiles = [contact_sheets.Tile(row[0].picture, name) for row, name in zip(rows, names, strict=True)]
            columns = self._columns(len(tiles))
            return sheet([tiles[k : k + columns] for k in range(0, len(tiles), columns)])
        return sheet(rows, names[0]) if len(rows) == 1 else sheet(rows, headings=names)

    def _columns(self, pictures: int) -> int:
        return self.columns or math.ceil(pictures**0.5)


def _caption(kernel: "Kernel", step: int) -> str:
    return f"{kernel.name}, step {step:,}"


def _target_beside(given: Path) -> Path:
    """Return where the target of a model lies if the model was trained here or is shipped."""
    from ncaengine.formats import model_files

    file, name = model_files.split_path(model_files.find_file(given))
    return file.with_name(f"{name or file.stem}_target.png")


def _names(paths: "Sequence[Path]", models: "Sequence[Model]") -> list[str]:
    """Return the models' names, or the files' names where several models have one name."""
    names = [model.config.name for model in models]
    return [str(path) if names.count(name) > 1 else name for path, name in zip(paths, names, strict=True)]
