"""`ncaengine evaluate`."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from ncaengine.cli.shared.engine import find_kernels, load_models, open_simulation
from ncaengine.cli.shared.options import (
    BackendChoice,
    Count,
    KernelName,
    Models,
    Plugins,
    Range,
    Seed,
    Size,
    Threads,
    size_text,
)
from ncaengine.cli.shared.output import plural, print_json, print_notice, progress_bar
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from ncaengine.core.model import Model
    from ncaengine.simulation.simulation import Simulation
    from ncaengine.training.evaluation import EvaluationPlan, EvaluationResult
    from ncaengine.training.losses import Loss

DIRECTIONS = 128
"""Directions of sliced transport; more than in training, where later iterations take other directions."""


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Grow models several times, and measure how close their textures come to a target image."""

    models: Models = ()
    """Model files; if there are several, each is compared with the first."""
    target: Annotated[str, tyro.conf.arg(metavar="IMAGE")]
    """The image that the textures should look like: an image file, or the name of a pattern."""
    target_size: Annotated[int, Range(8)] = 128
    """Longer side of the target in pixels after scaling down, as for `ncaengine train`."""
    loss: Literal["transport", "gram"] = "transport"
    """How features are compared: sliced optimal transport, or Gram matrices."""
    features: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NET [NET ...]")] = ("auto",)
    """The networks that compute the features, as for `ncaengine train`: names, or files of weights."""
    steps: Annotated[tuple[int, ...], tyro.conf.arg(metavar="STEP [STEP ...]"), Range(1)] = (300, 1000)
    """When to measure, in steps from the seed."""
    heal: bool = False
    """After the last step, cut out a disc half as wide as the grid, and measure again after --heal-steps more
    steps."""
    heal_steps: Count = 300
    """How many steps a grid has to heal."""
    rollouts: Count = 16
    """How often each model is grown, each time with another random seed."""
    seed: Seed = 0
    """Random seed of the first time; the others count up from it."""
    kernel: KernelName = "square"
    size: Size = (128, 128)
    """Size of the grids in cells: width x height, or one number for a square."""
    json: bool = False
    """Print one JSON object instead of a table."""
    backend: BackendChoice = "auto"
    threads: Threads = None
    plugins: Plugins = ()

    def run(self) -> None:
        """Measure with a progress bar; print a table or JSON."""
        self._check()
        from ncaengine.training import evaluation, losses, targets
        from ncaengine.training.features import extractor

        steps = tuple(sorted(set(self.steps)))
        plan = evaluation.EvaluationPlan(
            self.kernel, self.size, steps, self.rollouts, self.seed, self.heal_steps * self.heal
        )
        models = load_models(self.models)
        target = losses.picture_tensor(targets.load_target(self.target, self.target_size))
        catalogue = find_kernels(self.plugins, self.kernel, models)
        net, notice = extractor.open_nets(self.features)
        if notice:
            print_notice("The weights of VGG-19 could not be downloaded; random filters compare the pictures instead.")
        loss = losses.make_loss(self.loss, net, target, directions=DIRECTIONS)
        loss_of_target = evaluation.picture_loss(target, loss)
        with open_simulation(catalogue, self.backend, threads=self.threads) as sim:
            results = _measure(sim, models, loss, plan)
        if self.json:
            self._print_json(results, plan, net.names, loss_of_target)
        else:
            self._print_table(results, plan, loss_of_target)

    def _check(self) -> None:
        if not self.models:
            raise NCAError("Name a model to evaluate.")
        if not self.steps:
            raise NCAError("--steps needs numbers, for example --steps 300 1000.")
        if self.seed + self.rollouts > 2**32:
            raise NCAError(f"--seed is {self.seed}; with --rollouts {self.rollouts} it must be at most "
                           f"{2**32 - self.rollouts}.")  # fmt: skip

    def _print_table(
        self, results: "Sequence[EvaluationResult]", plan: "EvaluationPlan", loss_of_target: float
    ) -> None:
        from rich.console import Console
        from rich.table import Table

        print(f"{self.loss} loss against {self.target}")
        rollouts = plural(plan.rollouts, "rollout")
        print(f"{rollouts} of {size_text(plan.size)} on {plan.kernel}, mean ± standard deviation")
        several = len(results) > 1
        table = Table("model", "when", "loss", *["ratio"] * several, "max |state|")
        for column in table.columns:
            column.no_wrap, column.overflow = column is not table.columns[0], "fold"
        first = results[0].losses.mean(0)
        for path, result in zip(self.models, results, strict=True):
            name, largest = str(path), f"{result.largest:.3g}"
            table.add_section()
            for when, loss, reference in zip(plan.moments, result.losses.T, first, strict=True):
                measured = f"{loss.mean():.4g} ± {loss.std():.2g}"
                ratio = [f"×{loss.mean() / reference:.3f}"] * several
                table.add_row(name, when, measured, *ratio, largest)
                name = largest = ""  # only in the model's first row
        Console(highlight=False, markup=False).print(table)
        print(f"The target itself has a loss of {loss_of_target:.3g}.")

    def _print_json(
        self,
        results: "Sequence[EvaluationResult]",
        plan: "EvaluationPlan",
        features: Sequence[str],
        loss_of_target: float,
    ) -> None:
        models = [
            {
                "file": str(path),
                "moments": [
                    _moment_json(when, losses) for when, losses in zip(plan.moments, result.losses.T, strict=True)
                ],
                "largest_state": _json_number(result.largest),
            }
            for path, result in zip(self.models, results, strict=True)
        ]
        print_json({
            "target": self.target,
            "loss": self.loss,
            "features": features,
            "target_itself": _json_number(loss_of_target),
            **asdict(plan),
            "models": models,
        })  # fmt: skip


def _moment_json(when: str, losses: Any) -> dict[str, Any]:
    """Return what was measured at one moment; losses: (rollouts,) float64."""
    return {
        "when": when,
        "mean": _json_number(losses.mean()),
        "deviation": _json_number(losses.std()),
        "losses": [*map(_json_number, losses)],
    }


def _json_number(value: float) -> float | None:
    """Return a number that JSON can hold; None if it is infinite or not a number."""
    return float(value) if math.isfinite(value) else None


def _measure(
    sim: "Simulation", models: "Sequence[Model]", loss: "Loss", plan: "EvaluationPlan"
) -> "list[EvaluationResult]":
    """Evaluate the models one by one, with a progress bar."""
    from ncaengine.training import evaluation

    results = []
    with progress_bar("steps") as progress:
        task = progress.add_task("", total=plan.total * len(models))
        for model in models:
            progress.update(task, description=model.config.name)
            results.append(evaluation.evaluate(sim, model, loss, plan, lambda steps: progress.advance(task, steps)))
    return results
