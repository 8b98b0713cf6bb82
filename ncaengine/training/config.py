"""The settings of a training. --help reads them, so this module imports neither torch nor NumPy."""

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ncaengine.core.errors import NCAError
from ncaengine.core.texts import flag_of

if TYPE_CHECKING:
    from ncaengine.core.model import Config

METHOD = "Niklasson et al., Self-Organising Textures, Distill 2021"
LEAST_BATCH = 2
"""The least batch that is chosen if none is given."""
ARTICLE_GAINS = {"identity": 1.0, "gradient_x": 8.0, "gradient_y": 8.0, "laplacian": 4.0}
"""The gains in the article's notebook, whose stencils are not normalised; other stencils have gain 1."""

LossName = Literal["transport", "gram", "excitation"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
PrecisionName = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained. The method is METHOD's; docs/training.md says why the defaults are what they are."""

    iterations: int = 0
    """How often the weights are updated; 0 makes as many iterations as fit into --budget."""
    budget: str = ""
    """How long to train each model, for example 5m, 20m or 2h. Without it 20m; with a GPU, 5,000 iterations instead."""
    size: int = 0
    """Side of the square training grids, in cells; 0 chooses what suits --budget, 128 with --iterations. 64 is enough
    for many textures, and four times as fast."""
    target_size: int = 128
    """Longer side of the target in pixels after scaling down: one pixel for each cell of the texture."""
    scale: float | Literal["fit", "auto"] = "fit"
    """How many cells a pixel of the image becomes, for example 0.25. fit: the longer side gets --target-size; auto: as
    the image's structure needs it. What is larger than --target-size is cropped to its most even part."""
    crop: str = ""
    """The part of the image to learn from, in its pixels, as X,Y,WIDTH,HEIGHT; auto: the largest even part."""
    even_light: bool = False
    """Remove uneven lighting from the image."""
    batch: int = 0
    """Grids in each iteration; 0 chooses what suits --budget, 4 with --iterations. On a CPU, a batch of 2 learns as
    much in the same time."""
    pool: int = 32
    """Grids kept between iterations, for all kernels together; in a smaller pool, grids grow older."""
    rollout: tuple[int, int] = (32, 64)
    """The lowest and the highest number of steps that an iteration runs its grids for."""
    fresh: float = 0.01
    """Chance that a grid which is taken from the pool starts again from the seed, from 0 to 1. The lower, the older
    grids grow, and the longer the texture stays as good as it was after a few hundred steps."""
    kernels: tuple[str, ...] = ("square", "hexagonal")
    """Neighbourhoods to train on in turn, so that the model grows its texture on all of them."""
    channels: int = 16
    """How many numbers a cell's state has."""
    hidden: int = 128
    """Hidden units of each cell's network."""
    embedding: int = 4
    """How many numbers tell the cells of a model of many textures which one to make; only with --together."""
    stencils: tuple[str, ...] = tuple(ARTICLE_GAINS)
    """What a cell sees of its neighbourhood: names of stencils, which every kernel has."""
    loss: LossName = "transport"
    """transport: sliced optimal transport; gram: Gram matrices; excitation: no target, but excite --neuron."""
    neuron: str = ""
    """The channel of the network to excite, as LAYER:CHANNEL, for example inception4b:12."""
    overflow: float = 10.0
    """Weight of the overflow loss, which keeps states in [-1, 1]."""
    learning_rate: float = 1e-3
    """Learning rate of Adam; gradients are normalised, so it sets the size of an update."""
    drops: tuple[float, ...] = (0.5, 0.8, 0.93)
    """When the learning rate is multiplied by 0.3: fractions of the run, from 0 to 1."""
    precision: PrecisionName = "auto"
    """Numbers that are multiplied. bfloat16 has 16 bits; auto chooses it where the device is faster with it."""
    seed: int = 0
    """Random seed; with --iterations, the same number trains the same model on the same machine."""

    def check_length(self) -> None:
        """Raise NCAError if two settings say how long to train, before a training is planned."""
        if self.iterations and self.budget:
            raise NCAError("--iterations and --budget both say how long to train; leave one out.")

    def check(self) -> None:
        """Raise NCAError, which names the setting, if a value is out of range."""
        for name, lowest, highest in (
            ("iterations", 1, 10_000_000),
            ("size", 8, 2048),
            ("target_size", 16, 2048),
            ("batch", 1, 1024),
            ("pool", 1, 2**16),
            ("fresh", 0, 1),
            ("channels", 3, 256),
            ("hidden", 1, 1024),
            ("embedding", 1, 8),
            ("overflow", 0, 1_000_000),
            ("learning_rate", 1e-8, 1),
            ("seed", 0, 2**32 - 1),
        ):
            value = getattr(self, name)
            if not lowest <= value <= highest and not (value == 0 and name in LEFT_OPEN):
                raise NCAError(f"{flag_of(name)} is {value:g}; it must be from {lowest} to {highest}.")
        if not isinstance(self.scale, str) and not 0.001 <= self.scale <= 16:
            raise NCAError(f"--scale is {self.scale:g}; it must be from 0.001 to 16, fit or auto.")
        parse_crop(self.crop)
        if not 1 <= self.rollout[0] <= self.rollout[1] <= 4096:
            raise NCAError(
                f"--rollout is {self.rollout[0]} {self.rollout[1]}; give the shortest, then the longest, "
                "from 1 to 4096 steps."
            )
        if not self.kernels or len(set(self.kernels)) < len(self.kernels):
            raise NCAError("--kernels must name at least one kernel, and each only once.")
        if not self.stencils:
            raise NCAError("--stencils must name at least one stencil.")
        if self.budget:
            seconds_of(self.budget)
        batch = self.batch or LEAST_BATCH
        if self.pool < batch * len(self.kernels):
            raise NCAError(
                f"--pool is {self.pool}; {len(self.kernels)} kernels with --batch {batch} need at least "
                f"{batch * len(self.kernels)}."
            )
        if not all(0 <= drop <= 1 for drop in self.drops):
            raise NCAError("--drops must be fractions of the run, from 0 to 1.")
        if (self.loss == "excitation") != bool(self.neuron):
            raise NCAError("Use --loss excitation and --neuron LAYER:CHANNEL together, or neither.")

    def model_config(self, name: str) -> "Config":
        """Return the configuration of a model with these settings, called `name`."""
        from ncaengine.core import model

        features = tuple(model.Feature(s, ARTICLE_GAINS.get(s, 1.0)) for s in self.stencils)
        return model.Config(
            channels=self.channels, hidden=self.hidden, features=features, kernels=self.kernels, name=name
        )


TOGETHER = TrainingSettings(fresh=0.04, pool=256)
"""The defaults for one model of many textures."""
LEFT_OPEN = ("iterations", "size", "batch")
"""Settings that are chosen when the training starts where they are 0; see `budget.planned`."""
FIXED = (
    "size",
    "target_size",
    "scale",
    "crop",
    "even_light",
    "pool",
    "kernels",
    "channels",
    "hidden",
    "embedding",
    "stencils",
    "loss",
    "neuron",
    "seed",
)
"""Settings that can't change when a run is resumed."""


def parse_crop(text: str) -> tuple[int, int, int, int] | None:
    """Return the left, upper, width and height of a crop; None for "" and "auto". Raises NCAError."""
    if text in ("", "auto"):
        return None
    words = text.split(",")
    if len(words) != 4 or not all(word.strip().isdecimal() and len(word) < 10 for word in words):
        raise NCAError(f"--crop is {text!r}; write it as X,Y,WIDTH,HEIGHT in pixels of the image, or auto.")
    x, y, width, height = map(int, words)
    return x, y, width, height


def merge_settings(
    saved: TrainingSettings, given: TrainingSettings, plain: TrainingSettings | None = None
) -> TrainingSettings:
    """Return the settings to resume with: the saved ones, except where `given` differs from the defaults.

    plain: the defaults; None for those of one texture.

    Raises NCAError if one of FIXED would change.
    """
    changes = {}
    for field in dataclasses.fields(TrainingSettings):
        value = getattr(given, field.name)
        if value in (getattr(plain or TrainingSettings(), field.name), getattr(saved, field.name)):
            continue
        if field.name in FIXED:
            raise NCAError(
                f"This run began with {flag_of(field.name)} {_text(getattr(saved, field.name))}, which can't change; "
                "leave the flag out, or start a new training without --resume."
            )
        changes[field.name] = value
    return dataclasses.replace(saved, **changes)


def differing(settings: TrainingSettings, plain: TrainingSettings) -> str:
    """Return the settings of the network and of its training that are not the defaults, as flags with their values."""
    names = [f.name for f in dataclasses.fields(plain) if f.name not in (*LEFT_OPEN, "budget")]
    values = {name: getattr(settings, name) for name in names if getattr(settings, name) != getattr(plain, name)}
    return ", ".join(f"{flag_of(name)} {_text(value)}".replace(" True", "") for name, value in values.items())


def seconds_of(budget: str) -> float:
    """Return the seconds of a duration such as 90s, 5m, 1h30m or 1.5h; a number alone is minutes. Raises NCAError."""
    number = r"[0-9]{1,6}(?:\.[0-9]{1,6})?"
    given = budget.strip() if re.search("[smh]", budget) else f"{budget.strip()}m"
    found = re.fullmatch(rf"(?:({number})\s*h)?\s*(?:({number})\s*m)?\s*(?:({number})\s*s)?", given)
    seconds = (
        sum(float(part or 0) * unit for part, unit in zip(found.groups(), (3600, 60, 1), strict=True)) if found else 0
    )
    if not 1 <= seconds <= 30 * 86400:
        raise NCAError(f"--budget is {budget[:40]}; give a time from 1s to 720h, for example 5m, 20m or 2h.")
    return seconds


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
