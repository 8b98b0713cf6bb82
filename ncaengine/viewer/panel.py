"""The side bar: everything about the selected grid."""

from collections.abc import Callable

from imgui_bundle import imgui

from ncaengine.settings import SPECS
from ncaengine.viewer import icons, shortcuts, theme, widgets
from ncaengine.viewer.app import App
from ncaengine.viewer.brush_panel import BrushPanel
from ncaengine.viewer.grids_panel import GridsPanel
from ncaengine.viewer.look_panel import LookPanel
from ncaengine.viewer.maps_panel import MapsPanel
from ncaengine.viewer.probe_panel import ProbePanel
from ncaengine.viewer.record_panel import RecordPanel
from ncaengine.viewer.theme import em

DIGITS = int(imgui.InputTextFlags_.chars_decimal)
SECTIONS = ("Model", "Size", "Settings", "Grids", "Brush", "Maps", "View", "Cells", "Record")
PRESETS = (64, 128, 256, 512)
KEEPS = (
    ("centre", "Keep the middle", "What is there stays in the middle; new cells start from the seed."),
    ("corner", "Keep the corner", "What is there stays at the upper left; new cells start from the seed."),
    ("tile", "Repeat as a tile", "What is there is repeated over the new size."),
    ("nothing", "Start afresh", "All cells start from the seed."),
)


class Panel:
    """The side bar. It holds only what is being typed."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts
        self._typed: list[int] | None = None
        self._seed: int | None = None
        self._sections: tuple[tuple[str, Callable[[App], None]], ...] = (
            ("Model", self._model),
            ("Size", self._size),
            ("Settings", self._settings),
            ("Grids", GridsPanel().show),
            ("Brush", BrushPanel().show),
            ("Maps", MapsPanel().show),
            ("View", LookPanel().show),
            ("Cells", ProbePanel().show),
            ("Record", RecordPanel().show),
        )

    def show(self, app: App) -> None:
        """Draw it into the current window."""
        self._head(app)
        self._transport(app)
        for title, show in self._sections:
            if widgets.section(title, app.prefs.closed):
                show(app)

    def _head(self, app: App) -> None:
        config = app.grid.model.config
        width = imgui.get_content_region_avail().x
        with theme.face(self._fonts.bold, 1.3):
            imgui.text_unformatted(widgets.trimmed(config.name, width))
        with widgets.style([(imgui.Col_.text, theme.DIM)]):
            facts = f"{config.channels} channels · {config.hidden} hidden · {app.grid.model.parameters:,} weights"
            imgui.text_unformatted(widgets.trimmed(facts.replace(",", " "), width))
        if config.attribution:
            widgets.tooltip("\n".join(f"{key}: {value}" for key, value in config.attribution.items()))
        widgets.gap(0.2)

    def _transport(self, app: App) -> None:
        width, paused = widgets.share(3), app.grid.settings.paused
        accent = (theme.ACCENT, theme.ACCENT_OVER, theme.BACK) if paused else None
        text = f"{icons.PLAY}  Run" if paused else f"{icons.PAUSE}  Pause"
        if widgets.button(f"{text}###pause", width, _hint("Pause or run this grid.", App.toggle_pause), accent):
            app.toggle_pause()
        imgui.same_line()
        if widgets.button(f"{icons.STEP}  Step###step", width, _hint("Make a single step.", App.step)):
            app.step()
        imgui.same_line()
        help_ = _hint("Start afresh from a new seed number.", App.reseed)
        if widgets.button(f"{icons.RESEED}  Reseed###reseed", width, help_):
            app.reseed()

    def _model(self, app: App) -> None:
        grid, catalogue = app.grid, app.sim.catalogue
        name = app.name_of(grid.model)
        widgets.label("Model")
        if picked := widgets.choice("##model", name, ((n, n, "") for n in app.models), name):
            app.use_model(picked)
        widgets.label("Kernel", "The neighbourhood that a cell sees.")
        found = catalogue.kernels
        unknown = "\nThe model is not known to grow its texture on it."
        kernels, more = (
            [(name, found[name].title, found[name].description + warning) for name in names]
            for names, warning in zip(app.kernels(), ("", unknown), strict=True)
        )
        broken = ((path.parent.name, f"{path}: {why}") for path, why in catalogue.broken.items())
        if kernel := widgets.choice("##kernel", grid.kernel.title, kernels, grid.kernel.name, more, broken, named=True):
            app.use_kernel(kernel)
        widgets.tooltip(_hint(grid.kernel.description, App.next_kernel))
        widgets.label("Seed", "The number that decides the first noise and which cells fire when.")
        _, number = imgui.input_int("##seed", grid.rng_seed if self._seed is None else self._seed, 0, 0, DIGITS)
        self._seed = number if imgui.is_item_active() else None
        if imgui.is_item_deactivated_after_edit():
            app.use_seed(number)

    def _size(self, app: App) -> None:
        size = self._typed or list(app.grid.size)
        widgets.label("Cells", "Width and height of the grid.")
        width = widgets.share(2)
        active = entered = False
        for axis, name in enumerate(("width", "height")):
            if axis:
                imgui.same_line()
            imgui.set_next_item_width(width)
            _, size[axis] = imgui.input_int(f"##{name}", size[axis], 0, 0, DIGITS)
            active |= imgui.is_item_active()
            entered |= imgui.is_item_deactivated_after_edit()
            widgets.tooltip(f"{name.capitalize()} in cells")
        if entered:
            app.resize((size[0], size[1]))
        self._typed = size if active and not entered else None
        widgets.label("Resizing", "What becomes of the cells when the size changes.")
        titles = {value: title for value, title, _ in KEEPS}
        if keep := widgets.choice("##keep", titles[app.keep], KEEPS, app.keep):
            app.keep = keep  # type: ignore[assignment]
        width = widgets.share(len(PRESETS))
        for side in PRESETS:
            if side != PRESETS[0]:
                imgui.same_line()
            chosen = (theme.ACCENT_DEEP, theme.ACCENT_DEEP, theme.TEXT) if app.grid.size == (side, side) else None
            if widgets.button(f"{side}###preset{side}", width, f"{side} × {side} cells", chosen):
                app.resize((side, side))

    def _settings(self, app: App) -> None:
        for spec in SPECS.values():
            if spec.name == "paused":  # the button above
                continue
            value = widgets.setting(spec, getattr(app.grid.settings, spec.name))
            if value is not None:
                app.set(spec.name, value)


def _hint(text: str, action: object) -> str:
    key = shortcuts.key_of(action)  # type: ignore[arg-type]
    return f"{text} ({key})" if key else text


def width() -> float:
    """Width of the side bar in pixels."""
    return em(theme.SIDE_WIDTH)
