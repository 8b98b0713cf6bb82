"""Opening what commands run on: the kernels and a simulation."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ncaengine.cli.shared.options import BackendChoice, Half, Plugins, Threads
from ncaengine.cli.shared.output import print_notice, print_warning

if TYPE_CHECKING:
    from ncaengine.backends import base
    from ncaengine.core.kernels import Catalogue
    from ncaengine.core.model import Model
    from ncaengine.simulation.simulation import Simulation


def load_models(paths: Iterable[Path]) -> "list[Model]":
    """Open models; print what in their files is a guess or was left out. Raises NCAError with the file's name."""
    from ncaengine.formats import model_files

    models = []
    for path in paths:
        model = model_files.load(path)
        models.append(model)
        for note in model.config.notes:
            print_notice(f"{path}: {note}")
    return models


def find_kernels(plugins: Sequence[Path], wanted: Sequence[str], models: "Sequence[Model]") -> "Catalogue":
    """Return the kernels; print which plugins are broken and which models were not made for the wanted kernels.

    Raises NCAError if a wanted kernel does not exist.
    """
    from ncaengine.core import kernels, stencils

    catalogue = kernels.discover(plugins)
    found = [catalogue.get(name) for name in dict.fromkeys(wanted)]
    for complaint in catalogue.complaints():
        print_notice(f"Skipped a broken plugin, {complaint}")
    for kernel, config in ((kernel, model.config) for kernel in found for model in models):
        if kernel.name not in config.kernels:
            made_for = " and ".join(config.kernels)
            print_notice(f"{config.name} was made for {made_for}; on {kernel.name} it may not grow its texture.")
        if stencils.fitted(config, kernel):
            print_notice(f"{config.name} has filters of its own; on {kernel.name} sums of its stencils replace them.")
    return catalogue


@contextmanager
def open_simulation(
    catalogue: "Catalogue | None" = None,
    backend: "base.BackendChoice" = "auto",
    half: bool = False,
    history: int = 0,
    threads: int | None = None,
) -> "Iterator[Simulation]":
    """Open an empty simulation, for `with`; print a notice if `auto` has to use torch.

    catalogue: the kernels; None finds them.
    half: whether states are 16-bit floats.
    history: bytes that each grid may keep to go back in time.
    threads: of the processor; None for as many as this process may use.
    Raises NCAError if the backend is not available.
    """
    from ncaengine import backends
    from ncaengine.simulation.simulation import Simulation

    opened, notice = backends.open_backend(backend, half, threads)
    if notice:
        print_notice(notice)
    try:
        with Simulation(opened, catalogue, history) as sim:
            sim.engine.world.tell = print_warning
            yield sim
    finally:
        opened.release()


@dataclass(frozen=True)
class EngineFlags:
    """What computes the steps, and folders of kernels."""

    backend: BackendChoice = "auto"
    threads: Threads = None
    half: Half = False
    plugins: Plugins = ()

    def kernels(self, wanted: Sequence[str], models: "Sequence[Model]") -> "Catalogue":
        """See find_kernels."""
        return find_kernels(self.plugins, wanted, models)

    def simulation(self, catalogue: "Catalogue", history: int = 0) -> "AbstractContextManager[Simulation]":
        """See open_simulation."""
        return open_simulation(catalogue, self.backend, self.half, history, self.threads)


Engine = Annotated[EngineFlags, tyro.conf.arg(name="")]
"""The type of the one field that adds these flags to a command."""
