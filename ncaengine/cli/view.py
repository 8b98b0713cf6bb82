"""`ncaengine view`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from ncaengine.cli.shared.engine import Engine, EngineFlags, load_models
from ncaengine.cli.shared.flag_effects import NoEffect
from ncaengine.cli.shared.options import SIZE, KernelName, Osc, Range, Seed
from ncaengine.cli.shared.pages import kept_page, open_page, page_text, start_settings
from ncaengine.core.errors import NCAError
from ncaengine.core.settings import SETTINGS, Settings
from ncaengine.core.texts import plural

MODELS = tyro.conf.arg(metavar="[MODEL ...]", help_behavior_hint="(default: bubbles, which is shipped)")
SIZE_HINT = tyro.conf.arg(help_behavior_hint="(default: 256x256; 128x128 without a GPU)")
SPEED = tyro.conf.arg(
    aliases=["-r"],
    metavar="RATE [RATE ...]",
    help=f"{SETTINGS['steps_per_second'].help} Give one number for all grids, or one for each.",
)
SPEEDS = Range(SETTINGS["steps_per_second"].low, SETTINGS["steps_per_second"].high)


@dataclass(frozen=True)
class View:
    """Open a window with one model, with several side by side, or with a saved session."""

    models: Annotated[tuple[Path, ...], MODELS, tyro.conf.Positional] = ()
    """Model files, ncaengine's or published, or names of shipped models, for example zebra. If a file holds several
    models, the window opens the first and shows all of them as small pictures; FILE:NAME opens one, for example
    hexells.json:dots. When a file changes, for example during training, the window reloads its model and the grids run
    on. Instead of models, you can open one session (.nca), or a picture with a session that the window saved (.png)."""
    size: Annotated[tuple[int, int] | None, SIZE, SIZE_HINT] = None
    """Size of each grid in cells: width x height, or one number for a square."""
    kernel: KernelName = "square"
    steps_per_second: Annotated[tuple[float, ...], SPEED, SPEEDS] = (Settings().steps_per_second,)
    seed: Seed = 0
    """Random seed: decides which cells fire, and any noise that the grid starts from."""
    engine: Engine = field(default_factory=EngineFlags)
    browser: bool = False
    """Show the models in the browser instead, on a page that ncaengine writes: where no window can be opened. With two
    models, two grids lie side by side."""
    osc: Osc = None

    def run(self) -> None:
        """Open the window and return when it is closed; or open the page."""
        if self.browser:
            self._show_page()
            return
        from ncaengine.formats import model_files
        from ncaengine.io.osc import parse_place
        from ncaengine.viewer.state.file_watch import ModelWatch
        from ncaengine.viewer.state.options import Options
        from ncaengine.viewer.window import show

        place = None if self.osc is None else parse_place(self.osc)
        if self._names_session:
            self._show_session(place)
            return
        watch = ModelWatch(plugins=self.engine.plugins)
        paths = [model_files.find_file(path) for path in self.models or (model_files.default_model(),)]
        firsts = [watch.first_path(path) for path in paths]
        models = [watch.open(path) for path in firsts]
        collection = next((path for path, first in zip(paths, firsts, strict=True) if path != first), None)
        options = Options(
            self.size,
            self.kernel,
            self.steps_per_second,
            self.seed,
            collection,
            self.engine.half,
            self.engine.backend,
            self.engine.threads,
            place,
        )
        show(models, options, self.engine.kernels([self.kernel], models), watch)

    def no_effects(self) -> tuple[NoEffect, ...]:
        """Return which flags have no effect."""
        return (
            NoEffect(self.browser, "backend threads half",
                     "does not work with --browser, which runs models on the browser's graphics; leave it out."),
            NoEffect(self.browser, "osc",
                     "does not work with --browser, whose page takes no messages of other programs; leave out one."),
            NoEffect(self._names_session, "size kernel steps_per_second seed",
                     "works only with models; a session opens as it was saved, so leave it out."),
        )  # fmt: skip

    @property
    def _names_session(self) -> bool:
        from ncaengine.viewer.state.file_kinds import SESSION_ENDINGS

        return any(path.suffix.lower() in SESSION_ENDINGS for path in self.models)

    def _show_page(self) -> None:
        from ncaengine.core import embeddings
        from ncaengine.formats import model_files
        from ncaengine.formats.exporters.page import names
        from ncaengine.viewer.state.options import Options

        if self._names_session:
            raise NCAError("A page shows models, not sessions; leave out --browser.")
        models = load_models(self.models or (model_files.default_model(),))
        if len(models) > 2:
            raise NCAError("A page starts with one or two grids; name one or two models.")
        speeds = Options(steps_per_second=self.steps_per_second).rates(len(models))
        start = start_settings(self.size, self.seed) | {"kernel": self.kernel, "speed": speeds[0]}
        if len(models) > 1:
            first, second = (embeddings.each(model) for model in models)
            start["grids"] = [{"model": names([*first, *second])[len(first)], "speed": speeds[1]}]
        path = kept_page(page_text(models, [self.kernel], self.engine.plugins, start, more=True), models)
        print(f"{plural(len(models), 'model')} in {path}")
        open_page(path)

    def _show_session(self, place: tuple[str, int] | None) -> None:
        from ncaengine.io import sessions
        from ncaengine.viewer.state.file_watch import ModelWatch
        from ncaengine.viewer.state.options import Options
        from ncaengine.viewer.window import show

        if len(self.models) > 1:
            raise NCAError("A session opens alone; add models to it in the window.")
        sessions.load_session(self.models[0])  # report a broken file before a window opens
        catalogue = self.engine.kernels([self.kernel], [])
        watch = ModelWatch(plugins=self.engine.plugins)
        show(
            [],
            Options(half=self.engine.half, backend=self.engine.backend, threads=self.engine.threads, osc=place),
            catalogue,
            watch,
            self.models[0],
        )
