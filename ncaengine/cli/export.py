"""`ncaengine export`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.options import Plugins, find_kernels, plural, progress_bar, say
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from ncaengine.backends.base import Cells
    from ncaengine.core.kernels import Kernel
    from ncaengine.core.model import Model
    from ncaengine.core.types import F32
    from ncaengine.formats.exporters.atlas import Ranges

Form = Literal["atlas", "torch", "glsl"]
ENDINGS: dict[str, Form] = {".json": "atlas", ".pt": "torch", ".pth": "torch", ".glsl": "glsl", ".frag": "glsl"}
FORM = tyro.conf.arg(metavar="{atlas,torch,glsl}", help_behavior_hint="(default: by the file's ending)")
SIDE, STEPS, EVERY = 64, 400, 10
"""Of the rollout in which an atlas's ranges are measured: cells a side, steps, and steps between two looks."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write models for other programs: the article's page and hexells, its notebook, or shadertoy.com."""

    models: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="MODEL [MODEL ...]", help_behavior_hint="(required)"),
    ] = ()
    """Model files, shipped models' names, as zebra, or published files, FILE:NAME for one of several in a file; more
    than one only for an atlas."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")]
    """.json, .pt or .glsl. A file of that name is overwritten."""
    form: Annotated[Form | None, FORM] = None
    """atlas: what the article's page and hexells read as models.json, in 8 bits a weight; models that do not clip their
    values run for some seconds each, to be measured. torch: a state dict of the article's notebook; glsl: tabs to paste
    at shadertoy.com."""
    kernel: str = "square"
    """Neighbourhood that GLSL has, and that an atlas is measured on; see `ncaengine kernels`."""
    plugins: Plugins = ()
    """More folders of kernel plugins."""

    def run(self) -> None:
        """Write the file and say what it holds."""
        from ncaengine.formats import model_files

        form = self.form or ENDINGS.get(self.output.suffix.lower())
        if form is None:
            raise NCAError(f"{self.output}: no form has this ending; use .json, .pt or .glsl, or give --form.")
        if not self.output.parent.is_dir():
            raise NCAError(f"{self.output}: cannot be written, for its folder does not exist; make it first.")
        if not self.models:
            raise NCAError("Name a model to export.")
        if form != "atlas" and len(self.models) > 1:
            raise NCAError(f"The form {form} holds one model, not {len(self.models)}; export them one by one.")
        models = [model_files.load(path) for path in self.models]
        match form:
            case "atlas":
                self._write_text(self._atlas(models))
            case "glsl":
                from ncaengine.formats.exporters import shadertoy

                self._write_text(shadertoy.source(models[0], self._kernel(models)))
            case "torch":
                self._write_tensors(models[0])
        first = f", the first is {models[0].config.name}" if len(models) > 1 else f", {models[0].config.name}"
        print(f"{plural(len(models), 'model')} in {self.output}{first}")

    def _kernel(self, models: "list[Model]") -> "Kernel":
        return find_kernels(self.plugins, self.kernel, models).get(self.kernel)

    def _atlas(self, models: "list[Model]") -> str:
        from ncaengine.formats.exporters import atlas

        kernel = self._kernel(models)
        ranges = _measured([model for model in models if atlas.needs_ranges(model.config)], kernel)
        return atlas.atlas([(model, ranges.get(id(model))) for model in models])

    def _write_text(self, text: str) -> None:
        from ncaengine.core import files

        files.replace_file(self.output, lambda part: part.write_text(text, "utf-8"))

    def _write_tensors(self, model: "Model") -> None:
        import torch

        from ncaengine.core import files
        from ncaengine.formats.exporters import notebook

        arrays, to_mind = notebook.state_dict(model)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        files.replace_file(self.output, lambda part: torch.save(tensors, part))
        for sentence in to_mind:
            say(f"{model.config.name}: {sentence}")
        c = model.config
        by = c.credit or "whoever trained it"
        say(
            f"A state dict holds weights alone, not that it is {c.name}, for {' and '.join(c.kernels)}, by {by}; "
            "say so beside it."
        )


def _measured(models: "list[Model]", kernel: "Kernel") -> "dict[int, Ranges]":
    """What each model reaches, by its id; those that are the same to the last bit are run once. Raises NCAError."""
    from ncaengine.backends import open_backend
    from ncaengine.core import model as compare
    from ncaengine.formats.exporters import atlas

    found: dict[int, Ranges] = {}
    if not models:
        return found
    for model in models:
        atlas.check(model.config)  # before the first of them has taken its seconds
    runs: list[list[Model]] = []
    for model in models:
        known = next((run for run in runs if compare.same(run[0], model)), None)
        known.append(model) if known else runs.append([model])
    backend, notice = open_backend("auto")
    if notice:
        say(notice)
    try:
        with progress_bar("steps") as bar:
            task = bar.add_task("", total=len(runs) * STEPS)
            for first, *others in runs:
                bar.update(task, description=f"Measuring {first.config.name}")
                states = _states(backend.cells(), first, kernel, lambda made: bar.advance(task, made))
                ranges = atlas.measure(first, kernel, states)
                found.update((id(model), ranges) for model in (first, *others))
    finally:
        backend.release()
    return found


def _states(
    cells: "Cells", model: "Model", kernel: "Kernel", tell: Callable[[int], object] = lambda made: None
) -> "Iterator[F32]":
    """States of a rollout from the model's seed, each (height, width, channels) float32; gives `cells` back.

    tell: called with the number of steps made since the last call.
    """
    from ncaengine.core import states
    from ncaengine.core.settings import Settings

    try:
        cells.specialise(model, kernel)
        cells.write(states.initial(model, (SIDE, SIDE), 0))
        for step in range(STEPS):
            cells.step(step, 0, Settings(fire_rate=model.config.fire_rate))
            if step % EVERY == 0:
                yield cells.read()
                tell(EVERY)
    finally:
        cells.release()
