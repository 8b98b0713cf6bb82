"""`ncaengine fill`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ncaengine.cli.shared.engine import Engine, EngineFlags, load_models
from ncaengine.cli.shared.flag_effects import NoEffect, only_with
from ncaengine.cli.shared.options import (
    FROM,
    Count,
    KernelName,
    OptionalFile,
    Range,
    Seed,
    Steps,
)
from ncaengine.cli.shared.output import print_line, print_notice, progress_bar
from ncaengine.cli.shared.output_flags import Fps
from ncaengine.cli.shared.textures import find_textures, is_image
from ncaengine.core.errors import NCAError
from ncaengine.core.texts import plural

if TYPE_CHECKING:
    from ncaengine.core.types import F32, I32, U8
    from ncaengine.io.filling import Filling
    from ncaengine.io.kinds import Kind
    from ncaengine.io.photos import Photo
    from ncaengine.simulation.rollout import StepReport

PHOTO = tyro.conf.arg(metavar="PICTURE")
OUTPUT = tyro.conf.arg(aliases=["-o"], metavar="FILE")
MAP = tyro.conf.arg(metavar="COLOUR=TEXTURE [...]", help_behavior_hint="(with --labels)")
TEXTURE = tyro.conf.arg(metavar="MODEL", help_behavior_hint="(with --mask)")
CELL = tyro.conf.arg(metavar="PIXELS", help_behavior_hint="(default: 1 up to about 1,000 pixels a side, then more)")
ALIGN = tyro.conf.arg(metavar="{edges,gradient,FILE}", help_behavior_hint="(default: as it grows)")
SCALE = tyro.conf.arg(metavar="{NUMBER,FILE}")
VARIANTS = tyro.conf.arg(metavar="N", help_behavior_hint="(default: one picture)")
SETTLED = tyro.conf.arg(help_behavior_hint="(default: --steps)")
KEEP = "keep"
"""What --map says of a colour whose pixels stay."""
LONGEST = 480
"""Of a picture on a contact sheet, in pixels."""


@dataclass(frozen=True, kw_only=True)
class Fill:
    """Fill areas of a picture with living textures; the rest of the picture stays as it is, beyond a soft edge."""

    picture: Annotated[Path, PHOTO, tyro.conf.Positional]
    """The picture, of any usual format. Its opacity stays, and so do 16 bits per colour."""
    output: Annotated[str, OUTPUT]
    """What to write: a picture (.png, .tif, .jpg, .webp), or a video of how it fills (.mp4, .mov, .webm, .gif, .apng,
    or a name that ends in / for a folder of frames). An existing file is overwritten."""
    labels: OptionalFile = None
    """A picture of the same size, in which each area has a colour of its own. Black, white and transparent parts stay,
    unless --map names them."""
    map: Annotated[tuple[str, ...], MAP] = ()
    """Which texture each colour of the labels gets, for example red=zebra '#00ff00'=mine.pt. A texture is a model file
    (FILE:NAME picks one of several in a file), the name of a shipped model, or an image, which is learnt first and then
    kept; `keep` leaves the picture as it is."""
    mask: OptionalFile = None
    """Instead of labels, a picture of the same size that marks the area in white, or by what is not transparent."""
    texture: Annotated[Path | None, TEXTURE] = None
    """The texture of the mask's area."""
    feather: Annotated[float, Range(0, 1000)] = 6.0
    """Pixels over which a texture fades into its surroundings."""
    cell: Annotated[float | None, CELL, Range(1, 64)] = None
    """Pixels per cell: larger cells give a coarser texture."""
    smooth: bool = True
    """Blend cells that are larger than a pixel into each other."""
    align: Annotated[str, ALIGN] = ""
    """Turn the texture along the picture: along its edges, or from dark to light (gradient). Or a picture of angles:
    its hue, red for 0 degrees and green for 120 clockwise; in a grey picture, black for 0 and white for 360."""
    scale: Annotated[str, SCALE] = "1"
    """Cell scale, 0.25 to 4: below 1 the texture grows larger, above 1 finer. Or a picture of it: black for 0.5,
    mid-grey for 1, white for 2."""
    angle: Annotated[float, Range(-180, 180)] = 0.0
    """Degrees by which the texture is turned clockwise, besides --align."""
    steps: Steps = 500
    """How many steps the textures grow."""
    until_settled: Annotated[bool, SETTLED] = False
    """Grow until each texture has settled, instead."""
    budget: str = "5m"
    """How long the texture of an image is learnt, for example 5m, 20m or 2h."""
    start: Annotated[Path | None, FROM] = None
    """The model whose weights the learning starts from. auto, the default: the shipped model that is nearest to the
    image; none: no model."""
    variants: Annotated[int | None, VARIANTS, Range(2, 100)] = None
    """Write a contact sheet (.png) with this many random seeds, counted up from --seed."""
    layer: bool = False
    """Write the textures alone, transparent where the picture shows."""
    steps_per_frame: Count = 2
    """Steps between two frames of a video."""
    fps: Fps = None
    """Frames per second: a number or a fraction."""
    kernel: KernelName = "square"
    seed: Seed = 0
    """Random seed: decides which cells fire, and any noise that the grids start from. Another number gives another
    picture."""
    engine: Engine = field(default_factory=EngineFlags)

    def run(self) -> None:
        """Fill with a progress bar, write the picture or the video, and print what was filled."""
        self._check()
        from ncaengine.io import filling, photos, picture_files

        photo = photos.read_photo(self.picture)
        if photo.frames > 1:
            print_notice(f"{self.picture}: has {photo.frames} pictures; the first one is filled.")
        if self.video is None and not self.variants:
            picture_files.check_output(Path(self.output), *photo.size, photo.exif)
        labels, textures = self._areas(photo)
        models = load_models(find_textures(textures, self.budget, self.start, self.engine.plugins))
        catalogue = self.engine.kernels([self.kernel], models)
        cell = self.cell or filling.cell_for(photo.size)
        angles, scales = self._maps(photo, cell)
        how = filling.How(self.kernel, cell, self.feather, self.smooth, self.seed, angles, scales)
        with self.engine.simulation(catalogue) as sim:
            filled = filling.Filling(sim, photo, labels, models, how)
            for part in filled.parts:
                sim.set("angle", self.angle, part.grid)
                sim.set("scale", 1.0 if scales is not None else float(self.scale), part.grid)
            steps = self._write(filled)
        names = ", ".join(dict.fromkeys(model.config.name for model in models))
        size = f"{cell:g} pixels" if cell != 1 else "1 pixel"
        what = f"{plural(len(models), 'area')} ({names})"
        print_line(f"{self.output}: {what}, {size} per cell, {filled.cells:,} cells, step {steps:,}")

    def _check(self) -> None:
        """Raise NCAError for flags that don't fit together."""
        from ncaengine.io import picture_files

        name = self.output.lower()
        if self.video is None:
            picture_files.check_output(Path(self.output))
        if (self.labels is None) == (self.mask is None):
            raise NCAError("Say where to fill: --labels FILE with --map, or --mask FILE with --texture.")
        if bool(self.map) != bool(self.labels) or bool(self.texture) != bool(self.mask):
            raise NCAError("--labels needs --map, for example --map red=zebra; --mask needs --texture, such as zebra.")
        if self.variants and not name.endswith(".png"):
            raise NCAError("--variants writes a contact sheet; give a name that ends in .png.")
        if self.layer and (name.endswith((".jpg", ".jpeg")) or (self.video and not self.video.alpha)):
            raise NCAError(f"{self.output}: this kind can't be transparent; use .png, .tif, .webp or .mov for --layer.")

    def no_effects(self) -> tuple[NoEffect, ...]:
        """Return which flags have no effect."""
        textures = [pair.partition("=")[2] for pair in self.map] + [str(self.texture)] * bool(self.texture)
        return (
            only_with("a video, for example -o film.mp4", bool(self.video), "fps steps_per_frame"),
            only_with("a texture that is learnt from an image", any(map(is_image, textures)), "budget start"),
            NoEffect(
                bool(self.video),
                "until_settled",
                "does not work with a video; use --steps instead.",
            ),
            NoEffect(self.until_settled, "steps", "does not work with --until-settled; leave one of them out."),
        )

    @property
    def video(self) -> "Kind | None":
        """The kind of the video to write; None for a picture. Raises NCAError if the output can be neither."""
        from ncaengine.io import kinds, picture_files

        if self.output.lower().endswith(tuple(picture_files.FORMATS)):
            return None
        usable = [kind for kind in kinds.KINDS if not (kind.still or kind.states)]
        kind = next((kind for kind in usable if self.output.lower().endswith(kind.ending)), None)
        if kind is None:
            endings = ", ".join(kind.ending for kind in usable if kind.ending not in ("/", *picture_files.FORMATS))
            raise NCAError(
                f"{self.output}: this ending can't be written; use .png, .tif, .jpg or .webp for a picture, and "
                f"{endings} or a name that ends in / for a video."
            )
        return kind

    def _areas(self, photo: "Photo") -> "tuple[I32, list[str]]":
        """Return which area each pixel belongs to, and the texture of each area. Raises NCAError."""
        import numpy as np

        from ncaengine.io import areas, photos

        if self.mask:
            assert self.texture
            return photos.read_mask(self.mask, photo.size, self.picture).astype(np.int32), [str(self.texture)]
        assert self.labels
        wanted: dict[areas.RGB, str] = {}
        for pair in self.map:
            name, equals, texture = pair.partition("=")
            if not (equals and texture):
                raise NCAError(f"--map has {pair!r}; write COLOUR=TEXTURE, for example red=zebra or '#00ff00'=mine.pt.")
            colour = areas.parse_colour(name)
            if colour in wanted:
                raise NCAError(f"--map names the colour {name} twice; give it one texture.")
            wanted[colour] = texture
        used = {colour: texture != KEEP for colour, texture in wanted.items()}
        marks = photos.read_marks(self.labels, photo.size, self.picture)
        found = areas.find_areas(marks, used, self.labels)
        # Counted without the colours that are kept.
        numbers = np.cumsum([0, *used.values()]).astype(np.int32)
        if not numbers[-1]:
            raise NCAError("--map keeps every colour, so nothing is filled; give one a texture, as red=zebra.")
        return numbers[found], [texture for texture in wanted.values() if texture != KEEP]

    def _maps(self, photo: "Photo", cell: float) -> "tuple[F32 | None, F32 | None]":
        """Return the maps of angles and scales; None where there is none. Raises NCAError."""
        from ncaengine.io import alignment

        angles = None
        if self.align in ("edges", "gradient"):
            angles = alignment.directions(photo, self.align, cell)  # type: ignore[arg-type]
        elif self.align:
            if not Path(self.align).is_file():
                raise NCAError(f"--align is {self.align}; use edges, gradient, or the file of a picture.")
            angles = alignment.read_angles(Path(self.align))
        try:
            float(self.scale)
        except ValueError:
            if not Path(self.scale).is_file():
                raise NCAError(f"--scale is {self.scale}; use a number, or the file of a picture.") from None
            return angles, alignment.read_scales(Path(self.scale))
        return angles, None

    def _write(self, filled: "Filling") -> int:
        """Grow the textures and write the output. Return how many steps the longest-lived made."""
        if video := self.video:
            self._film(filled, video)
        elif self.variants:
            self._sheet(filled, self.variants)
        else:
            with progress_bar("steps") as progress:
                task = progress.add_task(Path(self.output).name, total=self._total(filled))
                self._grow(filled, lambda made: progress.advance(task, made))
            photo = filled.layer() if self.layer else filled.picture()
            photo.write(Path(self.output))
        return max(part.grid.step for part in filled.parts)

    def _total(self, filled: "Filling") -> int | None:
        return None if self.until_settled else self.steps * len(filled.parts)

    def _grow(self, filled: "Filling", report: "StepReport") -> None:
        from ncaengine.io.filling import MOST

        if not self.until_settled:
            filled.run(self.steps, report)
        elif not filled.settle(report):
            print_notice(f"A texture did not settle within {MOST:,} steps; the picture shows its last state.")
        for part in filled.parts:
            filled.sim.engine.world.look(part.grid, now=True)

    def _sheet(self, filled: "Filling", count: int) -> None:
        """Write a contact sheet of several random seeds."""
        import math

        import numpy as np
        from PIL import Image

        from ncaengine.io import contact_sheets

        tiles = []
        with progress_bar("steps") as progress, filled.sim.engine.world.telling_once():
            total = self._total(filled)
            task = progress.add_task(Path(self.output).name, total=total and total * count)
            for seed in range(self.seed, self.seed + count):
                filled.reseed(seed % 2**32)
                self._grow(filled, lambda made: progress.advance(task, made))
                image = Image.fromarray(_frame(filled, self.layer))
                image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
                tiles.append(contact_sheets.Tile(np.asarray(image), f"--seed {seed % 2**32}"))
        columns = math.ceil(math.sqrt(count))
        rows = [tiles[start : start + columns] for start in range(0, count, columns)]
        contact_sheets.save_picture(contact_sheets.contact_sheet(rows, transparent=self.layer), Path(self.output))

    def _film(self, filled: "Filling", kind: "Kind") -> None:
        """Write a video of how the areas fill."""
        from ncaengine.io.film import Film

        # A video whose sides must be even leaves out a last odd row or column.
        width, height = (side - (kind.even and side % 2) for side in filled.photo.size)
        if not width * height:
            raise NCAError(f"{self.output}: a video of this kind needs 2x2 pixels or more; use .gif or .apng.")
        with Film(self.output, self.fps, (width, height)) as film, progress_bar("steps") as progress:
            task = progress.add_task(Path(self.output).name, total=self.steps)
            try:
                for step in self._moments():
                    filled.run(step)
                    film.add(_frame(filled, self.layer, not kind.alpha))
                    progress.update(task, completed=step)
            except KeyboardInterrupt:
                print_notice("Stopped; what was recorded until then is kept.")

    def _moments(self) -> Iterator[int]:
        """Yield the step of each frame."""
        yield from range(0, self.steps, self.steps_per_frame)
        yield self.steps


def _frame(filled: "Filling", layer: bool, opaque: bool = False) -> "U8":
    """Return the picture as it is now, of 8 bits. opaque: on white."""
    from ncaengine.io import photos

    photo = filled.layer() if layer else filled.picture()
    photo = photos.without_opacity(photo) if opaque else photo
    return photos.to_8_bits(photo.numbers)
