"""`ncaengine sheet`."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.options import Half, Plugins, SizeText, check_seed, find_kernels, parse_size, plural, say
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL.Image import Image

    from ncaengine.core.kernels import Kernel
    from ncaengine.core.model import Model
    from ncaengine.core.types import Size
    from ncaengine.io.contact_sheets import Tile
    from ncaengine.simulation.simulation import Simulation


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Grow models and draw them side by side on a contact sheet."""

    models: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="MODEL [MODEL ...]", help_behavior_hint="(required)"),
    ] = ()
    """Model files, of ncaengine or published (FILE:NAME is one of several in a file). One picture each gives a grid of
    them; with several steps, kernels or --targets, each has a row."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")]
    """The .png to write. A file of that name is overwritten."""
    size: SizeText = "128x128"
    """Cells of each grid, width x height; one number for a square."""
    steps: Annotated[tuple[int, ...], tyro.conf.arg(metavar="STEP [STEP ...]")] = (500,)
    """When to take the pictures, in steps since the seed."""
    kernels: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME [NAME ...]")] = ("square",)
    """Neighbourhoods to grow each model on: see `ncaengine kernels`."""
    seed: int = 0
    """Decides the cells that fire, and a noise seed."""
    scale: int = 2
    """Pixels a cell."""
    targets: Annotated[tuple[str, ...], tyro.conf.arg(metavar="IMAGE [IMAGE ...]")] = ()
    """What each model learned from, shown first in its row: one for each model. An image beside a model file that
    is called NAME_target.png is found by itself."""
    columns: Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="(default: nearly a square)")] = None
    """Pictures side by side in a grid of them."""
    backend: Literal["auto", "gl", "torch"] = "auto"
    """auto: OpenGL, or torch where there is no OpenGL 4.3."""
    half: Half = False
    plugins: Plugins = ()
    """More folders of kernel plugins."""

    def run(self) -> None:
        """Grow the models, with a progress bar, write the sheet and say what is on it."""
        self._check()
        from ncaengine.backends import open_backend
        from ncaengine.formats import model_files
        from ncaengine.io import contact_sheets
        from ncaengine.simulation import simulation

        contact_sheets.check_output(self.output)
        models, size = [model_files.load(path) for path in self.models], parse_size(self.size)
        for name in self.kernels:
            catalogue = find_kernels(self.plugins, name, models)
        kernels = [catalogue.get(name) for name in dict.fromkeys(self.kernels)]
        steps = sorted(set(self.steps))
        self._check_pictures(models, kernels, size, len(steps))
        one = len(steps) * len(kernels) == 1 and not self.targets
        rows: list[list[Tile]] = [[] for _ in models] if one else self._targets(size)
        backend, notice = open_backend(self.backend, self.half)
        if notice:
            say(notice)
        with simulation.Simulation(backend, catalogue, history=0) as sim:
            grown = self._grow(sim, models, kernels, size, steps)
            rows = [[*row, *tiles] for row, tiles in zip(rows, grown, strict=True)]
        names = _names(self.models, models)
        page = self._page(rows, one, names)
        contact_sheets.save(page, self.output)
        pictures = plural(sum(map(len, rows)), "picture")
        print(f"{self.output}: {plural(len(models), 'model')}, {pictures}, {page.width}x{page.height} pixels")

    def _check(self) -> None:
        if not self.models:
            raise NCAError("Name a model to grow.")
        if not self.steps or min(self.steps) < 0:
            raise NCAError("--steps needs numbers of at least 0, for example --steps 500 5000.")
        if not self.kernels:
            raise NCAError("--kernels needs names, for example --kernels square hexagonal.")
        if self.columns is not None and self.columns < 1:
            raise NCAError(f"--columns is {self.columns}; it must be at least 1.")
        if self.targets and len(self.targets) != len(self.models):
            raise NCAError(
                f"--targets names {plural(len(self.targets), 'image')} for {plural(len(self.models), 'model')}; "
                "it needs one for each."
            )
        check_seed(self.seed)

    def _check_pictures(self, models: "Sequence[Model]", kernels: "Sequence[Kernel]", size: "Size", each: int) -> None:
        """What would go wrong only after a long time of growing."""
        from ncaengine.core import lattice, states

        states.check_size(size)
        for model in models:
            for kernel in kernels:
                kernel.require((feature.stencil for feature in model.config.features), model.config.name)
        views = [lattice.whole(kernel, size, self.scale) for kernel in kernels]
        if len(models) * each * sum(v.width * v.height for v in views) > lattice.MAX_PIXELS:
            raise NCAError(
                "So many pictures of this size are too large for one sheet; use a smaller --scale or --size."
            )

    def _targets(self, size: "Size") -> "list[list[Tile]]":
        """The start of each row: the model's target at the grids' scale, or an empty place if only others have one."""
        from ncaengine.core.looks import quantise
        from ncaengine.io import contact_sheets
        from ncaengine.training import targets

        beside = [path.with_name(f"{path.stem}_target.png") for path in self.models]
        names = self.targets or [str(path) if path.is_file() else "" for path in beside]
        if not any(names):
            return [[] for _ in names]

        def tile(name: str) -> "Tile":
            picture = contact_sheets.framed(quantise(targets.load_target(name)), size, self.scale)
            return contact_sheets.Tile(picture, "target")

        return [[tile(name) if name else contact_sheets.EMPTY] for name in names]

    def _grow(
        self,
        sim: "Simulation",
        models: "Sequence[Model]",
        kernels: "Sequence[Kernel]",
        size: "Size",
        steps: "Sequence[int]",
    ) -> "Iterator[list[Tile]]":
        """The pictures of each model in turn."""
        from rich.console import Console
        from rich.progress import Progress

        from ncaengine.io.contact_sheets import Tile
        from ncaengine.simulation.commands import RemoveGrid
        from ncaengine.training.evaluation import grow

        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("", total=len(models) * len(kernels) * steps[-1])
            for model in models:
                progress.update(task, description=model.config.name)
                tiles = []
                for kernel in kernels:
                    grid = sim.add(model, size, kernel.name, rng_seed=self.seed)
                    for step in grow(sim, grid, steps, lambda made: progress.advance(task, made)):
                        tiles.append(Tile(grid.image(self.scale), f"{kernel.name}, {step:,}"))
                    sim.submit(RemoveGrid(grid.id))
                yield tiles

    def _page(self, rows: "list[list[Tile]]", one: bool, names: "Sequence[str]") -> "Image":
        from ncaengine.io import contact_sheets

        if not one:
            return (
                contact_sheets.sheet(rows, names[0]) if len(rows) == 1 else contact_sheets.sheet(rows, headings=names)
            )
        tiles = [contact_sheets.Tile(row[0].picture, name) for row, name in zip(rows, names, strict=True)]
        columns = self.columns or math.ceil(len(tiles) ** 0.5)
        return contact_sheets.sheet([tiles[k : k + columns] for k in range(0, len(tiles), columns)])


def _names(paths: "Sequence[Path]", models: "Sequence[Model]") -> list[str]:
    """The models' names, or the files' where several have one name."""
    names = [model.config.name for model in models]
    return [str(path) if names.count(name) > 1 else name for path, name in zip(paths, names, strict=True)]
