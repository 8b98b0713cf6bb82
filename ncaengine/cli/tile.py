"""`ncaengine tile`."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ncaengine.cli.shared.engine import Engine, EngineFlags, load_models
from ncaengine.cli.shared.flag_effects import NoEffect, only_with
from ncaengine.cli.shared.options import (
    PIXELS,
    SIDES,
    KernelName,
    OutputFile,
    Range,
    Seed,
    Smooth,
    Steps,
    size_text,
)
from ncaengine.cli.shared.output import print_line, print_notice, progress_bar
from ncaengine.cli.shared.relief_flags import MAP_DETAILS, MapFlags, Maps
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from ncaengine.core.model import Model
    from ncaengine.simulation.grid import Grid
    from ncaengine.simulation.simulation import Simulation

MODEL = tyro.conf.arg(metavar="MODEL")
DPI = tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: none is stored)")


@dataclass(frozen=True, kw_only=True)
class Tile:
    """Draw a texture as a picture that tiles: copies of it side by side show no seam."""

    model: Annotated[Path, MODEL, tyro.conf.Positional]
    """A model file, ncaengine's or published (FILE:NAME picks one of several models in a file), or the name of a
    shipped model, for example zebra."""
    output: OutputFile
    """The picture to write: .png, .tif, .jpg or .webp. An existing file is overwritten."""
    pixels: Annotated[tuple[int, int], PIXELS, SIDES] = (1024, 1024)
    """Size of the picture: width x height, or one number for a square."""
    cell: Annotated[float, Range(1, 64)] = 4.0
    """Pixels per cell, about: the number of cells is the nearest that lets the picture close."""
    smooth: Smooth = True
    dpi: Annotated[float | None, DPI, Range(1, 10000)] = None
    """Pixels an inch on paper, for example 300, stored in the file for programs that print it."""
    steps: Steps = 500
    """How many steps the texture grows."""
    kernel: KernelName = "square"
    seed: Seed = 0
    """Random seed: decides which cells fire, and any noise that the grid starts from. Another number gives another
    picture."""
    engine: Engine = field(default_factory=EngineFlags)
    maps: Maps = field(default_factory=MapFlags)

    def run(self) -> None:
        """Grow the texture with a progress bar, write its picture and maps, and print how the picture's edges meet."""
        from ncaengine.core import framing
        from ncaengine.io import picture_files, tiles

        picture_files.check_output(self.output, *self.pixels)
        model = self._load()
        self.maps.check(model, self.output)
        catalogue = self.engine.kernels([self.kernel], [model])
        stretched, size, view = framing.tile(catalogue.get(self.kernel), self.pixels, self.cell)
        view = replace(view, smooth=self.smooth)
        with self.engine.simulation(catalogue) as sim:
            grid = self._grow(sim, model, size)
            picture = tiles.draw_tile(grid, stretched, view)
            picture_files.write_picture(picture, self.output, self.dpi)
            self.maps.write(self.output, grid, stretched, view)
        seams = tiles.find_seams(picture, stretched, view)
        if any(seam.visible for seam in seams):
            print_notice("The edges of the picture don't meet as well as its other cells do.")
        print_line(f"{self.output}: {size_text(self.pixels)} pixels from {size_text(size)} cells, step {self.steps:,}")
        for edges, lines, seam in zip(("left and right", "upper and lower"), ("columns", "rows"), seams, strict=True):
            print(
                f"  {edges} edges differ {seam.change:.2f} times as much as neighbouring {lines} do "
                f"(elsewhere up to {seam.most:.2f} times)"
            )

    def no_effects(self) -> tuple[NoEffect, ...]:
        """Return which flags have no effect."""
        return (only_with("--maps", bool(self.maps.maps), MAP_DETAILS),)

    def _load(self) -> "Model":
        """Open the model. Raises NCAError if it can't tile."""
        [model] = load_models([self.model])
        if model.config.padding != "circular":
            raise NCAError(
                f"{self.model}: its cells see nothing over the edge of a grid (padding {model.config.padding}), so its "
                "pictures don't tile; choose another model."
            )
        return model

    def _grow(self, sim: "Simulation", model: "Model", size: tuple[int, int]) -> "Grid":
        from ncaengine.simulation.rollout import run_to

        grid = sim.add(model, size, self.kernel, rng_seed=self.seed)
        with progress_bar("steps") as progress:
            task = progress.add_task(self.output.name, total=self.steps)
            for _ in run_to(sim, grid, [self.steps], lambda made: progress.advance(task, made)):
                sim.engine.world.look(grid, now=True)
        return grid
