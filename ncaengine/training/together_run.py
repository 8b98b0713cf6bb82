"""The run of one model for many textures: names of the textures, copies of the targets, and the preview."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ncaengine.core.canvas import draw
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.lattice import whole_view
from ncaengine.core.looks import quantise
from ncaengine.core.model import Config, Model
from ncaengine.core.types import F32
from ncaengine.io import contact_sheets
from ncaengine.training import losses, targets
from ncaengine.training.config import TOGETHER
from ncaengine.training.features.extractor import Features
from ncaengine.training.regional import RegionalTransport
from ncaengine.training.run import TrainingJob, TrainingRun
from ncaengine.training.together import TogetherTrainer, conditioned, spread

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

    def _load_targets(self) -> dict[str, F32]:
        images = self.job.together
        if not FEWEST <= len(images) <= MOST:
            raise NCAError(f"--together trains {FEWEST} to {MOST} textures; you named {len(images)}.")
        if self.settings.loss != "transport":
            raise NCAError(f"--together works with --loss transport, not {self.settings.loss}.")
        found: dict[str, F32] = {}
        for image in images:
            if (name := texture_name(image)) in found:
                raise NCAError(f"Two images would give the texture {name}; rename one.")
            found[name] = targets.load_target(image, self.settings.target_size)
        return found

    def _config(self) -> Config:
        names = list(self.targets)
        return conditioned(super()._config(), dict(zip(names, spread(len(names)), strict=True)))

    def _make_trainer(
        self, start: Model, net: Features, trained_on: Sequence[Kernel], compiled: bool
    ) -> TogetherTrainer:
        pictures = [losses.picture_tensor(target).to(self.device) for target in self.targets.values()]
        return TogetherTrainer(
            start, RegionalTransport(net, pictures), self.settings, trained_on, self.device, compiled
        )

    def preview(self, count: int = 3) -> Image.Image:
        """Draw a row for each texture, its target and grids of it, and a row of mixtures and borders."""
        side = self.settings.size
        scale = max(1, 128 // side)
        rows = [
            [
                contact_sheets.Tile(contact_sheets.frame_target(quantise(target), (side, side), scale), name),
                *self._grids(lambda pair, share, n=n: pair[0] == n and not share.any(), count, scale),
            ]
            for n, (name, target) in enumerate(self.targets.items())
        ]
        rows.append(self._grids(lambda pair, share: bool(share.any()), count + 1, scale))
        return contact_sheets.contact_sheet(rows, f"{self.job.output.stem}, iteration {self.trainer.iteration:,}")

    def _grids(
        self, wanted: Callable[[torch.Tensor, torch.Tensor], bool], count: int, scale: int
    ) -> list[contact_sheets.Tile]:
        """Return tiles of up to `count` grids of each kernel's pool whose maps are wanted."""
        t, names, tiles = self.trainer, list(self.targets), []
        for turn, kernel in enumerate(t.kernels):
            found = [n for n in range(t.pools.shape[1]) if wanted(t.pairs[turn, n], t.shares[turn, n])]
            for n in found[:count]:
                state = t.pools[turn, n].permute(1, 2, 0).cpu().numpy()
                view = whole_view(kernel, state.shape[1::-1], scale)
                one, other = (names[k] for k in t.pairs[turn, n].tolist())
                share = float(t.shares[turn, n].mean())
                title = kernel.name if not share else f"{one} {1 - share:.0%}, {other}"
                tiles.append(contact_sheets.Tile(draw(np.ascontiguousarray(state), kernel, t.config.colour, view), title))
        return tiles


def texture_name(image: str) -> str:
    """Return what a texture is called: an image's file name without its ending, at most 100 printable characters."""
    stem = Path(image).stem
    return "".join(c if c.isprintable() else "_" for c in stem.removesuffix("_target") or stem)[:100]
