"""What a file is by its name: a model, a session or a picture."""

from pathlib import Path
from typing import Literal

from ncaengine.core.errors import NCAError
from ncaengine.formats import images, model_files, sniffing

OpenedKind = Literal["model", "session"]
MODEL_ENDINGS = sniffing.ENDINGS
LISTED_MODEL_ENDINGS = tuple(ending for ending in MODEL_ENDINGS if ending not in (".js", ".ts", ".glsl", ".txt"))
"""The model files that file lists show. Few text files are models; they can be opened all the same."""
SESSION_ENDINGS = (".nca", ".png")
"""Sessions, and stills that contain one."""
PICTURE_ENDINGS = images.ENDINGS
"""Pictures to paint with."""


def ending(path: Path) -> str:
    """Return a path's ending in lower case; for FILE:NAME the file's."""
    return model_files.split_path(path)[0].suffix.lower()


def is_model_file(path: Path) -> bool:
    """Return whether a path has the ending of a model file, or is a file that starts as one."""
    if ending(path) in MODEL_ENDINGS:
        return True
    return ending(path) not in PICTURE_ENDINGS and sniffing.may_hold_models(model_files.split_path(path)[0])


def title(path: Path) -> str:
    """Return the title of a model file in lists: its name without the ending; for FILE:NAME the model's name."""
    return model_files.split_path(path)[1] or path.stem


def location(path: Path) -> Path:
    """Return where a model is stored: its file's folder; for FILE:NAME the file."""
    file, name = model_files.split_path(path)
    return file if name else file.parent


def kind_of(path: Path) -> OpenedKind:
    """Return what a file is by its name. Raise NCAError if the window can't open it."""
    if path.is_dir():
        raise NCAError(f"{path} is a folder; open the models or sessions in it.")
    if ending(path) in SESSION_ENDINGS:
        return "session"
    if is_model_file(path):
        return "model"
    raise NCAError(
        f"{path.name} can't be opened here; models end in {', '.join(LISTED_MODEL_ENDINGS)}, "
        "sessions in .nca and stills in .png."
    )
