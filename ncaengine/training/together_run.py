"""The run of one model for many textures: names of the textures, copies of the targets, and the preview."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from ncaengine.core.canvas import draw
from ncaengine.core.embedding_inputs import Embedding
from ncaengine.core.errors import NCAError
from ncaengine.core.files import make_folder
from ncaengine.core.kernels import Catalogue
from ncaengine.core.lattice import whole_view
from ncaengine.core.looks import quantise
from ncaengine.core.model import Config, Model
from ncaengine.core.names import training_folder
from ncaengine.core.types import F32
from ncaengine.formats import model_files
from ncaengine.io import contact_sheets
from ncaengine.training import losses, targets
from ncaengine.training.checkpoint import Checkpoint
from ncaengine.training.config import TOGETHER, TrainingSettings
from ncaengine.training.job import TrainingJob
from ncaengine.training.regional import RegionalTransport
from ncaengine.training.run import PREVIEWED, TrainingRun
from ncaengine.training.together import TogetherTrainer, conditioned, spread, with_textures

FEWEST, MOST = 2, 32
"""How many textures one model learns."""


def start_run(
    job: TrainingJob, catalogue: Catalogue | None = None, notify: Callable[[str], None] = lambda line: None
) -> TrainingRun:
    """Return the run of a job, of one texture or of many; see `TrainingRun`."""
    return (TogetherRun if job.together else TrainingRun)(job, catalogue, notify)


class TogetherRun(TrainingRun):
    """A training of many textures that is ready to start or to resume."""

    trainer: TogetherTrainer
    defaults = TOGETHER
    _copied = False  # whether the targets were

    def _load_targets(self) -> dict[str, F32]:
        if self.settings.loss != "transport":
            raise NCAError(f"Many textures are trained with --loss transport, not {self.settings.loss}.")
        kept = list(self._kept())  # which are targets already
        images = [*kept, *((texture_name(image), image) for image in self.job.together)]
        if not FEWEST <= len(images) <= MOST:
            raise NCAError(f"--together trains {FEWEST} to {MOST} textures; these are {len(images)}.")
        found: dict[str, F32] = {}
        for k, (name, image) in enumerate(images):
            if name in found:
                raise NCAError(f"{image}: another image gives the texture {name}, too; rename one, or give it once.")
            is_kept = k < len(kept)
            kept_size = self.settings.target_size
            found[name] = targets.load_target(image, kept_size).picture if is_kept else self.prepared(image)
        return found

    def _kept(self) -> Iterator[tuple[str, str]]:
        """Yield the textures that the model has already, with the files of their targets, if others are added."""
        start = self.job.start
        if not self.job.add:
            return
        if start is None:
            raise NCAError("--add needs --from MODEL, the model that gets another texture.")
        for name in _textures_of(model_files.load(start), start):
            places = (target_copy(start, name), start.parent / f"{name}_target.png")
            image = next((place for place in places if place.is_file()), None)
            if image is None:
                raise NCAError(
                    f"{start}: the target of its texture {name} is missing; put the image at {places[0]}, so that "
                    "the model does not forget the texture."
                )
            yield name, str(image)

    def _config(self) -> Config:
        names, length = list(self.targets), self.settings.embedding
        return conditioned(super()._config(), dict(zip(names, spread(len(names), length), strict=True)))

    def _initial_model(self, saved: Checkpoint | None) -> Model:
        start = super()._initial_model(saved)
        if saved or not self.start:
            return start
        return with_textures(start, _textures_of(start, self.start), self.targets)

    def _nearest(self) -> None:
        """Return None: no shipped model makes just these textures."""

    def _make_trainer(self, start: Model, settings: TrainingSettings, compiled: bool) -> TogetherTrainer:
        pictures = [losses.picture_tensor(target).to(self.device) for target in self.targets.values()]
        loss = RegionalTransport(self.net, pictures)
        return TogetherTrainer(start, loss, settings, self.kernels, self.device, compiled)

    def _write_model(self) -> None:
        super()._write_model()
        for name, target in self.targets.items() if not self._copied else ():  # for --add
            path = target_copy(self.job.output, name)
            make_folder(path.parent)
            contact_sheets.save_picture(Image.fromarray(quantise(target)), path)
        self._copied = True

    def preview(self) -> Image.Image:
        """Draw a row for each texture, its target and grids of it, and a row of mixtures and borders."""
        side = self.settings.size
        scale, rows = max(1, 128 // side), []
        for n, (name, target) in enumerate(self.targets.items()):
            picture = contact_sheets.frame_target(quantise(target), (side, side), scale)
            grids = self._grids(lambda pair, share, n=n: pair[0] == n and not share.any(), scale)  # type: ignore[misc]
            rows.append([contact_sheets.Tile(picture, name), *grids])
        rows.append(self._grids(lambda pair, share: bool(share.any()), scale))
        return contact_sheets.contact_sheet(rows, f"{self.job.output.stem}, iteration {self.trainer.iteration:,}")

    def _grids(self, wanted: Callable[[Tensor, Tensor], bool], scale: int) -> list[contact_sheets.Tile]:
        """Return tiles of up to PREVIEWED grids of each kernel's pool whose maps are wanted."""
        t, names, tiles = self.trainer, list(self.targets), []
        for turn, kernel in enumerate(t.kernels):
            found = [n for n in range(t.pools.shape[1]) if wanted(t.pairs[turn, n], t.shares[turn, n])]
            for n in found[:PREVIEWED]:
                state = np.ascontiguousarray(t.pools[turn, n].permute(1, 2, 0).cpu().numpy())
                view = whole_view(kernel, (self.settings.size,) * 2, scale)
                one, other = (names[k] for k in t.pairs[turn, n].tolist())
                share = float(t.shares[turn, n].mean())
                title = f"{1 - share:.0%} {one}, {share:.0%} {other}" if share else kernel.name
                tiles.append(contact_sheets.Tile(draw(state, kernel, t.config.colour, view), title))
        return tiles


def _textures_of(model: Model, path: Path) -> dict[str, Embedding]:
    """Return a model's textures. Raises NCAError if it makes only one."""
    if not model.config.textures:
        raise NCAError(f"{path}: makes only one texture; name a model that was trained with --together.")
    return model.config.textures


def target_copy(output: Path, texture: str) -> Path:
    """Return where the run of a model keeps a copy of a texture's target."""
    return training_folder(output) / "targets" / f"{texture}.png"


def texture_name(image: str) -> str:
    """Return what a texture is called: an image's file name without its ending, at most 100 printable characters.

    An ending _target is left out, too: the project's own targets have it.
    """
    stem = Path(image).stem
    return "".join(c if c.isprintable() else "_" for c in stem.removesuffix("_target") or stem)[:100]
