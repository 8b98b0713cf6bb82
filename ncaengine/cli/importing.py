"""`ncaengine import`."""

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ncaengine.cli.flags import plural
from ncaengine.errors import NCAError


@dataclass(frozen=True)
class Import:
    """Turn published weights into model files, one a model."""

    source: tyro.conf.Positional[Path]
    """An atlas of the Distill demo or of hexells (.json), or a notebook's state dict (.pt)."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="DIR")] = Path("models")
    """The folder to write to; it is made if need be."""
    name: Annotated[str, tyro.conf.arg(metavar="GLOB")] = "*"
    """Only models whose name fits, as 'dots*'."""
    format: Literal["pt", "safetensors"] = "pt"
    """.pt for torch users; .safetensors opens faster."""

    def run(self) -> None:
        """Write the models and say how many."""
        from ncaengine import files

        found = [model for model in files.published(self.source) if fnmatch(model.config.name, self.name)]
        if not found:
            raise NCAError(f"{self.source}: no model's name fits {self.name!r}.")
        try:
            self.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NCAError(f"{self.output}: cannot be made a folder ({error.strerror}).") from None
        for model in found:
            files.save(model, self.output / f"{model.config.name}.{self.format}")
        print(f"{self.output}: {plural(len(found), 'model')}, as {found[0].config.name}.{self.format}")
