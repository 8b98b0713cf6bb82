"""Run changed models, kernels and shaders. If a new version has an error, show it and keep running the last one."""

import time
from pathlib import Path

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.canvas import RASTERS, Canvas
from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.model import Model
from ncaengine.formats import model_files
from ncaengine.io import training_progress
from ncaengine.simulation.commands import Reseed, SetKernel, SetModel
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.file_watch import Change, KernelWatch, ShaderWatch

EXPLODED = 8.0
"""A grid with a larger value, which early weights of a training can produce, restarts with its model's next version."""


class HotReload:
    """Loads changed models, kernels and shaders into an App."""

    def __init__(self, app: App) -> None:
        self._app, watch = app, app.watch
        self._kernels = KernelWatch(app.sim.catalogue, watch.plugins, watch.clock)
        self._shaders: ShaderWatch | None = None

    def watch_shaders(self) -> None:
        """Watch the shaders too. Those that draw are compiled now, so that no later frame depends on their files."""
        if isinstance(self._app.sim.backend, GLBackend):
            _compiled(self._app.sim.backend.canvas)
            self._app.sim.backend.device.forgiving = True
            self._shaders = ShaderWatch(self._compile, self._app.watch.clock)

    def poll(self) -> bool:
        """Run what changed since the last call. Return whether anything did."""
        models, kernels = self._app.watch.poll(), self._kernels.poll()
        shaders = self._shaders.poll() if self._shaders else []
        for model in models:
            if not self._failed(model):
                self._use_model(model)
        for kernel in kernels:
            if not self._failed(self._unless_taken(kernel)):
                self._use_kernel(kernel)
        for shader in shaders:
            if not self._failed(shader):
                self._note(shader.path.name)
        return bool(models or kernels or shaders)

    def _failed(self, change: Change[Model] | Change[Kernel] | Change[None]) -> bool:
        """Remove the notice about the file's previous version and show the new version's error, if it has one."""
        file, _ = model_files.split_path(change.path)
        start = files.as_text(f"{change.path}: ")
        self._app.toasts = [toast for toast in self._app.toasts if not toast.text.startswith(start)]
        if not isinstance(change.found, NCAError):
            return False
        message = f"{start}{str(change.found).removeprefix(f'{file}: ')}"
        runs_on = change.before or not file.is_file()
        self._app.notify(f"{message} The previous version keeps running." if runs_on else message, "error")
        return True

    def _note(self, name: str, before: str = "") -> None:
        parts = filter(None, [before, f"{name} reloaded {time.strftime('%H:%M:%S')}"])
        self._app.reload_note = " · ".join(parts)

    # Models

    def _use_model(self, change: Change[Model]) -> None:
        """Run the new version of a model on every grid that runs any version of it."""
        app, model = self._app, change.found
        name = None if change.before is None else app.known_name(change.before)
        if name is None or isinstance(model, NCAError):  # watched, but never shown
            return
        app.set_model(name, model)
        running = [
            (number, slot)
            for number, grid in app.sim.grids.items()
            for slot, used in enumerate(grid.models)
            if app.known_name(used) == name
        ]
        version = app.sim.register(model)
        done = [app.submit(SetModel(number, version, slot)) for number, slot in running]
        for number in dict(running):
            grid = app.sim.grids[number]
            if not grid.cells.largest() < EXPLODED:  # not >=, because of NaN, from which no model recovers
                app.submit(Reseed(number, grid.rng_seed))
        if all(done):
            self._note(
                files.as_text(change.path.name), training_progress.text_for(model_files.split_path(change.path)[0])
            )

    # Kernels

    def _unless_taken(self, change: Change[Kernel]) -> Change[Kernel]:
        """Return the change, or an error if another file's kernel has the same name."""
        if isinstance(change.found, Kernel):
            taken = self._app.sim.catalogue.kernels.get(change.found.name)
            if taken is not None and taken.source != change.path:
                error = NCAError(f"key `name`: {taken.name!r} is the name of {taken.source}; choose another.")
                return Change(change.path, change.before, error)
        return change

    def _use_kernel(self, change: Change[Kernel]) -> None:
        """Replace the catalogue's kernel from this file, and run the new one where the old one ran."""
        sim, kernel = self._app.sim, change.found
        assert isinstance(kernel, Kernel)
        others = [kernel if other.source == change.path else other for other in sim.catalogue.kernels.values()]
        broken = {path: why for path, why in sim.catalogue.broken.items() if path != change.path}
        sim.catalogue = Catalogue({k.name: k for k in (*others, kernel)}, broken)
        running = [number for number, grid in sim.grids.items() if grid.kernel.source == change.path]
        done = [self._app.submit(SetKernel(number, kernel.name)) for number in running]
        if all(done):
            self._note(f"kernel {kernel.name}")

    # Shaders

    def _compile(self) -> None:
        """Compile all programs again. Raise NCAError with the place of an error, and keep the present programs then."""
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
            raise NCAError(f"A shader can't be read: {_reason(error)}.") from None
        old, backend.canvas = backend.canvas, canvas
        old.release()
        for grid in sim.grids.values():
            grid.changes += 1


def _compiled(canvas: Canvas) -> Canvas:
    """Compile all programs of a canvas and return it. Raise NCAError if one fails."""
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
            return f"{Path(error.filename or '').name} ({files.reason(error)})".strip()
        case UnicodeDecodeError():
            return "it is not UTF-8 text"
        case KeyError():
            return f"nothing fills its mark //@ {error.args[0]}"
        case _:
            return "it includes itself"
