"""What the App does about files that changed: the new version runs, or its error is read while the last one runs on."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.canvas import RASTERS, Canvas
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.model import Model
from ncaengine.formats import model_files
from ncaengine.simulation.commands import Reseed, SetKernel, SetModel
from ncaengine.viewer.state.file_watch import Change, KernelWatch, ShaderWatch

if TYPE_CHECKING:
    from ncaengine.viewer.state.app import App

EXPLODED = 8.0
"""A state beyond this, as early weights of a training make it, starts afresh with the next version of its model."""


class Reloader:
    """Takes changed models, kernels and shaders into an App."""

    def __init__(self, app: "App") -> None:
        self._app, watch = app, app.watch
        self._kernels = KernelWatch(app.sim.catalogue, watch.plugins, watch.clock)
        self._shaders: ShaderWatch | None = None

    def watch_shaders(self) -> None:
        """Follow the shaders too. Those that draw are compiled now, so that no later frame depends on their files."""
        if isinstance(self._app.sim.backend, GLBackend):
            _compiled(self._app.sim.backend.canvas)
            self._app.sim.backend.device.forgiving = True
            self._shaders = ShaderWatch(self._compile, self._app.watch.clock)

    def look(self) -> bool:
        """Run what was written since the last look; returns whether there was anything."""
        models, kernels = self._app.watch.poll(), self._kernels.poll()
        shaders = self._shaders.poll() if self._shaders else []
        for model in models:
            if not self._failed(model):
                self._model(model)
        for kernel in kernels:
            if not self._failed(self._unless_taken(kernel)):
                self._kernel(kernel)
        for shader in shaders:
            if not self._failed(shader):
                self._note(shader.path.name)
        return bool(models or kernels or shaders)

    def _failed(self, change: Change[Model] | Change[Kernel] | Change[None]) -> bool:
        """Take back what was said of the version before, and say what is wrong with this one, if anything."""
        file, _ = model_files.split_path(change.path)
        about = f"{change.path}: "
        self._app.toasts = [toast for toast in self._app.toasts if not toast.text.startswith(about)]
        if not isinstance(change.found, NCAError):
            return False
        said = f"{about}{str(change.found).removeprefix(f'{file}: ')}"
        self._app.tell(
            f"{said} The version before it runs on." if change.before or not file.is_file() else said, "error"
        )
        return True

    def _note(self, name: str) -> None:
        self._app.note = f"{name} reloaded {time.strftime('%H:%M:%S')}"

    # Models

    def _model(self, change: Change[Model]) -> None:
        """Run the new version of a model on every grid that runs some version of it."""
        app, model = self._app, change.found
        name = None if change.before is None else app.known_name(change.before)
        if name is None or isinstance(model, NCAError):  # watched, but never shown
            return
        app.offer(name, model)
        running = [number for number, grid in app.sim.grids.items() if app.known_name(grid.model) == name]
        version = app.sim.register(model)
        done = [app.do(SetModel(number, version)) for number in running]
        for number in running:
            grid = app.sim.grids[number]
            if not np.abs(grid.state()).max() < EXPLODED:  # not >=, for NaN: no weights would ever heal that
                app.do(Reseed(number, grid.rng_seed))
        if all(done):
            self._note(change.path.name)

    # Kernels

    def _unless_taken(self, change: Change[Kernel]) -> Change[Kernel]:
        """The change, as an error if another file's kernel has the name."""
        if isinstance(change.found, Kernel):
            taken = self._app.sim.catalogue.kernels.get(change.found.name)
            if taken is not None and taken.source != change.path:
                error = NCAError(f"key `name`: {taken.name!r} is the name of {taken.source}; choose another.")
                return Change(change.path, change.before, error)
        return change

    def _kernel(self, change: Change[Kernel]) -> None:
        """Put a kernel into the catalogue, in place of its file's last one, and run it where that ran."""
        sim, kernel = self._app.sim, change.found
        assert isinstance(kernel, Kernel)
        kept = [kernel if other.source == change.path else other for other in sim.catalogue.kernels.values()]
        broken = {path: why for path, why in sim.catalogue.broken.items() if path != change.path}
        sim.catalogue = Catalogue({k.name: k for k in (*kept, kernel)}, broken)
        running = [number for number, grid in sim.grids.items() if grid.kernel.source == change.path]
        done = [self._app.do(SetKernel(number, kernel.name)) for number in running]
        if all(done):
            self._note(f"kernel {kernel.name}")

    # Shaders

    def _compile(self) -> None:
        """Make all programs anew. Raises NCAError with the place; what draws and steps then is as before."""
        sim = self._app.sim
        backend = sim.backend
        assert isinstance(backend, GLBackend)
        try:
            with backend.device.strict():
                canvas = _compiled(Canvas(backend.device))
                for grid in sim.grids.values():
                    grid.cells.specialise(grid.models[0], grid.kernel, grid.models[1:])
                    canvas.shader(grid.look.mode, grid.look.overlay if grid.fields is not None else "")
        except (OSError, UnicodeDecodeError, KeyError, RecursionError) as error:
            raise NCAError(f"A shader cannot be read: {_reason(error)}.") from None
        old, backend.canvas = backend.canvas, canvas
        old.release()
        for grid in sim.grids.values():
            grid.changes += 1


def _compiled(canvas: Canvas) -> Canvas:
    """The canvas, all its programs compiled. Raises NCAError."""
    try:
        for raster in RASTERS:
            canvas.program(raster)
    except BaseException:
        canvas.release()
        raise
    return canvas


def _reason(error: Exception) -> str:
    match error:
        case OSError():
            return f"{Path(error.filename or '').name} {error.strerror}".strip()
        case UnicodeDecodeError():
            return "it is not UTF-8 text"
        case KeyError():
            return f"it has the mark //@ {error.args[0]}, which nothing fills"
        case _:
            return "it includes itself"
