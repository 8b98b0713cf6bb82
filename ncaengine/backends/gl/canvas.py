"""Draw a view of a grid into a texture on the GPU.

The model's plain colours are drawn directly. For every other look, each cell is shaded first, into an image of the
grid's size, because a picture reads a cell several times and some looks take many loads.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import moderngl

from ncaengine.backends.gl.device import Device
from ncaengine.backends.gl.programs import Image, Program
from ncaengine.backends.gl.shader import source
from ncaengine.core.fields import PLANE, Field
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import Raster, View
from ncaengine.core.looks import ALIVE, RAMPS, TINT, TINTS, UPDATE_GAIN, Look, Mode
from ncaengine.core.model import Colour, Config
from ncaengine.core.types import Size

MODES: tuple[Mode, ...] = get_args(Mode)
RASTERS = get_args(Raster)
_UNCHANGED = Colour(1.0, 0.0)


@dataclass(frozen=True)
class ShownGrid:
    """What the canvas draws of a grid."""

    now: moderngl.TextureArray
    """The state: layers of (height, width) vec4, four channels a layer."""
    before: moderngl.TextureArray
    """The state before the last step, of the same shape."""
    fields: moderngl.Texture | None
    """(height, width) vec4 in the order of fields.FIELDS, None for the defaults."""
    size: Size
    """(width, height) in cells."""
    kernel: Kernel
    config: Config


class Canvas:
    """The drawing programs of a device."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._programs: dict[Raster, Program] = {}
        self._shaders: dict[tuple[Mode, str], Program] = {}
        self._shaded: moderngl.TextureArray | None = None

    def draw(self, target: moderngl.Texture, view: View, look: Look, shown: ShownGrid, lines: float = 0.0) -> None:
        """Draw a view that is as large as the texture (RGBA8), top row first.

        lines: how dark the lines between cells are, 0 to 1.
        """
        kernel, colour = shown.kernel, shown.config.colour
        state = shown.now
        if look.mode != "rgb" or (look.overlay and shown.fields is not None):
            state, colour = self._shade(look, shown), _UNCHANGED
        uniforms = {
            "pixels": target.size,
            "size": shown.size,
            "basis_x": kernel.basis[0],
            "basis_y": kernel.basis[1],
            "row_shift": kernel.row_shift(shown.size[1]),
            "origin": (view.x, view.y),
            "scale": view.scale,
            "samples": view.samples(kernel),
            **_colours(colour),
            "lines": lines,
        }
        self.program(view.raster(kernel)).run(target.size, {"state": state}, {"picture": target}, uniforms)

    def _shade(self, look: Look, shown: ShownGrid) -> moderngl.TextureArray:
        """Return an image whose first layer holds the colours of all cells."""
        shaded = self._shaded_image(*shown.now.size[:2])
        reads: dict[str, Image] = {"state": shown.now, "before": shown.before}
        if shown.fields is not None:
            reads["fields"] = shown.fields
        colour, channels = shown.config.colour, shown.config.channels
        uniforms: dict[str, object] = {
            "size": shown.size,
            "row_shift": shown.kernel.row_shift(shown.size[1]),
            "count": channels,
            "channels": look.channels,
            "gain": look.gain * (UPDATE_GAIN / channels if look.mode == "update" else 1),
            **_colours(colour),
            "alive": ALIVE,
            "tint": TINT,
        }
        if look.mode in RAMPS:
            uniforms["ramp"] = list(map(tuple, RAMPS[look.mode]))
        if look.overlay:
            uniforms["tints"] = list(map(tuple, TINTS[look.overlay]))
        program = self.shader(look.mode, look.overlay if shown.fields is not None else "")
        program.run(shown.size, reads, {"shaded": shaded}, uniforms)
        return shaded

    def shader(self, mode: Mode, overlay: Field | Literal[""]) -> Program:
        """Return the program that shades the cells of a grid."""
        if (mode, overlay) not in self._shaders:
            make = partial(source.look_source, MODES.index(mode), PLANE[overlay] + 1 if overlay else 0)
            self._shaders[mode, overlay] = self._device.program(make)
        return self._shaders[mode, overlay]

    def _shaded_image(self, width: int, height: int) -> moderngl.TextureArray:
        """Return the image for the colours of cells, grown if it is too small: grids of all sizes share it."""
        old = self._shaded.size if self._shaded else (0, 0)
        if self._shaded is None or old[0] < width or old[1] < height:
            image = self._device.ctx.texture_array((max(old[0], width), max(old[1], height), 1), 4, dtype="f1")
            image.filter = (moderngl.NEAREST, moderngl.NEAREST)
            if self._shaded:
                self._shaded.release()
            self._shaded = image
        return self._shaded

    def program(self, raster: Raster) -> Program:
        """Return the program that draws a lattice; rectangular cells have simpler ones."""
        if raster not in self._programs:
            self._programs[raster] = self._device.program(partial(source.canvas_source, RASTERS.index(raster)))
        return self._programs[raster]

    def release(self) -> None:
        """Free the image; the programs belong to the device."""
        self._programs.clear()
        self._shaders.clear()
        if self._shaded:
            self._shaded.release()
            self._shaded = None


def _colours(colour: Colour) -> dict[str, object]:
    return {"colour": (colour.scale, colour.offset), "background": (*colour.background, float(colour.alpha))}
