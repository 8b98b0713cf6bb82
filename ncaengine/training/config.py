"""Settings of a training run. The command line reads them for --help, so torch and NumPy are not imported here."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from ncaengine.core.model import Config

METHOD = "Niklasson et al., Self-Organising Textures, Distill 2021"
ARTICLE_GAINS = {"identity": 1.0, "gradient_x": 8.0, "gradient_y": 8.0, "laplacian": 4.0}
"""Gains of the article's notebook, whose stencils are not divided; other stencils have gain 1."""

Likeness = Literal["transport", "gram", "excitation"]
Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained. Lengths in cells, rollouts in steps; defaults near those of the article's notebook."""

    iterations: int = 5000
    """Updates of the weights."""
    size: int = 128
    """Side of the square grids that are trained, in cells; 64 is enough for many textures, and four times as fast."""
    target_size: int = 128
    """The target's longer side is brought down to so many pixels: one for each cell of the texture."""
    batch: int = 4
    """Grids an iteration; 2 learns as well a minute on a CPU."""
    pool: int = 256
    """Grids kept between iterations, of all kernels together."""
    rollout: tuple[int, int] = (32, 64)
    """The shortest and the longest rollout of an iteration, in steps."""
    fresh: float = 0.5
    """The chance that an iteration puts a fresh seed into its batch."""
    kernels: tuple[str, ...] = ("square", "hexagonal")
    """Neighbourhoods that are trained in turn, so that the model grows its texture on all of them."""
    channels: int = 12
    """Numbers in a cell's state."""
    hidden: int = 96
    """Hidden units of the cell's net."""
    stencils: tuple[str, ...] = tuple(ARTICLE_GAINS)
    """What a cell perceives of its neighbourhood: stencils that every kernel has."""
    loss: Likeness = "transport"
    """transport: sliced optimal transport; gram: Gram matrices; excitation: a neuron of --neuron, no target."""
    neuron: str = ""
    """The channel to excite, as LAYER:CHANNEL, for example inception4b:12."""
    overflow: float = 10.0
    """Weight of the overflow loss, which keeps states in [-1, 1]."""
    learning_rate: float = 1e-3
    """Of Adam; gradients are normalised, so that this is the scale of an update."""
    drops: tuple[float, ...] = (0.5, 0.8, 0.93)
    """Parts of the run after which the learning rate falls to 0.3 of itself."""
    seed: int = 0
    """The same number trains the same model on the same machine."""

    def check(self) -> None:
        """Raises NCAError, naming the setting, where a value is out of range."""
        for name, lowest, highest in (
            ("iterations", 1, 10_000_000),
            ("size", 8, 2048),
            ("target_size", 16, 2048),
            ("batch", 1, 1024),
            ("pool", 1, 2**16),
            ("fresh", 0, 1),
            ("channels", 3, 256),
            ("hidden", 1, 1024),
            ("overflow", 0, 1_000_000),
            ("learning_rate", 1e-8, 1),
            ("seed", 0, 2**32 - 1),
        ):
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise NCAError(f"--{name.replace('_', '-')} is {value:g}; it must be from {lowest} to {highest}.")
        if not 1 <= self.rollout[0] <= self.rollout[1] <= 4096:
            raise NCAError(f"--rollout is {self.rollout[0]} {self.rollout[1]}; give the shortest, then the longest.")
        if not self.kernels or len(set(self.kernels)) < len(self.kernels):
            raise NCAError("--kernels must name each kernel once.")
        if not self.stencils:
            raise NCAError("--stencils must name at least one stencil.")
        if self.pool < self.batch * len(self.kernels):
            raise NCAError(
                f"--pool is {self.pool}; {len(self.kernels)} kernels with --batch {self.batch} need at least "
                f"{self.batch * len(self.kernels)}."
            )
        if not all(0 <= drop <= 1 for drop in self.drops):
            raise NCAError("--drops are parts of the run, from 0 to 1.")
        if (self.loss == "excitation") != bool(self.neuron):
            raise NCAError("--loss excitation needs --neuron LAYER:CHANNEL, and no other loss takes one.")

    def model_config(self, name: str) -> "Config":
        """What a model of these settings computes."""
        from ncaengine.core import model

        features = tuple(model.Feature(s, ARTICLE_GAINS.get(s, 1.0)) for s in self.stencils)
        return model.Config(
            channels=self.channels, hidden=self.hidden, features=features, kernels=self.kernels, name=name
        )


FIXED = ("size", "target_size", "pool", "kernels", "channels", "hidden", "stencils", "loss", "neuron", "seed")
"""What a run cannot change on its way."""


def merge_settings(saved: TrainingSettings, given: TrainingSettings) -> TrainingSettings:
    """The settings to resume with: the saved ones, but what is given beside the defaults.

    Raises NCAError where that cannot be changed on the way.
    """
    changes = {}
    for field in dataclasses.fields(TrainingSettings):
        value = getattr(given, field.name)
        if value in (field.default, getattr(saved, field.name)):
            continue
        if field.name in FIXED:
            flag = f"--{field.name.replace('_', '-')} {_text(getattr(saved, field.name))}"
            raise NCAError(
                f"This run began with {flag}, which cannot be changed on its way; leave the flag out, or train anew "
                "without --resume."
            )
        changes[field.name] = value
    return dataclasses.replace(saved, **changes)


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
