"""The training of one model for many textures: each grid of the pool keeps a map that says what its cells make.

An embedding of a few numbers tells the cells which texture it is; see core.embeddings. Embeddings are learnt, too.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from msgspec import structs
from torch import Tensor, nn

from ncaengine.core import model
from ncaengine.core.embedding_inputs import NAMES, Embedding
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.training import areas
from ncaengine.training.config import TrainingSettings
from ncaengine.training.regional import RegionalTransport
from ncaengine.training.trainer import Trainer

FIXED_UNTIL, CODE_RATE = 0.2, 0.1
"""Embeddings are learnt after this share of the run, at this share of the learning rate."""
NOISE = 0.05
"""The standard deviation of the noise on embeddings: what lies between textures is trained, too."""
SWITCHED, HOLES = 0.1, 0.25
"""How many grids are given another map while they run, and how many get a hole."""
MEMORY = 0.95
"""How much of a texture's running loss stays when it is measured again."""


def spread(count: int, length: int, given: Sequence[Embedding] = (), seed: int = 0) -> list[Embedding]:
    """Return `count` points far from each other, and from those given, on the unit sphere.

    They repel each other as charges do, until they rest.
    """
    rng = np.random.default_rng(seed)
    fixed = np.asarray(given, np.float64).reshape(-1, length)
    points = rng.standard_normal((count, length))
    for round_ in range(400):
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        away = points[:, None] - np.concatenate([points, fixed])[None]
        distance = np.linalg.norm(away, axis=2, keepdims=True) + 1e-9
        points = points + 0.2 * 0.99**round_ * (away / distance**3).sum(1)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return [tuple(point) for point in points.astype(np.float32).tolist()]


def conditioned(config: model.Config, textures: Mapping[str, Embedding]) -> model.Config:
    """Return a plain model's configuration as that of a model of these textures."""
    length = len(next(iter(textures.values())))
    return structs.replace(config, extra=NAMES[:length], textures=dict(textures))


def with_textures(start: Model, known: Mapping[str, Embedding], names: Iterable[str]) -> Model:
    """Return the model with textures of these names, in this order; those that it does not know get new embeddings."""
    names = list(names)
    new = [name for name in names if name not in known]
    length = len(next(iter(known.values())))
    added = dict(zip(new, spread(len(new), length, [*known.values()]), strict=True)) if new else {}
    textures = {name: {**known, **added}[name] for name in names}
    return dataclasses.replace(start, config=structs.replace(start.config, textures=textures))


class TogetherTrainer(Trainer):
    """A training of several textures between two iterations."""

    def __init__(
        self,
        start: Model,
        loss: RegionalTransport,
        settings: TrainingSettings,
        trained_on: Sequence[Kernel],
        device: torch.device | None = None,
        compiled: bool = False,
    ) -> None:
        """Prepare the first iteration, see `Trainer`.

        start: a model with textures, in the order of the loss's targets.
        """
        self.codes = nn.Parameter(torch.tensor([*start.config.textures.values()]))
        super().__init__(start, loss, settings, trained_on, device, compiled)
        grids, textures = self.pools.shape[:2], len(self.codes)
        self.running = torch.zeros(textures)
        self.turns = 0
        self.pairs = torch.zeros(*grids, 2, dtype=torch.long)
        self.shares = torch.zeros(*grids, settings.size, settings.size)
        rng = np.random.default_rng((settings.seed, 2**32))
        for place in np.ndindex(*grids):
            self.pairs[place], self.shares[place] = self._new_map(rng)
        self._maps: tuple[Tensor, Tensor] = self.pairs[0, :0], self.shares[0, :0]
        self._measured: list[tuple[int, float]] = []

    def model(self) -> Model:
        """Return the model with the present weights and embeddings."""
        made = super().model()
        codes = map(tuple, self.codes.detach().cpu().tolist())
        config = structs.replace(made.config, textures=dict(zip(self.config.textures, codes, strict=True)))
        return dataclasses.replace(made, config=config)

    @property
    def learns_codes(self) -> bool:
        """Whether the present iteration changes the embeddings."""
        return self.iteration > FIXED_UNTIL * self.settings.iterations

    def _parameters(self) -> list[dict[str, Any]]:
        weights = list(self.nca.parameters())
        self.codes = nn.Parameter(self.codes.data.to(self.device))
        self.nca.register_parameter("codes", self.codes)  # so that it is copied and rolled back with the weights
        return [{"params": weights}, {"params": [self.codes], "share": CODE_RATE}]

    def _new_map(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw a map: the numbers of two textures, (2,), and the second one's share, (size, size)."""
        count = len(self.codes)
        if self.running.all() and rng.random() < 0.5:
            losses = self.running.double().numpy()
            first = int(rng.choice(count, p=losses / losses.sum()))
        else:
            first, self.turns = self.turns % count, self.turns + 1
        second = (first + int(rng.integers(1, count))) % count
        return torch.tensor([first, second]), torch.from_numpy(areas.draw_share(rng, self.settings.size))

    def _batch(
        self, turn: int, chosen: Tensor, rng: np.random.Generator, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        s, here = self.settings, chosen.cpu()
        x, pairs, shares = self.pools[turn, chosen], self.pairs[turn, here], self.shares[turn, here]
        for n in range(s.batch):
            fresh = rng.random() < s.fresh
            if fresh:
                x[n] = self.fresh_state(int(rng.integers(2**32)))
            if fresh or rng.random() < SWITCHED:
                pairs[n], shares[n] = self._new_map(rng)
            elif rng.random() < HOLES:
                hole = torch.from_numpy(hole_of(rng, s.size)).to(x.device)
                x[n] = torch.where(hole, self.fresh_state(int(rng.integers(2**32))), x[n])
        self._maps = pairs, shares
        codes = self.codes if self.learns_codes else self.codes.detach()
        noise = torch.randn(*pairs.shape, codes.shape[1], generator=generator, device=self.device)
        own = (codes[pairs.to(self.device)] + NOISE * noise)[..., None, None]
        share = shares.to(self.device)[:, None]
        return x, own[:, 0] * (1 - share) + own[:, 1] * share

    def _compare(self, pictures: Tensor, turn: int, generator: torch.Generator) -> Tensor:
        pairs, shares = self._maps
        found = areas.parts(pairs, shares.to(self.device))
        each = self.loss(pictures, found, self.kernels[turn], generator)
        mean, total = float(self.running.mean()), pictures.new_zeros(())
        for part, loss in zip(found, each, strict=True):
            usual = sum(share * float(self.running[texture]) for texture, share in part.shares)
            weight = mean / usual if usual and self.running.all() else 1.0
            total = total + weight * part.area * loss
        self._measured = [
            (part.shares[0][0], float(loss.detach()))
            for part, loss in zip(found, each, strict=True)
            if part.area == 1 and len(part.shares) == 1
        ]
        return total / len(pictures)

    def _keep(self, turn: int, chosen: Tensor, x: Tensor) -> None:
        super()._keep(turn, chosen, x)
        here = chosen.cpu()
        self.pairs[turn, here], self.shares[turn, here] = self._maps
        for texture, loss in self._measured:
            before = float(self.running[texture])
            self.running[texture] = before * MEMORY + loss * (1 - MEMORY) if before else loss

    def state(self) -> dict[str, Any]:
        """Return all that the next iterations depend on, see `Trainer.state`."""
        return super().state() | {name: getattr(self, name) for name in ("pairs", "shares", "running", "turns")}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state()` of the same settings and textures. Raises NCAError if it does not fit."""
        super().restore(state)
        self.pairs, self.shares, self.running = (state[name].clone() for name in ("pairs", "shares", "running"))
        self.turns = state["turns"]


def hole_of(rng: np.random.Generator, size: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Draw a disc on the torus, (size, size) bool, whose radius is from a twelfth to a quarter of the size."""
    row, column, radius = *rng.integers(size, size=2), rng.uniform(size / 12, size / 4)
    rows, columns = (np.abs((np.arange(size) - at + size // 2) % size - size // 2) for at in (row, column))
    return np.asarray(np.hypot(rows[:, None], columns[None]) <= radius)
