"""`ncaengine evaluate`."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.options import Plugins, SizeText, check_seed, find_kernels, parse_size, plural, say
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ncaengine.core.model import Model
    from ncaengine.simulation.simulation import Simulation
    from ncaengine.training.evaluation import EvaluationPlan, EvaluationResult
    from ncaengine.training.losses import Loss

DIRECTIONS = 128
"""Of sliced transport: more than in a training, where the next iteration takes others, for less is left to chance."""


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure how far models' rollouts are from a target, by a loss of the training."""

    models: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="MODEL [MODEL ...]", help_behavior_hint="(required)"),
    ] = ()
    """Model files; with several, each is compared with the first."""
    target: Annotated[str, tyro.conf.arg(metavar="IMAGE")]
    """The picture that they should look like: an image file, or a pattern's name."""
    target_size: int = 128
    """Its longer side is brought down to so many pixels, as the training did (train --target-size)."""
    loss: Literal["transport", "gram"] = "transport"
    """How features are compared: sliced optimal transport, or Gram matrices."""
    features: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NET [NET ...]")] = ("auto",)
    """The feature nets, as for `ncaengine train`: names or files of weights."""
    steps: Annotated[tuple[int, ...], tyro.conf.arg(metavar="STEP [STEP ...]")] = (300, 1000)
    """When to measure, in steps since the seed."""
    heal: bool = False
    """After the last step, cut a disc out of every grid, half as wide as the grid, and measure again when it has
    had time to heal."""
    heal_steps: int = 300
    """Steps that it has for that."""
    rollouts: int = 16
    """Rollouts of each model, from different seeds."""
    seed: int = 0
    """The seed of the first rollout; the others count on from it."""
    kernel: str = "square"
    """Neighbourhood: see `ncaengine kernels`."""
    size: SizeText = "128x128"
    """Cells of the grids, width x height; one number for a square."""
    json: bool = False
    """One JSON object instead of a table."""
    backend: Literal["auto", "gl", "torch"] = "auto"
    """auto: OpenGL, or torch where there is no OpenGL 4.3."""
    plugins: Plugins = ()
    """More folders of kernel plugins."""

    def run(self) -> None:
        """Measure, with a progress bar, and print a table or JSON."""
        self._check()
        import numpy as np
        import torch

        from ncaengine.backends import open_backend
        from ncaengine.formats import model_files
        from ncaengine.simulation import simulation
        from ncaengine.training import evaluation, losses, targets
        from ncaengine.training.features import extractor

        steps = tuple(sorted(set(self.steps)))
        plan = evaluation.EvaluationPlan(
            self.kernel, parse_size(self.size), steps, self.rollouts, self.seed, self.heal_steps * self.heal
        )
        models = [model_files.load(path) for path in self.models]
        picture = np.ascontiguousarray(targets.load_target(self.target, self.target_size))
        target = torch.from_numpy(picture).permute(2, 0, 1)[None]
        catalogue = find_kernels(self.plugins, self.kernel, models)
        net, notice = extractor.open_nets(self.features)
        if notice:
            say("VGG-19's weights could not be fetched (no internet?); random filters compare the pictures instead.")
        loss = losses.make_loss(self.loss, net, target, directions=DIRECTIONS)
        floor = evaluation.picture_loss(target, loss)
        backend, notice = open_backend(self.backend)
        if notice:
            say(notice)
        with simulation.Simulation(backend, catalogue, history=0) as sim:
            results = _measure(sim, models, loss, plan)
        if self.json:
            self._print_json(results, plan, net.names, floor)
        else:
            self._print_table(results, plan, floor)

    def _check(self) -> None:
        if not self.models:
            raise NCAError("Name a model to evaluate.")
        lowest = {"rollouts": 1, "heal_steps": 1, "target_size": 8}
        for name, least in lowest.items():
            if getattr(self, name) < least:
                raise NCAError(f"--{name.replace('_', '-')} is {getattr(self, name)}; it must be at least {least}.")
        if not self.steps or min(self.steps) < 1:
            raise NCAError("--steps needs numbers of at least 1, for example --steps 300 1000.")
        check_seed(self.seed)
        check_seed(self.seed + self.rollouts - 1)

    def _print_table(self, results: "Sequence[EvaluationResult]", plan: "EvaluationPlan", floor: float) -> None:
        from rich.console import Console
        from rich.table import Table

        width, height = plan.size
        print(f"{self.loss} loss against {self.target}")
        print(f"{plural(plan.rollouts, 'rollout')} of {width}x{height} on {plan.kernel}, mean ± standard deviation")
        several = len(results) > 1
        table = Table("model", "when", "loss", *["ratio"] * several, "max |state|")
        for column in table.columns:
            column.no_wrap, column.overflow = column is not table.columns[0], "fold"
        first = results[0].losses.mean(0)
        for path, result in zip(self.models, results, strict=True):
            mean, deviation, once = result.losses.mean(0), result.losses.std(0), [str(path), f"{result.largest:.3g}"]
            table.add_section()
            for when, m, d, f in zip(plan.moments, mean, deviation, first, strict=True):
                table.add_row(once[0], when, f"{m:.4g} ± {d:.2g}", *[f"×{m / f:.3f}"] * several, once[1])
                once = ["", ""]
        Console(highlight=False, markup=False).print(table)
        print(f"The target itself measures {floor:.3g}.")

    def _print_json(
        self, results: "Sequence[EvaluationResult]", plan: "EvaluationPlan", features: "Sequence[str]", floor: float
    ) -> None:
        import json
        from dataclasses import asdict

        models = [
            {
                "file": str(path),
                "moments": [
                    {
                        "when": when,
                        "mean": _number(v.mean()),
                        "deviation": _number(v.std()),
                        "losses": [*map(_number, v)],
                    }
                    for when, v in zip(plan.moments, result.losses.T, strict=True)
                ],
                "largest_state": _number(result.largest),
            }
            for path, result in zip(self.models, results, strict=True)
        ]
        told = {"target": self.target, "loss": self.loss, "features": features, "target_itself": _number(floor)}
        print(json.dumps({**told, **asdict(plan), "models": models}, indent=2))


def _number(value: float) -> float | None:
    """As JSON can have it."""
    return float(value) if math.isfinite(value) else None


def _measure(
    sim: "Simulation", models: "Sequence[Model]", loss: "Loss", plan: "EvaluationPlan"
) -> "list[EvaluationResult]":
    from rich.console import Console
    from rich.progress import Progress

    from ncaengine.training import evaluation

    results, console = [], Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=plan.total * len(models))
        for model in models:
            progress.update(task, description=model.config.name)
            results.append(evaluation.evaluate(sim, model, loss, plan, lambda made: progress.advance(task, made)))
    return results
