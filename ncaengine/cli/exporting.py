"""`ncaengine export`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.flags import Plugins, find_kernels, plural, progress_bar, say
from ncaengine.errors import NCAError

if TYPE_CHECKING:
    from ncaengine.kernels import Kernel
    from ncaengine.model import F32, Model

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
    """Model files, or shipped models' names, as zebra; several only for an atlas."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")]
    """.json, .pt or .glsl. A file of that name is overwritten."""
    form: Annotated[Form | None, FORM] = None
    """atlas: what the article's page and hexells read as models.json, in 8 bits a weight; torch: a state dict of the
    article's notebook; glsl: tabs to paste at shadertoy.com."""
    kernel: str = "square"
    """Neighbourhood that GLSL has, and that an atlas is measured on; see `ncaengine kernels`."""
    plugins: Plugins = ()
    """More folders of kernel plugins."""

    def run(self) -> None:
        """Write the file and say what it holds."""
        from ncaengine import files

        form = self.form or ENDINGS.get(self.output.suffix.lower())
        if form is None:
            raise NCAError(f"{self.output}: no form has this ending; use .json, .pt or .glsl, or give --form.")
        if not self.models:
            raise NCAError("Name a model to export.")
        if form != "atlas" and len(self.models) > 1:
            raise NCAError(f"The form {form} holds one model, not {len(self.models)}; export them one by one.")
        models = [files.load(path) for path in self.models]
        match form:
            case "atlas":
                self._write_text(self._atlas(models))
            case "glsl":
                from ncaengine.exporters import shadertoy

                self._write_text(shadertoy.source(models[0], self._kernel(models)))
            case "torch":
                self._write_tensors(models[0])
        if form != "glsl":
            for credit in dict.fromkeys(model.config.credit for model in models if model.config.credit):
                say(f"The file has no place for whose work it holds; name them beside it: {credit}")
        print(f"{self.output}: {plural(len(models), 'model')}, as {models[0].config.name}")

    def _kernel(self, models: "list[Model]") -> "Kernel":
        return find_kernels(self.plugins, self.kernel, models).get(self.kernel)

    def _atlas(self, models: "list[Model]") -> str:
        from ncaengine.exporters import atlas

        kernel, pairs = self._kernel(models), []
        with progress_bar("models") as progress:
            for model in progress.track(models, description="Measuring"):
                needed = atlas.needs_ranges(model.config)
                pairs.append((model, atlas.measure(model, kernel, _states(model, kernel)) if needed else None))
        return atlas.atlas(pairs)

    def _write_text(self, text: str) -> None:
        from ncaengine import files

        files.replace_file(self.output, lambda part: part.write_text(text, "utf-8"))

    def _write_tensors(self, model: "Model") -> None:
        import torch

        from ncaengine import files
        from ncaengine.exporters import notebook

        arrays, to_mind = notebook.state_dict(model)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        files.replace_file(self.output, lambda part: torch.save(tensors, part))
        for sentence in to_mind:
            say(f"{model.config.name}: {sentence}")


def _states(model: "Model", kernel: "Kernel") -> "Iterator[F32]":
    """States of a rollout from the model's seed, each (height, width, channels) float32."""
    from ncaengine import seeding
    from ncaengine.torch_backend import TorchCells

    cells = TorchCells()
    cells.specialise(model, kernel)
    cells.write(seeding.initial(model, (SIDE, SIDE), 0))
    for step in range(STEPS):
        cells.step(step, 0, model.config.fire_rate)
        if step % EVERY == 0:
            yield cells.read()
