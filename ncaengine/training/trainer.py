"""Trains a texture NCA from one picture (Niklasson et al., "Self-Organising Textures", Distill 2021).

python -m ncaengine.training.trainer pebbles -o pebbles.safetensors --features VGG.safetensors …
"""

import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from msgspec import structs
from PIL import Image
from rich import progress

from ncaengine import files, kernels, model, seeding
from ncaengine.errors import NCAError
from ncaengine.model import F32, Model
from ncaengine.reference import Reference
from ncaengine.training import features, losses, targets

ARTICLE_FEATURES = (
    model.Feature("identity", 1.0),
    model.Feature("gradient_x", 8.0),
    model.Feature("gradient_y", 8.0),
    model.Feature("laplacian", 4.0),
)
"""Gains of the article's notebook, whose stencils are not divided."""
RUNAWAY = 20.0
"""A state that goes beyond this is not kept."""
METHOD = "Niklasson et al., Self-Organising Textures, Distill 2021"


@dataclass(frozen=True)
class Config:
    """Settings of a training run. Lengths in cells, rollouts in steps."""

    iterations: int = 2000
    size: int = 96  # side of the square grids that are trained
    batch: int = 4
    pool: int = 64  # states kept between iterations; 256 on a GPU
    rollout: tuple[int, int] = (32, 64)  # the shortest and the longest
    seed_rate: float = 0.5  # the chance that an iteration puts a fresh seed into its batch
    learning_rate: float = 1e-3
    drops: tuple[float, ...] = (0.5, 0.8, 0.93)  # parts of the run after which the learning rate falls to 0.3 of itself
    overflow: float = 10.0  # weight of the overflow loss
    directions: int = 32  # projections of the sliced transport
    kernels: tuple[str, ...] = ("square", "hexagonal")  # trained in turn, so that the model runs on all of them
    rng_seed: int = 0
    device: str = "cpu"
    compile: bool = False  # torch.compile the step: faster after a minute, needs a C++ compiler
    architecture: Annotated[model.Config, tyro.conf.Suppress] = field(
        default_factory=lambda: model.Config(features=ARTICLE_FEATURES)
    )


@dataclass(frozen=True)
class Progress:
    """What a run tells after an iteration, which counts from 1."""

    iteration: int
    loss: float
    snapshot: Callable[[], Model]
    pool: torch.Tensor


def initial_model(settings: model.Config, rng_seed: int) -> Model:
    """Weights to start from: w1 and b1 as torch's convolutions start, but w1 over the gains; w2 at zero.

    The state stands still at first, and without the division the first few updates blow it up.
    """
    rng = np.random.default_rng(rng_seed)
    bound = settings.inputs**-0.5
    gains = np.repeat([feature.gain for feature in settings.features], settings.channels)
    w1 = rng.uniform(-bound, bound, (settings.hidden, settings.inputs)) / gains
    b1 = rng.uniform(-bound, bound, settings.hidden)
    w2, b2 = np.zeros((settings.channels, settings.hidden), np.float32), np.zeros(settings.channels, np.float32)
    return Model(settings, w1.astype(np.float32), b1.astype(np.float32), w2, b2)


def train(
    target: F32,
    settings: Config,
    net: losses.FeatureNet,
    report: Callable[[Progress], None] | None = None,
    start: Model | None = None,
) -> Model:
    """Train a model whose pictures look like `target`, (height, width, 3) in [0, 1].

    `net` gives the feature maps that are compared. `report` is called after each iteration. `start` continues
    from a trained model, whose configuration then stands for `settings.architecture`.
    """
    s, device = settings, torch.device(settings.device)
    torch.manual_seed(s.rng_seed)
    rng = np.random.default_rng(s.rng_seed)
    start = start or initial_model(s.architecture, s.rng_seed)
    catalogue, config = kernels.discover(), start.config
    twins = [Reference(start, catalogue.get(name)).to(device) for name in s.kernels]
    nca = twins[0]
    for twin, name in product(twins, model.WEIGHTS):  # one set of weights on every kernel
        setattr(twin, name, getattr(nca, name))
    steps = [torch.compile(twin) if s.compile else twin for twin in twins]
    picture = torch.from_numpy(np.ascontiguousarray(target, np.float32)).permute(2, 0, 1)[None].to(device)
    likeness = losses.SlicedTransport(net, picture, s.directions)
    optimizer = torch.optim.Adam(nca.parameters(), s.learning_rate)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [round(d * s.iterations) for d in s.drops], 0.3)
    pools = torch.zeros(len(twins), s.pool, config.channels, s.size, s.size, device=device)
    for iteration in range(1, s.iterations + 1):
        turn = iteration % len(twins)
        chosen = rng.choice(s.pool, s.batch, replace=False)
        x = pools[turn, chosen]
        if rng.random() < s.seed_rate:
            x[0] = torch.from_numpy(seeding.initial(config, (s.size, s.size), iteration)).permute(2, 0, 1)
        for _ in range(rng.integers(s.rollout[0], s.rollout[1] + 1)):
            fires = (torch.rand(s.batch, 1, s.size, s.size, device=device) < config.fire_rate).float()
            x = steps[turn](x, fires)
        rgb = losses.on_screen(x[:, :3] * config.colour.scale + config.colour.offset, twins[turn].kernel)
        loss = likeness(rgb) + s.overflow * losses.overflow(x)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for gradient in [p.grad for p in nca.parameters() if p.grad is not None]:
            if not gradient.isfinite().all():
                raise NCAError(f"The training diverged at iteration {iteration}; lower the learning rate.")
            gradient.div_(gradient.norm() + 1e-8)
        optimizer.step()
        schedule.step()
        sane = x.detach().abs().amax((1, 2, 3), keepdim=True) < RUNAWAY
        pools[turn, chosen] = torch.where(sane, x.detach(), 0.0)
        if report is not None:
            report(Progress(iteration, float(loss.detach()), nca.model, pools[0]))
    return nca.model()


def picture_of(states: torch.Tensor, colour: model.Colour) -> Image.Image:
    """States (batch, channels, height, width) side by side, as a picture."""
    rgb = (states[:, :3].detach().cpu() * colour.scale + colour.offset).clamp(0, 1)
    row = torch.cat(list(rgb), 2).permute(1, 2, 0)
    return Image.fromarray((row.numpy() * 255 + 0.5).astype(np.uint8))


@dataclass(frozen=True)
class Run:
    """The command line: train a texture NCA from a picture."""

    target: Annotated[str, tyro.conf.Positional]
    """An image file, or the name of a procedural target: pebbles, coral."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The model to write, .pt or .safetensors; a picture of its grids goes beside it."""
    features: tuple[Path, ...]
    """Weights of the feature nets, .safetensors: VGG-19, its 16x distilled form, or both."""
    settings: Annotated[Config, tyro.conf.arg(name="")]
    resume: Path | None = None  # a model to continue from
    threads: int = 0  # of the CPU; 0 lets torch choose
    checkpoint_every: int = 100  # iterations from one writing of the output to the next
    author: str = ""  # for the model's attribution
    licence: str = ""  # for the model's attribution


def run(a: Run) -> Model:
    """Train with a progress bar, writing the model and its picture now and then. Raises NCAError or OSError."""
    if a.threads:
        torch.set_num_threads(a.threads)
    credit, settings = {"author": a.author, "licence": a.licence, "method": METHOD}, a.settings
    start = files.load(a.resume) if a.resume else initial_model(settings.architecture, settings.rng_seed)
    config = structs.replace(start.config, name=a.output.stem, attribution={k: v for k, v in credit.items() if v})
    start = replace(start, config=config)
    target, net = targets.load(a.target), features.load(a.features).to(settings.device)
    columns = progress.BarColumn(), progress.MofNCompleteColumn(), "loss {task.fields[loss]:.4f}"
    with progress.Progress("{task.description}", *columns, progress.TimeRemainingColumn()) as bar:
        task = bar.add_task(a.output.stem, total=settings.iterations, loss=float("nan"))
        recent: deque[float] = deque(maxlen=20)

        def report(now: Progress) -> None:
            recent.append(now.loss)
            bar.update(task, completed=now.iteration, loss=float(np.median(recent)))
            if now.iteration % a.checkpoint_every == 0 or now.iteration == settings.iterations:
                files.save(now.snapshot(), a.output)
                picture_of(now.pool[:4], config.colour).save(a.output.with_suffix(".png"))

        return train(target, settings, net, report, start)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        run(tyro.cli(Run, prog="python -m ncaengine.training.trainer", args=arguments))
    except (NCAError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
