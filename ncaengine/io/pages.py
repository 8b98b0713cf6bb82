"""Web pages of models, with a picture of each."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.core.types import U8
from ncaengine.formats.exporters import page
from ncaengine.simulation.rollout import StepReport, rollout
from ncaengine.simulation.simulation import Simulation

SIDE, STEPS = 96, 600
"""Cells per side of a picture, a pixel each, and the steps after which it is taken."""
QUALITIES = (80, 65, 50, 35, 20)
MOST_BYTES = 2600
"""Of a picture, if a quality can be found."""


def web_page(
    sim: Simulation,
    models: Sequence[Model],
    kernels: Sequence[Kernel],
    start: Mapping[str, Any],
    report: StepReport = lambda made: None,
) -> str:
    """Return the text of a page that runs models in a browser; see formats.exporters.page for the arguments.

    sim: runs the models for their pictures.
    Raises NCAError if the page can't run a model, saying why.
    """
    for model in models:
        page.require_page(model.config, kernels)  # before the first of them takes its seconds
    pictures = [picture(sim, model, page.usable(model.config, kernels)[0], report) for model in models]
    names = page.names(models)
    title = ", ".join(names) if len(names) <= 3 else f"{len(names)} textures"
    return page.page(models, kernels, pictures, title, start)


def picture(sim: Simulation, model: Model, kernel: Kernel, report: StepReport = lambda made: None) -> str:
    """Grow a model's texture and return its picture as a data URL, a small WebP file."""
    (grown,) = (grid.image() for grid in rollout(sim, model, [STEPS], SIDE, kernel.name, report=report))
    return small_picture(grown)


def small_picture(picture: U8) -> str:
    """Return a picture, (height, width, 3) uint8, as a data URL: a WebP file of MOST_BYTES, if a quality allows it."""
    shown = Image.fromarray(picture)
    for quality in QUALITIES:
        file = io.BytesIO()
        shown.save(file, "webp", quality=quality, method=6)
        if file.tell() <= MOST_BYTES:
            break
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
