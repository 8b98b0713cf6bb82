"""Make the pictures of the README and docs/: `python assets/pictures/make.py [NAME ...]`, by default all."""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import ncaengine as nca
from ncaengine.cli import main
from ncaengine.core import kernels
from ncaengine.core.model import Model
from ncaengine.io.fonts import typeface
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.rollout import rollout
from ncaengine.viewer.actions import pictures, tools
from ncaengine.viewer.panels import sidebar
from ncaengine.viewer.screenshot import screenshot
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options

HERE = Path(__file__).parent
ASSETS = HERE.parent
MODELS = ("bubbles", "giraffe")
BACK, INK = (20, 21, 24), (200, 203, 208)


def growth(steps: tuple[int, ...] = (0, 40, 120, 400, 2000), cells: int = 96, scale: int = 2, gap: int = 12) -> None:
    """Make growth.png: two models growing from their seeds, on square and hexagonal lattices."""
    side, label, line = cells * scale, 118, 30
    high = round(side * 3**0.5 / 2)
    rows = [(name, kernel) for name in MODELS for kernel in ("square", "hexagonal")]
    heights = [side if kernel == "square" else high for _, kernel in rows]
    sheet = Image.new("RGB", (label + len(steps) * (side + gap), line + sum(heights) + len(rows) * gap), BACK)
    pen, small = ImageDraw.Draw(sheet), typeface(15)
    for i, step in enumerate(steps):
        pen.text((label + i * (side + gap) + side // 2, line // 2), f"step {step:,}", INK, small, anchor="mm")
    top = line
    with nca.Simulation() as sim:
        for (name, kernel), height in zip(rows, heights, strict=True):
            model = nca.load(ASSETS / f"{name}.safetensors")
            pen.text((14, top + height // 2), f"{name}\n{kernel}", INK, small, anchor="lm", spacing=6)
            for i, grid in enumerate(rollout(sim, model, steps, cells, kernel, rng_seed=1)):
                picture = np.ascontiguousarray(grid.image(scale)[:height])
                sheet.paste(Image.fromarray(picture), (label + i * (side + gap), top))
            top += height + gap
    sheet.save(HERE / "growth.png", optimize=True)


def window(steps: int = 600) -> None:
    """Make window.png: the window with one model on a square and on a hexagonal grid."""

    def prepare(app: App) -> None:
        second = list(app.sim.grids)[1]
        app.sim.submit(nca.SetKernel(second, "hexagonal"))
        for grid in app.sim.grids:
            app.sim.submit(nca.Step(grid, steps))

    models = [nca.load(ASSETS / f"{MODELS[0]}.safetensors")] * 2
    options = Options(size=(128, 128), steps_per_second=(60.0, 15.0))
    screenshot(models, options, kernels.discover(), HERE / "window.png", prepare=prepare)


def maps(cells: int = 128, scale: int = 3, gap: int = 12, line: int = 34) -> None:
    """Make maps.png: two textures on one grid, a rate map, and two alignments, after 1,500 steps."""
    shown: list[tuple[str, Image.Image]] = []
    with nca.Simulation() as sim:

        def show(title: str, grid: Grid) -> None:
            sim.step(1500, grid)
            shown.append((title, Image.fromarray(grid.image(scale))))

        def model(name: str) -> Model:
            return nca.load(ASSETS / f"{name}.safetensors")

        grid = sim.add(model("bubbles"), (cells, cells), rng_seed=2)
        sim.submit(nca.SetModel(grid.id, sim.register(model("giraffe")), 1))
        path = [(cells * (0.5 + 0.3 * np.cos(t)), cells * (0.5 + 0.3 * np.sin(t))) for t in np.linspace(0, 4.4, 40)]
        sim.paint("model", path, cells / 7, 1, softness=0.5, grid=grid)
        show("two models on one grid", grid)
        grid = sim.add(model("coral"), (cells, cells), rng_seed=2)
        sim.fill("rate", "halves", (0.25, 1), grid=grid)
        show("left half at a quarter of the speed", grid)
        for title, name, pattern in (
            ("aligned around a point", "scales", "polar"),
            ("aligned between two poles", "zebra", "bipolar"),
        ):
            grid = sim.add(model(name), (cells, cells), rng_seed=2)
            sim.fill("angle", pattern, (0, 0), grid=grid)
            show(title, grid)
    side = cells * scale
    sheet = Image.new("RGB", (len(shown) * (side + gap) - gap, side + line), BACK)
    pen, small = ImageDraw.Draw(sheet), typeface(17)
    for i, (title, picture) in enumerate(shown):
        sheet.paste(picture, (i * (side + gap), 0))
        pen.text((i * (side + gap) + side // 2, side + line // 2 + 2), title, INK, small, anchor="mm")
    sheet.save(HERE / "maps.png", optimize=True)


def cells(steps: int = 600) -> None:
    """Make cells.png: the window zoomed in until every cell shows its channels, on both lattices."""

    def prepare(app: App) -> None:
        app.sim.submit(nca.SetKernel(2, "hexagonal"))
        for pane in app.panes:
            app.sim.step(steps, pane.grid)
            app.sim.set("paused", True, pane.grid)
            pane.camera.zoom, pane.camera.x, pane.camera.y = 100, 40, 40
        app.prefs.show_panel = False

    models = [nca.load(ASSETS / "scales.safetensors")] * 2
    options = Options(size=(96, 96))
    screenshot(models, options, kernels.discover(), HERE / "cells.png", (1280, 640), prepare=prepare)


def textures(steps: int = 250) -> None:
    """Make textures.png: the window with a model of many textures, of which four are painted on one grid."""

    def prepare(app: App) -> None:
        sim = app.sim
        app.prefs.closed = [section.title for section in sidebar.SECTIONS if section.title not in ("Model", "Textures")]
        sim.blend("zebra", "giraffe", "halves", fuzz=8)
        sim.step(steps)
        sim.paint_texture("bubbles", (48, 48), radius=22, softness=0.5)
        sim.paint_texture("scales", (110, 60), radius=24, softness=0.5)
        sim.step(steps)
        tools.select(app, "texture")

    models, options = [nca.load(ASSETS / "many.safetensors")], Options(size=(160, 110))
    screenshot(models, options, kernels.discover(), HERE / "textures.png", prepare=prepare)


def filled(size: int = 400) -> None:
    """Make filled.jpg: a landscape whose hills are filled, as by the first command of docs/filling.md."""
    sys.path.append(str(ASSETS.parent / "tests"))
    from scenes import write

    with tempfile.TemporaryDirectory() as folder:
        *command, _ = write("hills", Path(folder), size)
        main([*map(str, command), str(HERE / "filled.jpg")])


def areas(size: int = 360) -> None:
    """Make areas.png: the window with a landscape whose hills and sun the wand marked, and whose shore a lasso."""
    sys.path.append(str(ASSETS.parent / "tests"))
    from scenes import write

    def prepare(app: App) -> None:
        app.prefs.closed = [section.title for section in sidebar.SECTIONS if section.title not in ("Areas", "Brush")]
        with tempfile.TemporaryDirectory() as folder:
            write("hills", Path(folder), size)
            pictures.open_picture(app, Path(folder) / "hills.png")
        app.sim.remove(1)
        app.sync()
        for texture, across, down in (("pebbles", 0.5, 0.9), ("zebra", 0.7, 0.24)):
            app.sim.mark(texture, (size * across, size * down), shape="wand", grid=app.grid)
        shore = [(size * x, size * (0.75 + 0.08 * np.sin(5 * x))) for x in np.linspace(0, 1, 40)]
        app.sim.mark("scales", [*shore, (size, size), (0, size)], shape="lasso", grid=app.grid)
        app.sim.step(400, app.grid)
        app.sim.set("paused", True, app.grid)

    models = [nca.load(ASSETS / "many.safetensors")]
    screenshot(models, Options((64, 64)), kernels.discover(), HERE / "areas.png", seconds=15, prepare=prepare)


def keys() -> None:
    """Write the table of keys into docs/window.md."""
    from ncaengine.viewer.keymap_markdown import table

    _write("docs/window.md", "keys", table())


def addresses() -> None:
    """Write the table of OSC's addresses into docs/osc.md."""
    from ncaengine.simulation.addresses import markdown

    _write("docs/osc.md", "addresses", markdown())


def formats() -> None:
    """Write the table of kinds of recordings into docs/recording.md."""
    from ncaengine.io.kinds import markdown

    _write("docs/recording.md", "formats", markdown())


def names() -> None:
    """Write the table of public names into docs/api.md."""
    from runpy import run_path

    docs = ASSETS.parent / "docs"
    _write(
        "docs/api.md", "names", run_path(str(docs / "reference.py"))["overview"]((docs / "api.md").read_text("utf-8"))
    )


def _write(page: str, mark: str, table: str) -> None:
    """Write a table into a page, between <!-- mark --> and <!-- /mark -->."""
    path = ASSETS.parent / page
    head, _, rest = path.read_text("utf-8").partition(f"<!-- {mark} -->\n")
    path.write_text(f"{head}<!-- {mark} -->\n{table}<!-- /{mark} -->{rest.partition(f'<!-- /{mark} -->')[2]}", "utf-8")


def sizes() -> None:
    """Print the megabytes of a second, or of a picture, that io/kinds.py states."""
    from ncaengine.io.film import Film
    from ncaengine.io.kinds import KINDS

    with nca.Simulation() as sim, tempfile.TemporaryDirectory() as folder:
        grid = sim.add("zebra", (512, 512))
        sim.step(600, grid)
        states = []
        for _ in range(60):
            sim.step(2, grid)
            states.append(grid.image())
        for kind in KINDS:
            path = Path(folder) / f"a{kind.ending}"
            if kind.states:
                with nca.Recording(path, sim, grid) as video:
                    video.capture()
            else:
                with Film(path if path.suffix else f"{path}/") as film:
                    for picture in states[: kind.fps]:
                        film.add(picture)
            files = list(path.iterdir()) if path.is_dir() else [path]
            print(f"{kind.ending}: {sum(file.stat().st_size for file in files) / 1e6:.2g} MB", flush=True)
    print(f"y4m, rgb24, rgba: {512 * 512 * 3 * 60 / 1e6:.2g} MB, rgba a third more")


PICTURES = (growth, window, maps, cells, textures, filled, areas, keys, addresses, formats, names)
"""What is made by default."""
MEASURED = (sizes,)

if __name__ == "__main__":
    for make in (*PICTURES, *MEASURED):
        if make.__name__ in (sys.argv[1:] or [each.__name__ for each in PICTURES]):
            make()
