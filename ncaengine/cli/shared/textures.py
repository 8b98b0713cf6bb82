"""Textures that a command names: models, or images whose texture is learnt first."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path


def find_textures(names: Sequence[str], budget: str, start: Path | None, plugins: Sequence[Path]) -> list[Path]:
    """Return the model of each texture. Those of images are trained, with progress, and kept in the user's cache.

    names: Model files, shipped models, or images.
    budget: How long each is trained, see `config.seconds_of`.
    start: The model to train from, see `TrainingJob`.

    Raises NCAError for an unknown name or budget, before anything is trained.
    """
    from ncaengine.formats import model_files
    from ncaengine.training.config import seconds_of

    seconds_of(budget)
    kind = _kind(budget, start) if any(map(is_image, names)) else ""
    found = {name: _cached(Path(name), kind) if is_image(name) else model_files.find_file(name) for name in names}
    images = {name: path for name, path in found.items() if is_image(name)}
    if images:
        _train(images, budget, start, plugins)
    return [found[name] for name in names]


def _kind(budget: str, start: Path | None) -> str:
    """Return what tells trainings of the same image apart. A model to start from counts by its content."""
    from ncaengine.core import bounds, inputs
    from ncaengine.core.files import errors_named
    from ncaengine.formats import model_files
    from ncaengine.training.job import CHOICES

    if start is None or start in CHOICES:
        return "-".join(filter(None, (budget, str(start or ""))))
    file = model_files.split_path(model_files.find_file(start))[0]
    with errors_named(file):
        content = inputs.read_input(file, bounds.MODEL_BYTES)
    return f"{budget}-{start.stem}-{hashlib.sha256(content).hexdigest()[:8]}"


def is_image(name: str) -> bool:
    """Return whether a name is that of an image file."""
    from ncaengine.formats.images import ENDINGS

    return os.path.splitext(name)[1].lower() in ENDINGS and os.path.isfile(name)


def _cached(image: Path, kind: str) -> Path:
    """Return where the model of an image is kept, in a folder that its content names: a changed image is new."""
    import platformdirs

    from ncaengine.core import bounds, inputs

    content = hashlib.sha256(inputs.read_input(image, bounds.PICTURE_BYTES)).hexdigest()
    folder = platformdirs.user_cache_path("ncaengine") / "textures" / f"{content[:16]}-{kind}"
    return folder / f"{image.stem}.safetensors"


def _train(images: dict[str, Path], budget: str, start: Path | None, plugins: Sequence[Path]) -> None:
    """Train the images that are not in the cache; one that was interrupted goes on."""
    from ncaengine.cli.shared.training_runs import run_all
    from ncaengine.training.config import TrainingSettings
    from ncaengine.training.job import TrainingJob

    jobs = [TrainingJob(name, path, TrainingSettings(budget=budget), start=start) for name, path in images.items()]
    run_all(jobs, resume=True, plugins=plugins, again=" again")
