"""Makes the README's pictures with the project's own means: `make pictures`."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import ncaengine as nca
from ncaengine import kernels, viewer
from ncaengine.viewer.app import App

HERE = Path(__file__).parent
MODELS = ("bubbles", "giraffe")
BACK, INK = (20, 21, 24), (200, 203, 208)


def growth(steps: tuple[int, ...] = (0, 40, 120, 400, 2000), cells: int = 96, scale: int = 2, gap: int = 12) -> None:
    """growth.png: each model from its seed on, square above and hexagonal below."""
    side, label, line = cells * scale, 118, 30
    high = round(side * 3**0.5 / 2)
    rows = [(name, kernel) for name in MODELS for kernel in ("square", "hexagonal")]
    heights = [side if kernel == "square" else high for _, kernel in rows]
    sheet = Image.new("RGB", (label + len(steps) * (side + gap), line + sum(heights) + len(rows) * gap), BACK)
    pen, small = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for i, step in enumerate(steps):
        pen.text((label + i * (side + gap) + side // 2, line // 2), f"step {step:,}", INK, small, anchor="mm")
    top = line
    with nca.Simulation() as sim:
        for (name, kernel), height in zip(rows, heights, strict=True):
            grid = sim.add(nca.load(HERE.parent / f"{name}.safetensors"), (cells, cells), kernel, rng_seed=1)
            pen.text((14, top + height // 2), f"{name}\n{kernel}", INK, small, anchor="lm", spacing=6)
            for i, step in enumerate(steps):
                if step > grid.step:
                    sim.submit(nca.Step(grid.id, step - grid.step))
                picture = np.ascontiguousarray(grid.image(scale)[:height])
                sheet.paste(Image.fromarray(picture), (label + i * (side + gap), top))
            top += height + gap
    sheet.save(HERE / "growth.png", optimize=True)


def portraits(steps: int = 1000) -> None:
    """NAME.png: each model of assets/."""
    with nca.Simulation() as sim:
        for path in sorted(HERE.parent.glob("*.safetensors")):
            grid = sim.add(nca.load(path), (128, 128), rng_seed=1)
            sim.submit(nca.Step(grid.id, steps))
            Image.fromarray(grid.image(2)).save(HERE / f"{path.stem}.png", optimize=True)
            sim.submit(nca.RemoveGrid(grid.id))


def window(steps: int = 600) -> None:
    """window.png: the window with one model on a square and on a hexagonal grid."""

    def prepare(app: App) -> None:
        second = list(app.sim.grids)[1]
        app.sim.submit(nca.SetKernel(second, "hexagonal"))
        for grid in app.sim.grids:
            app.sim.submit(nca.Step(grid, steps))

    models = [nca.load(HERE.parent / f"{MODELS[0]}.safetensors")] * 2
    options = viewer.Options(size=(128, 128), steps_per_second=(60.0, 15.0))
    viewer.screenshot(models, options, kernels.discover(), HERE / "window.png", prepare=prepare)


if __name__ == "__main__":
    growth()
    portraits()
    window()
