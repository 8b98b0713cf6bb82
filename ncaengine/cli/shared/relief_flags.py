"""Flags for height and normal maps beside a picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.shared.options import Range
from ncaengine.cli.shared.output import print_line

if TYPE_CHECKING:
    from ncaengine.core.kernels import Kernel
    from ncaengine.core.lattice import View
    from ncaengine.core.model import Model
    from ncaengine.simulation.grid import Grid

MAPS = tyro.conf.arg(
    metavar="{normal,height} [...]",
    help="Write maps beside the picture, as zebra_normal.png, for programs that light the texture. The height map has "
    "16 bits where the format allows.",
    help_behavior_hint="(default: none)",
)
FROM = tyro.conf.arg(
    metavar="SOURCE",
    help="What is high: luminance (bright cells), red, green, blue, alpha, or the number of a channel.",
)
STRENGTH = tyro.conf.arg(
    help="How far the highest cell lies above the lowest in the normal map, in cell widths; below 0, what is dark is "
    "high."
)
DIRECTX = tyro.conf.arg(
    help="Let green point down in the normal map, as DirectX and Unreal want it, instead of up, as OpenGL, Blender, "
    "Godot and Unity do."
)


@dataclass(frozen=True)
class MapFlags:
    """What to write beside a picture."""

    maps: Annotated[tuple[Literal["normal", "height"], ...], MAPS] = ()
    maps_from: Annotated[str, FROM] = "luminance"
    maps_strength: Annotated[float, STRENGTH, Range(-1000, 1000)] = 4.0
    maps_directx: Annotated[bool, DIRECTX] = False

    def check(self, model: "Model", picture: Path) -> None:
        """Raise NCAError if the model lacks the channel that a map needs, or a map can't be written."""
        from ncaengine.core.files import check_place
        from ncaengine.io.relief import check_source

        if self.maps:
            check_source(model.config, self.maps_from)
            for path in (picture, *self.paths(picture)):
                check_place(path)

    def paths(self, picture: Path) -> list[Path]:
        """Return the files that are written beside a picture."""
        from ncaengine.io.relief import path_beside

        return [path_beside(picture, kind) for kind in self.maps]

    def write(self, picture: Path, grid: "Grid", kernel: "Kernel", view: "View") -> None:
        """Write the maps of a picture, and print their names.

        kernel: what the picture was drawn with.
        """
        from ncaengine.io.relief import Relief, write_maps

        relief = Relief(self.maps_from, self.maps_strength, self.maps_directx)
        colour = grid.model.config.colour
        for path in write_maps(picture, grid.state(), colour, kernel, view, self.maps, relief):
            print_line(f"{path}: {path.stem.rpartition('_')[2]} map")


MAP_DETAILS = "maps_from maps_strength maps_directx"
"""Flags that only --maps needs."""
Maps = Annotated[MapFlags, tyro.conf.arg(name="")]
"""The type of the one field that adds these flags to a command."""
