"""The training loop of a texture NCA, one iteration at a time (Niklasson et al., Distill 2021).

An iteration takes grids from a pool, sometimes with a fresh seed among them, runs them for a random number
of steps, changes the weights to lower the loss of the grids' pictures, and puts the grids back into the pool.
"""

import copy
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any, cast

import numpy as np
import torch
import torch.utils.checkpoint
from msgspec import structs
from torch import Tensor

from ncaengine.backends.reference import Reference
from ncaengine.core import memory, model, states
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.training import losses
from ncaengine.training.config import TrainingSettings
from ncaengine.training.devices import pick_precision
from ncaengine.training.step import TrainingStep, make_step

RUNAWAY = 20.0
"""A state with a larger absolute value does not return to the pool."""
KEEP_EVERY = 20
"""Iterations between two copies of the weights, kept to roll back to."""
EMBEDDING_GAIN = 1 / 3
"""By this, initial weights of embeddings are divided: textures then differ from the start."""
MAX_ROLLBACKS = 8
"""The most rollbacks in succession; after that the run fails."""


def initial_model(config: model.Config, seed: int) -> Model:
    """Return initial weights: w1 and b1 as torch initialises convolutions, w1 divided by the gains; w2 and b2 zero.

    With w2 at zero, states stay as they are at first. Without the division, the first few updates blow them up.
    """
    rng = np.random.default_rng(seed)
    bound = config.inputs**-0.5
    gains = np.repeat([feature.gain for feature in config.features], config.channels)
    gains = np.append(gains, [EMBEDDING_GAIN] * len(config.extra))
    w1 = rng.uniform(-bound, bound, (config.hidden, config.inputs)) / gains
    b1 = rng.uniform(-bound, bound, config.hidden)
    w2, b2 = np.zeros((config.channels, config.hidden), np.float32), np.zeros(config.channels, np.float32)
    return Model(config, w1.astype(np.float32), b1.astype(np.float32), w2, b2)


def widened(start: Model, channels: int, hidden: int, seed: int) -> Model:
    """Return a model that steps as `start` does but has more channels and hidden units, which further training uses.

    The new channels stay at zero, and the new units have no effect, because their columns and rows of w2 are zero;
    their other weights are initial ones (Chen et al., "Net2Net", ICLR 2016, widen by the same principle).

    channels, hidden: at least those of `start`.
    """
    old = start.config
    made = initial_model(structs.replace(old, channels=channels, hidden=hidden), seed)
    w1, b1, w2, b2 = (getattr(made, name).copy() for name in model.WEIGHTS)
    inputs, count = len(old.features) * old.channels, len(old.features) * channels
    columns = [block + n for block in range(0, count, channels) for n in range(old.channels)]
    columns += range(count, count + start.w1.shape[1] - inputs)
    w1[np.ix_(range(old.hidden), columns)] = start.w1
    b1[: old.hidden], b2[: old.channels] = start.b1, start.b2
    w2[: old.channels, : old.hidden] = start.w2
    w1[: old.hidden, [n for n in range(w1.shape[1]) if n not in columns]] = 0
    return Model(made.config, w1, b1, w2, b2)


def rounded(trained: Model) -> Model:
    """Return a model whose weights are what float16 can hold, so that a page with it is smaller.

    Weights beyond its range stay as they are.
    """
    with np.errstate(over="ignore"):
        short = {name: getattr(trained, name).astype(np.float16).astype(np.float32) for name in model.WEIGHTS}
    return dataclasses.replace(trained, **{name: each for name, each in short.items() if np.isfinite(each).all()})


class Trainer:
    """A training between two iterations: weights, optimiser and pools.

    Everything random follows from the seed and the iteration, so a training that resumes from `state()` goes on
    exactly as if it had not stopped.
    """

    def __init__(
        self,
        start: Model,
        loss: Callable[..., Any],
        settings: TrainingSettings,
        trained_on: Sequence[Kernel],
        device: torch.device | None = None,
        compiled: bool = False,
    ) -> None:
        """Prepare the first iteration.

        loss: a `losses.Loss`, unless a subclass compares the pictures.
        trained_on: the kernels that the settings name.
        compiled: whether to compile the step.

        Raises NCAError if a kernel lacks a stencil.
        """
        self.settings, self.loss, self.kernels = settings, loss, tuple(trained_on)
        self.device = device or torch.device("cpu")
        self.start, self.config, size = start, start.config, settings.size
        precision = pick_precision(settings.precision, self.device)
        ncas = [Reference(start, kernel).to(self.device) for kernel in self.kernels]
        for nca, name in product(ncas[1:], model.WEIGHTS):  # all kernels share one set of weights
            setattr(nca, name, getattr(ncas[0], name))
        self.nca, self.steps = ncas[0], [make_step(nca, size, compiled, precision) for nca in ncas]
        self.optimizer = torch.optim.Adam(self._parameters(), settings.learning_rate)
        each = max(settings.batch, settings.pool // len(ncas))
        seed = torch.from_numpy(states.initial(start, (size, size), settings.seed)).permute(2, 0, 1)
        self.pools = seed.to(self.device).repeat(len(ncas), each, 1, 1, 1)
        self.iteration, self.rollbacks, self.caution = 0, 0, 1.0
        self._good = self._older = self._weights()
        self._in_succession = 0

    def model(self) -> Model:
        """Return the model with the present weights."""
        return self.nca.model()

    def iterate(self) -> float:
        """Make one iteration and return its loss.

        If the iteration diverges, roll the weights back, halve the learning rate and return NaN. Raises NCAError
        after more than MAX_ROLLBACKS of these in succession.
        """
        self.iteration += 1
        s, turn = self.settings, self.iteration % len(self.kernels)
        rng = np.random.default_rng((s.seed, self.iteration))
        generator = torch.Generator(self.device).manual_seed(int(rng.integers(2**62)))
        chosen = torch.from_numpy(rng.choice(self.pools.shape[1], s.batch, replace=False)).to(self.device)
        x, embedding = self._batch(turn, chosen, rng, generator)
        x = self._rollout(self.steps[turn], x, int(rng.integers(s.rollout[0], s.rollout[1] + 1)), generator, embedding)
        pictures = x[:, :3] * self.config.colour.scale + self.config.colour.offset
        if self.config.colour.alpha:
            background = torch.tensor(self.config.colour.background, device=x.device)[:, None, None]
            pictures = pictures + (1 - x[:, 3:4].clamp(0, 1)) * background
        loss = self._compare(losses.on_screen(pictures, self.kernels[turn]), turn, generator)
        loss = loss + s.overflow * losses.overflow(x)
        if not (math.isfinite(value := float(loss.detach())) and self._update(loss)):
            self._roll_back()
            return math.nan
        self._keep(turn, chosen, x.detach())
        if self.iteration % KEEP_EVERY == 0:
            self._older, self._good, self._in_succession = self._good, self._weights(), 0
        return value

    def _parameters(self) -> list[dict[str, Any]]:
        """Return the groups of what is learnt; "share" is a group's share of the learning rate."""
        return [{"params": list(self.nca.parameters())}]

    def _batch(
        self, turn: int, chosen: Tensor, rng: np.random.Generator, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Return the chosen grids, (batch, channels, size, size), and their embeddings, None for one texture."""
        x = self.pools[turn, chosen]
        for n in range(len(x)):
            if rng.random() < self.settings.fresh:
                x[n] = self.fresh_state(int(rng.integers(2**32)))
        return x, None

    def _compare(self, pictures: Tensor, turn: int, generator: torch.Generator) -> Tensor:
        """Return the loss of a batch's pictures, as they look on the screen."""
        return cast(Tensor, self.loss(pictures, generator))

    def _keep(self, turn: int, chosen: Tensor, x: Tensor) -> None:
        """Put a batch back into the pool."""
        sane = x.abs().amax((1, 2, 3), keepdim=True) < RUNAWAY  # False for NaN too
        self.pools[turn, chosen] = torch.where(sane, x, self.fresh_state(self.iteration))

    def fresh_state(self, seed: int) -> Tensor:
        """Return an initial state, (channels, size, size)."""
        side = self.settings.size
        return torch.from_numpy(states.initial(self.start, (side, side), seed)).permute(2, 0, 1).to(self.device)

    def _rollout(
        self, step: TrainingStep, x: Tensor, steps: int, generator: torch.Generator, embedding: Tensor | None
    ) -> Tensor:
        """Make `steps` steps from `x`, (batch, channels, size, size).

        If their memory would not fit, make them in segments that the backward pass computes again (gradient
        checkpointing, Chen et al., arXiv:1604.06174).
        """
        masks = [step.mask(len(x), generator) for _ in range(steps)]

        def run(x: Tensor, start: int, stop: int) -> Tensor:
            for mask in masks[start:stop]:
                x = step(x, mask, embedding)
            return x

        segment = segment_length(steps, self.bytes_a_step, free_memory(self.device))
        if segment >= steps:
            return run(x, 0, steps)
        x.requires_grad_()  # otherwise the first segment gives its weights no gradient
        for start in range(0, steps, segment):
            x = torch.utils.checkpoint.checkpoint(run, x, start, start + segment, use_reentrant=False)
        return x

    @property
    def bytes_a_step(self) -> int:
        """The memory that the backward pass needs for each step, in bytes."""
        c = self.config
        return self.settings.batch * self.settings.size**2 * 4 * (c.inputs + c.hidden + 2 * c.channels)

    def _update(self, loss: Tensor) -> bool:
        """Change the weights and return True; if a gradient is not finite, change nothing and return False."""
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.nca.parameters() if p.grad is not None]
        if not all(bool(g.isfinite().all()) for g in gradients):
            return False
        for gradient in gradients:
            gradient.div_(gradient.norm() + 1e-8)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * group.get("share", 1.0)
        self.optimizer.step()
        return True

    @property
    def learning_rate(self) -> float:
        """The learning rate of the present iteration."""
        s = self.settings
        passed = sum(self.iteration > drop * s.iterations for drop in s.drops)
        return s.learning_rate * 0.3**passed * self.caution

    def _weights(self) -> dict[str, Any]:
        """Return a copy of the weights and the optimiser's state."""
        return copy.deepcopy({"weights": self.nca.state_dict(), "adam": self.optimizer.state_dict()})

    def _roll_back(self) -> None:
        """Go back to weights at least KEEP_EVERY iterations old, because the last copy may be diverging already."""
        self._in_succession += 1
        if self._in_succession > MAX_ROLLBACKS:
            raise NCAError(
                f"The training diverged {self._in_succession} times in succession, at iteration {self.iteration}; "
                "start again with a lower --learning-rate."
            )
        self.rollbacks, self.caution = self.rollbacks + 1, self.caution / 2
        self._good = self._older
        self.nca.load_state_dict(self._good["weights"])
        self.optimizer.load_state_dict(copy.deepcopy(self._good["adam"]))

    def state(self) -> dict[str, Any]:
        """Return all that the next iterations depend on, except settings, loss and configuration."""
        counters = {name: getattr(self, name) for name in _COUNTERS}
        return {"now": self._weights(), "good": self._good, "older": self._older, "pools": self.pools, **counters}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state()` of the same settings. Raises NCAError if it does not fit."""
        try:
            if state["pools"].shape != self.pools.shape:
                raise NCAError("belongs to a run with another pool, size or batch; use the same settings.")
            self.nca.load_state_dict(state["now"]["weights"])
            self.optimizer.load_state_dict(state["now"]["adam"])
            self._good, self._older = state["good"], state["older"]
            self.pools.copy_(state["pools"])
            for name in _COUNTERS:
                setattr(self, name, state[name])
        except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0][:120]
            raise NCAError(f"does not fit this run ({reason}); delete it and train without --resume.") from None


_COUNTERS = ("iteration", "rollbacks", "caution", "_in_succession")
"""Attributes of Trainer that a checkpoint holds under the same names."""


def segment_length(steps: int, bytes_a_step: int, free: int) -> int:
    """Return the steps between two states to keep: all if they fit into half of the free memory, else about √steps."""
    return steps if steps * bytes_a_step <= free // 2 else max(1, round(steps**0.5))


def free_memory(device: torch.device) -> int:
    """Return the free memory in bytes; 8 GiB if the system does not report it."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = memory.free_bytes()
    return int(found) if math.isfinite(found) else 8 * 2**30


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use this many CPU threads inside `with`; 0 leaves the choice to torch."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
