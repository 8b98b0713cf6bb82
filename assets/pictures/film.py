"""Make the README's moving picture: `python assets/pictures/film.py [FILE [--draft]]`, by default film.webp here.

The window runs hidden, on a clock of the film's frames, and is driven as a hand would drive it: the pointer moves,
presses and drags, and what is shown is what the window draws. Every frame advances the simulation by the same time, so
the film doesn't depend on how fast the machine is. A draft has two frames a scene.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import imgui_bundle
from imgui_bundle import imgui
from PIL import Image, ImageDraw, ImageFont

import ncaengine as nca
from ncaengine.core import kernels, lattice, resources
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.viewer.actions import grids, tools
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.pacing import Meter
from ncaengine.viewer.window import Window

FPS, LOOP = 100 / 9, 4
"""Frames a second, and how many frames blend the end into the beginning."""
SIZE, STRIP = (880, 496), 52
"""The window, and the height of the strip below it that holds the caption."""
CELLS = (100, 92)
MOST_BYTES = 3_000_000
FONT = Path(imgui_bundle.__file__).parent / "assets/fonts/Roboto/Roboto-Regular.ttf"
BACK, INK, KEY = (18, 19, 22), (230, 231, 233), (47, 93, 80)
Act = Callable[[float], None]


class Stage:
    """The window, its pointer, and the frames so far."""

    def __init__(self, draft: bool = False) -> None:
        self.draft = draft
        self.time, self.frames = 0.0, list[Image.Image]()
        self.pointer: tuple[float, float] | None = None
        models = [nca.load(resources.folder("assets") / f"{name}.safetensors") for name in ("bubbles", "giraffe")]
        options = Options(CELLS, steps_per_second=(120.0,), rng_seed=4)
        self.window = Window(models, options, kernels.discover(), SIZE, hidden=True, clock=lambda: 0.0)
        self.app = self.window.app
        self.app.prefs.show_panel = False
        for pane in self.app.panes:  # speeds as the film shows them, not as this machine draws it
            pane.meter = Meter(clock=lambda: self.time)
        self.window.frame()

    def roll(self, seconds: float, caption: str, act: Act = lambda share: None, key: str = "") -> None:
        """Film for some seconds. `act` gets the share of them that has passed, from 0 to 1, before each frame."""
        frames = 2 if self.draft else round(seconds * FPS)
        for frame in range(frames):
            act(frame / max(frames - 1, 1))
            self.time += 1 / FPS
            self.app.sim.advance(round(TICKS_PER_SECOND / FPS))
            self.app.toasts.clear()
            self.window.frame()
            picture = Image.new("RGB", (SIZE[0], SIZE[1] + STRIP), BACK)
            picture.paste(Image.fromarray(self.window.pixels()))
            if self.pointer:
                arrow(picture, *self.pointer)
            write(picture, caption, key)
            self.frames.append(picture)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel of a point of the selected grid, in cell widths."""
        return self.window.layout.cards.viewports[self.app.grid.id].to_window(x, y)

    def point(self, x: float, y: float, down: bool | None = None) -> None:
        """Move the pointer to a pixel, and press or release the left button."""
        self.pointer = (x, y)
        io = imgui.get_io()
        io.add_mouse_pos_event(x, y)
        if down is not None:
            io.add_mouse_button_event(0, down)


def arrow(picture: Image.Image, x: float, y: float) -> None:
    """Draw the pointer."""
    outline = [(0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (13, 12)]
    scale = 4  # drawn larger, so that its edges are smooth
    layer = Image.new("RGBA", (24 * scale, 26 * scale))
    points = [((px + 2) * scale, (py + 2) * scale) for px, py in outline]
    ImageDraw.Draw(layer).polygon(points, (255, 255, 255), (0, 0, 0), width=int(1.4 * scale))
    small = layer.resize((24, 26), Image.Resampling.LANCZOS)
    picture.paste(small, (round(x) - 2, round(y) - 2), small)


def write(picture: Image.Image, caption: str, key: str) -> None:
    """Write the caption into the strip, after the key that was pressed, if any."""
    pen, font = ImageDraw.Draw(picture), ImageFont.truetype(FONT, 25)
    middle, gap, pad = SIZE[1] + STRIP / 2 - 1, 12, 11
    wide = pen.textlength(caption, font)
    box = pen.textlength(key, font) + 2 * pad if key else 0
    left = (SIZE[0] - wide - box - (gap if key else 0)) / 2
    if key:
        pen.rounded_rectangle((left, middle - 17, left + box, middle + 17), 6, KEY)
        pen.text((left + box / 2, middle), key, INK, font, anchor="mm")
        left += box + gap
    pen.text((left, middle), caption, INK, font, anchor="lm")


def smooth(t: float) -> float:
    """Go from 0 to 1, slowly at both ends."""
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)


def between(start: tuple[float, float], end: tuple[float, float], share: float) -> tuple[float, float]:
    """Return a point on the way from one to another."""
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def once(at: float, action: Callable[[], object]) -> Act:
    """Return an act that runs the action once, at a share of the scene."""
    waiting = [action]

    def act(share: float) -> None:
        if share >= at and waiting:
            waiting.pop()()

    return act


def film(stage: Stage) -> None:
    """Film all scenes."""
    app, (across, down) = stage.app, CELLS

    def dive(start: float, end: float) -> Act:
        """Zoom both grids from one number of pixels a cell to another."""

        def act(share: float) -> None:
            for pane in app.panes:
                x, y = lattice.corner(pane.grid.kernel)
                wide, high = lattice.extent(pane.grid.kernel, pane.grid.size)
                pane.camera.zoom = start * (end / start) ** smooth(share)
                pane.camera.x, pane.camera.y = x + wide / 2, y + high / 2

        return act

    stage.roll(2.0, "Textures grow side by side, each from its seed")
    stage.roll(0.8, "Come closer: every cell runs the same tiny network", dive(3.6, 22))
    stage.roll(0.3, "Come closer: every cell runs the same tiny network")
    stage.roll(1.2, "switches between square and hexagonal cells", once(0.2, lambda: grids.next_kernel(app)), key="K")
    for pane in app.panes:
        pane.camera.fit()
    grids.remove(app, app.panes[1].grid.id)
    stage.roll(0.3, "Resize a grid while it runs")
    x, y = lattice.corner(app.grid.kernel)
    wide, high = lattice.extent(app.grid.kernel, app.grid.size)
    edge = stage.place(x + wide, y + high / 2)
    edge = edge[0] - 1, edge[1]
    target = SIZE[0] - 40.0, edge[1] + 20

    def drag(share: float) -> None:
        if share < 0.25:
            stage.point(*between((edge[0] - 120, edge[1] + 90), edge, smooth(share / 0.25)))
        elif share < 0.35:
            stage.point(*edge, down=True)
        else:
            stage.point(*between(edge, target, smooth((share - 0.35) / 0.55)), down=share < 0.95)

    stage.roll(1.7, "Resize a grid while it runs", drag)
    stage.pointer = None
    imgui.get_io().add_mouse_pos_event(-1e4, -1e4)
    stage.roll(0.8, "Resize a grid while it runs")

    tools.select(app, "model")
    app.brush.model, app.brush.radius, app.brush.shows_map = "giraffe", 13.0, False
    across, down = lattice.extent(app.grid.kernel, app.grid.size)

    def wave(share: float) -> None:
        at = across * (0.14 + 0.72 * share), down * (0.5 + 0.25 * math.sin(7.5 * share))
        stage.point(*stage.place(*at), down=share < 1)

    stage.roll(1.9, "Brush one texture into another", wave)
    stage.roll(0.4, "Brush one texture into another")
    tools.select(app, "erase")
    app.brush.radius = 10.0

    def wipe(share: float) -> None:
        at = across * (0.2 + 0.6 * share), down * (0.75 - 0.5 * share)
        stage.point(*stage.place(*at), down=share < 1)

    stage.roll(0.8, "Erase a part: it grows back", wipe)
    tools.select(app, "look")
    stage.pointer = None
    imgui.get_io().add_mouse_pos_event(-1e4, -1e4)
    stage.roll(1.1, "Erase a part: it grows back")


def save(frames: list[Image.Image], path: str) -> None:
    """Write the loop as a WebP, at the best quality that keeps it below MOST_BYTES."""
    first, last = frames[0], frames[-1]
    frames = list(frames)
    for i in range(LOOP):
        blend = Image.blend(last, first, (i + 1) / (LOOP + 1))
        blend.paste(BACK, (0, SIZE[1], *blend.size))  # two captions over one another can't be read
        frames.append(blend)
    for quality in range(70, 30, -3):
        frames[0].save(
            path, save_all=True, append_images=frames[1:], duration=round(1000 / FPS), loop=0,
            quality=quality, method=4, minimize_size=True,
        )  # fmt: skip
        bytes_ = Path(path).stat().st_size
        print(f"{path}: {len(frames)} frames, quality {quality}, {bytes_ / 1e6:.2f} MB")
        if bytes_ <= MOST_BYTES:
            return


def main(output: str, draft: bool = False) -> None:
    """Film all scenes and save them."""
    stage = Stage(draft)
    with stage.window:
        film(stage)
    save(stage.frames, output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", default=str(Path(__file__).with_name("film.webp")))
    parser.add_argument("--draft", action="store_true")
    given = parser.parse_args()
    main(given.file, given.draft)
