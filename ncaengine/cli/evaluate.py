"""`ncaengine evaluate`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.shared.engine import find_kernels, load_models, open_simulation
from ncaengine.cli.shared.flag_effects import NoEffect, only_with
from ncaengine.cli.shared.options import (
    BackendChoice,
    Count,
    Models,
    Plugins,
    Range,
    Seed,
    Size,
    Threads,
    size_text,
)
from ncaengine.cli.shared.output import print_json, print_line, print_notice, progress_bar
from ncaengine.cli.shared.reports import Against, against, make_report
from ncaengine.cli.shared.targets import load_target
from ncaengine.core import bounds
from ncaengine.core.errors import NCAError
from ncaengine.core.texts import plural, printable, rounded

if TYPE_CHECKING:
    from ncaengine.core.model import Model
    from ncaengine.simulation.simulation import Simulation
    from ncaengine.training.appraisal import Plan
    from ncaengine.training.evaluation import EvaluationPlan, EvaluationResult
    from ncaengine.training.losses import Loss

STEPS, ROLLOUTS = (300, 1000), 16
"""When the table measures, and how often."""
MOMENTS = tyro.conf.arg(metavar="STEP [STEP ...]", help_behavior_hint="(default: 300 1000; for a report also 10000)")
KERNELS = tyro.conf.arg(metavar="NAME [NAME ...]", help_behavior_hint="(default: square; for a report also hexagonal)")


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Grow models several times, and measure how close their textures come to a target image."""

    models: Models = ()
    """Model files; if there are several, each is compared with the first."""
    target: Annotated[str, tyro.conf.arg(metavar="IMAGE")]
    """The image that the textures should look like: an image file, or the name of a pattern."""
    target_size: Annotated[int, Range(8, 2048)] = 128
    """Longer side of the target in pixels after scaling down, as for `ncaengine train`."""
    loss: Literal["transport", "gram"] = "transport"
    """How features are compared: sliced optimal transport, or Gram matrices."""
    features: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NET [NET ...]")] = ("auto",)
    """The networks that compute the features, as for `ncaengine train`: names, or files of weights."""
    report: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(default: none)")] = None
    """Write a report instead, as one page (.html) or one picture (.png): pictures, loss, healing, drift, size of the
    structure, spectrum and speed of all models. The numbers go to a .json file next to it."""
    steps: Annotated[tuple[int, ...] | None, MOMENTS, Range(1, bounds.RUN.high)] = None
    """When to measure, in steps from the seed; for a report, when to take pictures."""
    heal: bool = False
    """After the last step, cut out a disc half as wide as the grid, and measure again after --heal-steps more
    steps."""
    heal_steps: Count = 300
    """How many steps a grid has to heal."""
    rollouts: Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 16; for a report 4)"),
                        Range(1, bounds.RUN.high)] = None  # fmt: skip
    """How often each model is grown, each time with another random seed."""
    seed: Seed = 0
    """Random seed of the first time; the others count up from it."""
    kernel: Annotated[tuple[str, ...], KERNELS] = ()
    """The neighbourhood; for a report there may be several. `ncaengine kernels` lists them all."""
    size: Size = (128, 128)
    """Size of the grids in cells: width x height, or one number for a square."""
    json: bool = False
    """Print one JSON object instead of a table."""
    note: bool = False
    """Write the losses into the models' files too, where `ncaengine info` shows them."""
    backend: BackendChoice = "auto"
    threads: Threads = None
    plugins: Plugins = ()

    def run(self) -> None:
        """Measure with a progress bar; print a table or JSON, or write a report."""
        self._check()
        from ncaengine.formats import model_files
        from ncaengine.training import evaluation
        from ncaengine.training.notes import check_notable, note_losses

        if self.note:
            for path in self.models:
                check_notable(path)
        kernels = self.kernel or (("square", "hexagonal") if self.report else ("square",))
        models = load_models(self.models)
        picture = load_target(self.target, self.target_size)
        catalogue = find_kernels(self.plugins, kernels, models)
        target = against(self.target, picture, self.loss, self.features)
        with open_simulation(catalogue, self.backend, threads=self.threads) as sim:
            if self.report:
                make_report(sim, models, self.models, target, self._report_plan(kernels), self.report)
                return
            steps = tuple(sorted(set(self.steps or STEPS)))
            heal = self.heal_steps * self.heal
            plan = evaluation.EvaluationPlan(kernels[0], self.size, steps, self.rollouts or ROLLOUTS, self.seed, heal)
            results = _measure(sim, models, target.loss, plan)
        if self.note:
            for path, model, result in zip(self.models, models, results, strict=True):
                note_losses(model, model_files.find_file(path), target.name, self.loss, plan, result)
                print_notice(f"{path}: its losses on {plan.kernel} are in the file.")
        if self.json:
            self._print_json(results, plan, target)
        else:
            self._print_table(results, plan, target.own_loss)

    def no_effects(self) -> tuple[NoEffect, ...]:
        """Return which flags have no effect."""
        report = self.report is not None
        return (
            only_with("--heal or --report", self.heal or report, "heal_steps"),
            NoEffect(report, "json",
                     "does not work with --report, which always writes its numbers to a .json file; leave it out."),
            NoEffect(report, "heal", "does not work with --report, which always measures the healing; leave it out."),
            NoEffect(report, "note",
                     "does not work with --report: the losses of the table go into the files; leave it out."),
        )  # fmt: skip

    def _check(self) -> None:
        if not self.models:
            raise NCAError("Name a model to evaluate.")
        if self.steps == ():
            raise NCAError("--steps needs numbers, for example --steps 300 1000.")
        if self.report is None and len(self.kernel) > 1:
            raise NCAError("--kernel takes several names only with --report; give one.")
        if len(set(self.kernel)) < len(self.kernel):
            raise NCAError("--kernel names a neighbourhood twice; leave one out.")
        rollouts = self.rollouts or ROLLOUTS
        if self.seed + rollouts > 2**32:
            raise NCAError(f"--seed is {self.seed}; with --rollouts {rollouts} it must be at most "
                           f"{2**32 - rollouts}.")  # fmt: skip
        if self.report is not None:
            from ncaengine.training.report_files import check_output

            check_output(self.report)

    def _report_plan(self, kernels: tuple[str, ...]) -> "Plan":
        from ncaengine.training.appraisal import Plan

        plan = Plan(kernels, self.size, seed=self.seed, heal=self.heal_steps)
        steps = tuple(sorted(set(self.steps or plan.steps)))
        return replace(plan, steps=steps, rollouts=self.rollouts or plan.rollouts)

    def _print_table(
        self, results: "Sequence[EvaluationResult]", plan: "EvaluationPlan", loss_of_target: float
    ) -> None:
        from rich.console import Console
        from rich.table import Table

        print_line(f"{self.loss} loss against {self.target}")
        rollouts = plural(plan.rollouts, "rollout")
        print(f"{rollouts} of {size_text(plan.size)} on {plan.kernel}, mean ± standard deviation")
        several = len(results) > 1
        table = Table("model", "when", "loss", *["ratio"] * several, "max |state|")
        for column in table.columns:
            column.no_wrap, column.overflow = column is not table.columns[0], "fold"
        first = results[0].losses.mean(0)
        for path, result in zip(self.models, results, strict=True):
            name, largest = printable(str(path)), rounded(result.largest, 3)
            table.add_section()
            for when, loss, reference in zip(plan.moments, result.losses.T, first, strict=True):
                measured = f"{loss.mean():.4g} ± {loss.std():.2g}"
                shown = (measured, *[f"×{loss.mean() / reference:.3f}"] * several, largest)
                table.add_row(name, when, *("—" if "nan" in text else text for text in shown))
                name = largest = ""  # only in the model's first row
        Console(highlight=False, markup=False).print(table)
        print(f"The target itself has a loss of {loss_of_target:.3g}.")

    def _print_json(self, results: "Sequence[EvaluationResult]", plan: "EvaluationPlan", target: Against) -> None:
        from ncaengine.training.appraisal import as_json

        models = [
            {
                "file": str(path),
                "moments": [
                    {"when": when, "mean": losses.mean(), "deviation": losses.std(), "losses": losses}
                    for when, losses in zip(plan.moments, result.losses.T, strict=True)
                ],
                "largest_state": result.largest,
            }
            for path, result in zip(self.models, results, strict=True)
        ]
        print_json(as_json({
            "target": self.target,
            "loss": self.loss,
            "features": target.features,
            "target_itself": target.own_loss,
            **asdict(plan),
            "models": models,
        }))  # fmt: skip


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
