"""`ncaengine export`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.shared.engine import find_kernels, load_models, open_simulation
from ncaengine.cli.shared.flag_effects import NoEffect, only_with
from ncaengine.cli.shared.options import SIZE, KernelName, Models, OutputFile, Plugins, Seed
from ncaengine.cli.shared.output import print_line, print_notice, progress_bar
from ncaengine.cli.shared.pages import open_page, page_text, start_settings
from ncaengine.core.errors import NCAError
from ncaengine.core.texts import plural

if TYPE_CHECKING:
    from ncaengine.core.kernels import Catalogue
    from ncaengine.core.model import Model
    from ncaengine.core.types import F32
    from ncaengine.formats.exporters.atlas import Ranges
    from ncaengine.simulation.simulation import Simulation

Form = Literal["page", "atlas", "torch", "glsl"]
FORMS: dict[str, Form] = {
    ".html": "page", ".htm": "page", ".json": "atlas", ".pt": "torch", ".pth": "torch",
    ".glsl": "glsl", ".frag": "glsl",
}  # fmt: skip
"""The form that each file ending stands for."""
FORM = tyro.conf.arg(metavar="{page,atlas,torch,glsl}", help_behavior_hint="(default: from the file's ending)")
KERNELS = tyro.conf.arg(metavar="NAME [NAME ...]", help_behavior_hint="(default: those that the models were made for)")
SIZE_OF_PAGE = tyro.conf.arg(help_behavior_hint="(default: as the window)")
SIDE, STEPS, EVERY = 64, 400, 10
"""The rollout in which an atlas's ranges are measured: cells per side, steps, and steps between two measurements."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write models as a web page, or for the Distill article's page and notebook, hexells, or shadertoy.com."""

    models: Models = ()
    """Model files, published files (FILE:NAME picks one of several models in a file) or names of shipped models, for
    example zebra. Only a page (.html) and an atlas (.json) can hold several models."""
    output: OutputFile
    """The file to write: .html, .json, .pt or .glsl. An existing file is overwritten."""
    form: Annotated[Form | None, FORM] = None
    """page: one file that runs the models in every browser with WebGL 2, and loads nothing else. atlas: models.json for
    the article's page and hexells, with 8 bits per weight; a model that does not limit its values first runs for a few
    seconds, to measure their ranges. torch: a state dict for the article's notebook. glsl: text to paste into the tabs
    of a shader at shadertoy.com."""
    kernel: KernelName = "square"
    kernels: Annotated[tuple[str, ...], KERNELS] = ()
    """The neighbourhoods that a page offers, the first at its start."""
    size: Annotated[tuple[int, int] | None, SIZE, SIZE_OF_PAGE] = None
    """Size of a page's grid in cells: width x height, or one number for a square."""
    seed: Seed = 0
    """The random seed at a page's start."""
    open: bool = False
    """Show the page in the browser."""
    plugins: Plugins = ()

    def run(self) -> None:
        """Write the file and print what it holds."""
        from ncaengine.core import embeddings, files

        form = self._form
        if form is None:
            raise NCAError(f"{self.output}: this ending is not known; use .html, .json, .pt or .glsl, or give --form.")
        files.check_place(self.output)
        if not self.models:
            raise NCAError("Name a model to export.")
        if str(self.output) == "-":
            raise NCAError("Only recordings go to standard output; name a file, for example texture.html.")
        if form not in ("page", "atlas") and len(self.models) > 1:
            raise NCAError(f"The form {form} holds one model, not {len(self.models)}; export them one by one.")
        models = [one for model in load_models(self.models) for one in embeddings.each(model)]
        if form not in ("page", "atlas") and len(models) > 1:
            path, name = self.models[0], models[0].config.name
            raise NCAError(f"{path}: makes {len(models)} textures; the form {form} holds one, as {path}:{name}.")
        match form:
            case "page":
                self._write_text(self._page(models))
            case "atlas":
                self._write_text(self._atlas(models))
            case "glsl":
                from ncaengine.formats.exporters import shadertoy

                self._write_text(shadertoy.source(models[0], self._kernels(models).get(self.kernel)))
            case "torch":
                self._write_tensors(models[0])
        name = models[0].config.name
        first = f", the first is {name}" if len(models) > 1 else f": {name}"
        print_line(f"{plural(len(models), 'model')} in {self.output}{first}")
        if form == "page" and self.open:
            open_page(self.output)

    @property
    def _form(self) -> Form | None:
        return self.form or FORMS.get(self.output.suffix.lower())

    def no_effects(self) -> tuple[NoEffect, ...]:
        """Return which flags have no effect."""
        on_one = NoEffect(
            self._form == "page", "kernel", "does not work with a page, which may offer several: use --kernels."
        )
        return (
            only_with("a page (.html)", self._form in ("page", None), "kernels size seed open"),
            on_one,
            only_with("a page, an atlas or GLSL", self._form != "torch", "kernel plugins"),
        )

    def _kernels(self, models: "list[Model]") -> "Catalogue":
        return find_kernels(self.plugins, [self.kernel], models)

    def _page(self, models: "list[Model]") -> str:
        return page_text(models, self.kernels, self.plugins, start_settings(self.size, self.seed))

    def _atlas(self, models: "list[Model]") -> str:
        from ncaengine.formats.exporters import atlas

        catalogue = self._kernels(models)
        ranges = _measure([model for model in models if atlas.needs_ranges(model.config)], catalogue, self.kernel)
        return atlas.atlas_json([(model, ranges.get(id(model))) for model in models])

    def _write_text(self, text: str) -> None:
        from ncaengine.core import files

        files.replace_file(self.output, text.encode())

    def _write_tensors(self, model: "Model") -> None:
        from ncaengine.core import files
        from ncaengine.formats.exporters import notebook
        from ncaengine.formats.torch_zip import as_pt

        arrays, warnings = notebook.state_dict(model)
        files.replace_file(self.output, as_pt(arrays))
        c = model.config
        for warning in warnings:
            print_notice(f"{c.name}: {warning}")
        print_notice(
            f"A state dict has no metadata; record separately that it is {c.name}, for {' and '.join(c.kernels)}, "
            f"by {c.credit or 'whoever trained it'}."
        )


def _measure(models: "list[Model]", catalogue: "Catalogue", kernel: str) -> "dict[int, Ranges]":
    """Measure the ranges of each model, by its id; identical models run once. Raises NCAError."""
    from ncaengine.core import model as model_module
    from ncaengine.formats.exporters import atlas

    if not models:
        return {}
    for model in models:
        atlas.require_page(model.config)  # before the first of them takes its seconds
    identical: list[list[Model]] = []
    for model in models:
        known = next((group for group in identical if model_module.equal_models(group[0], model)), None)
        known.append(model) if known else identical.append([model])
    ranges: dict[int, Ranges] = {}
    with open_simulation(catalogue) as sim, progress_bar("models") as bar:
        task = bar.add_task("", total=len(identical))
        for first, *others in identical:
            bar.update(task, description=f"Measuring {first.config.name}")
            measured = atlas.measure(first, catalogue.get(kernel), states_of_rollout(sim, first, kernel))
            ranges.update((id(model), measured) for model in (first, *others))
            bar.advance(task)
    return ranges


def states_of_rollout(sim: "Simulation", model: "Model", kernel: str) -> "Iterator[F32]":
    """Run a model from its seed; yield its state at steps 1, 11, 21, …, each (height, width, channels) float32."""
    from ncaengine.simulation.rollout import rollout

    return (grid.state() for grid in rollout(sim, model, range(1, STEPS, EVERY), SIDE, kernel))
