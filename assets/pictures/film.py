"""Twenty seconds of what the window can do: `python assets/pictures/film.py [FILE]`, by default film.mp4 beside this.

The window runs unseen, on a clock of the film's frames, and is driven as a hand would drive it.
"""

import math
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from imgui_bundle import imgui
from PIL import Image, ImageDraw, ImageFont

import ncaengine as nca
from ncaengine import viewer
from ncaengine.core import kernels, resources
from ncaengine.core.types import U8
from ncaengine.io.video import Film
from ncaengine.viewer.actions import grids, history
from ncaengine.viewer.window import Window

FPS, SIZE = 25, (1280, 720)
CELLS = (150, 112)
Act = Callable[[float], None]


class Stage:
    """The window, the film, and the frames' clock."""

    def __init__(self, output: str) -> None:
        self.time, self.film = 0.0, Film(output, FPS)
        models = [nca.load(resources.folder("assets") / f"{name}.safetensors") for name in ("bubbles", "giraffe")]
        options = viewer.Options(CELLS, steps_per_second=(150.0,), rng_seed=4)
        self.window = Window(models, options, kernels.discover(), SIZE, hidden=True, clock=lambda: self.time)
        self.app = self.window.app
        self.app.do(nca.RemoveGrid(2))

    def roll(self, seconds: float, caption: str, act: Act = lambda share: None) -> None:
        """Film for some seconds; `act` is told, frame by frame, how much of them has passed, 0 … 1."""
        frames = round(seconds * FPS)
        for frame in range(frames):
            act(frame / max(frames - 1, 1))
            self.time += 1 / FPS
            for pane in self.app.panes:  # speeds as the film shows them, not as this machine draws it
                pane.meter.clock = lambda: self.time
            self.window.frame()
            self.film.add(captioned(self.window.pixels(), caption))

    def point(self, x: float, y: float, down: bool | None = None) -> None:
        """Put the pointer on a point of the selected grid's plane, and press or let go the left button."""
        io = imgui.get_io()
        io.add_mouse_pos_event(*self.window.layout.panes.spots[self.app.grid.id].place(x, y))
        if down is not None:
            io.add_mouse_button_event(0, down)


def captioned(picture: U8, text: str) -> U8:
    """The frame with a line of text on a dark band near its foot."""
    image = Image.fromarray(picture).convert("RGBA")
    layer = Image.new("RGBA", image.size)
    pen, font = ImageDraw.Draw(layer), ImageFont.load_default(28)
    left, top, right, bottom = pen.textbbox((SIZE[0] * 0.38, SIZE[1] - 120), text, font, anchor="mm")
    pen.rounded_rectangle((left - 22, top - 14, right + 22, bottom + 16), 12, (10, 11, 13, 215))
    pen.text((SIZE[0] * 0.38, SIZE[1] - 120), text, (240, 241, 243), font, anchor="mm")
    return np.asarray(Image.alpha_composite(image, layer).convert("RGB"))


def pressed(path: str, output: str) -> None:
    """The film anew, as small as the web asks for."""
    options = {"crf": "29", "preset": "veryslow", "tune": "animation"}
    with av.open(path) as source, av.open(output, "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode())


def smooth(t: float) -> float:
    """From 0 to 1, slow at both ends."""
    return t * t * (3 - 2 * t)


def main(output: str) -> None:
    """Film all scenes."""
    raw = f"{output}.raw.mp4"
    stage = Stage(raw)
    app, (across, down) = stage.app, CELLS
    middle = across / 2, down / 2

    def once(at: float, *actions: Callable[[], object]) -> Act:
        waiting = list(actions)

        def act(share: float) -> None:
            if share >= at and waiting:
                waiting.pop(0)()

        return act

    def dive(share: float) -> None:
        camera, depth = app.pane.camera, smooth(min(1.0, 2.6 * min(share, 1 - share)))
        camera.zoom, (camera.x, camera.y) = 4.5 * (100 / 4.5) ** depth, middle
        if share == 1:
            camera.fit()

    def spiral(share: float) -> None:
        turn, far = 5.5 * share, 8 + 34 * share
        stage.point(middle[0] + far * math.cos(turn), middle[1] + 0.9 * far * math.sin(turn), down=share < 1)

    def wipe(share: float) -> None:
        stage.point(15 + 120 * share, middle[1] + 25 * math.sin(6 * share), down=share < 1)

    def back(share: float) -> None:
        history.go(app, history.kept(app.grid, round(ages[1] + (ages[0] - ages[1]) * smooth(share))))

    def grow(share: float) -> None:
        app.resize((round(across + 90 * smooth(share)), down))

    with stage.window:
        stage.roll(2.6, "A texture grows from its seed")
        stage.roll(1.9, "Square or hexagonal neighbours, live", once(0.25, app.next_kernel))
        stage.roll(3.0, "Down to the single cells", dive)
        stage.roll(2.0, "Side by side, from the same state", once(0.15, lambda: grids.compare_kernels(app)))
        grids.remove(app, app.grid.id)
        app.select(0)
        app.do(nca.Fill(app.grid.id, "rate", "halves", (0.25, 1.0)))
        app.tools.take("rate")
        stage.roll(2.0, "Regions at different speeds, no seam", once(0.7, lambda: app.tools.take("look")))
        app.tools.take("model")
        app.tools.model, app.tools.radius, app.tools.follow = "giraffe", 11.0, False
        stage.roll(2.6, "Paint one texture into another", spiral)
        stage.roll(0.7, "Paint one texture into another")
        app.tools.take("erase")
        app.tools.radius = 9.0
        stage.roll(1.2, "Cut it: it heals", wipe)
        app.tools.take("look")
        stage.roll(1.2, "Cut it: it heals")
        ages = (max(app.grid.timeline.start, app.grid.age - 600), app.grid.age)
        stage.roll(1.4, "Back through time, step for step", back)
        app.set("paused", False)
        stage.roll(1.4, "Resize while it runs", grow)
        stage.film.close()
    pressed(raw, output)
    Path(raw).unlink()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).with_name("film.mp4")))
