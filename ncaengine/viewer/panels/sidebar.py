"""The side bar: everything about the selected grid."""

from collections.abc import Callable, Iterable

from imgui_bundle import ImVec4, imgui

from ncaengine.core.model import Config
from ncaengine.core.settings import SETTINGS, SettingInfo, Settings
from ncaengine.core.types import Size
from ncaengine.viewer import keymap
from ncaengine.viewer.actions import grids, running
from ncaengine.viewer.dialogs.save import KeepPanel
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.panels.brush import BrushPanel
from ncaengine.viewer.panels.grids import GridsPanel
from ncaengine.viewer.panels.look import LookPanel
from ncaengine.viewer.panels.maps import MapsPanel
from ncaengine.viewer.panels.probe import ProbePanel
from ncaengine.viewer.panels.record import RecordPanel
from ncaengine.viewer.state import credits
from ncaengine.viewer.state.app import App

DIGITS = int(imgui.InputTextFlags_.chars_decimal)
SECTIONS = ("Model", "Size", "Settings", "Grids", "Brush", "Maps", "View", "Cells", "Record", "Session")
SPEEDS = (1.0, 15.0, 60.0, 240.0, SETTINGS["steps_per_second"].high)
PRESETS = (64, 128, 256, 512, 1024)
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
        others = GridsPanel(), BrushPanel(fonts), MapsPanel(), LookPanel(), ProbePanel(), RecordPanel(), KeepPanel()
        self._sections: list[Callable[[App], None]] = [self._model, self._size, self._settings]
        self._sections += [section.show for section in others]

    def show(self, app: App) -> None:
        """Draw it into the current window."""
        self._head(app)
        self._transport(app)
        for title, show in zip(SECTIONS, self._sections, strict=True):
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
        self._credit(config, width)
        widgets.gap(0.2)

    def _credit(self, config: Config, width: float) -> None:
        """Authors and licence, on two lines where one is too narrow for both; amber where it is not commercial."""
        whole = imgui.calc_text_size(config.credit).x <= width
        ink = theme.AMBER if config.non_commercial else theme.DIM
        said = (
            [(config.credit, ink)] if whole else zip(credits.authors_and_licence(config), (theme.DIM, ink), strict=True)
        )
        for text, colour in said:
            if text:
                with widgets.style([(imgui.Col_.text, colour)]):
                    imgui.text_unformatted(widgets.trimmed(text, width))
                widgets.tooltip("\n".join(credits.attribution_lines(config)))

    def _transport(self, app: App) -> None:
        width, paused = widgets.share(3), app.grid.settings.paused
        accent = (theme.ACCENT, theme.ACCENT_OVER, theme.BACK) if paused else None
        text = f"{icons.PLAY}  Run" if paused else f"{icons.PAUSE}  Pause"
        if widgets.button(f"{text}###pause", width, _hint("Pause or run this grid.", running.toggle_pause), accent):
            running.toggle_pause(app)
        imgui.same_line()
        if widgets.button(f"{icons.STEP}  Step###step", width, _hint("Make a single step.", running.single_step)):
            running.single_step(app)
        imgui.same_line()
        help_ = _hint("Start afresh from a new seed number.", running.reseed)
        if widgets.button(f"{icons.RESEED}  Reseed###reseed", width, help_):
            running.reseed(app)

    def _model(self, app: App) -> None:
        grid, catalogue = app.grid, app.sim.catalogue
        name = app.name_of(grid.model)
        widgets.label("Model")
        if picked := widgets.choice("##model", name, ((n, n, "") for n in app.models), name):
            grids.use_model(app, picked)
        widgets.label("Kernel", "The neighbourhood that a cell sees.")
        found = catalogue.kernels
        unknown = "\nThe model is not known to grow its texture on it."
        kernels, more = (
            [(name, found[name].title, found[name].description + warning) for name in names]
            for names, warning in zip(grids.kernels(app), ("", unknown), strict=True)
        )
        broken = ((path.parent.name, f"{path}: {why}") for path, why in catalogue.broken.items())
        if kernel := widgets.choice("##kernel", grid.kernel.title, kernels, grid.kernel.name, more, broken, named=True):
            grids.use_kernel(app, kernel)
        widgets.tooltip(_hint(grid.kernel.description, grids.next_kernel))
        widgets.label("Seed", "The number that decides the first noise and which cells fire when.")
        _, number = imgui.input_int("##seed", grid.rng_seed if self._seed is None else self._seed, 0, 0, DIGITS)
        self._seed = number if imgui.is_item_active() else None
        if imgui.is_item_deactivated_after_edit():
            running.use_seed(app, number)

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
            grids.resize(app, (size[0], size[1]))
        self._typed = size if active and not entered else None
        widgets.label("Resizing", "What becomes of the cells when the size changes.")
        titles = {value: title for value, title, _ in KEEPS}
        if keep := widgets.choice("##keep", titles[app.resize_keep], KEEPS, app.resize_keep):
            app.resize_keep = keep  # type: ignore[assignment]
        _buttons(app, ((str(side), f"preset{side}", (side, side), "") for side in PRESETS))
        width, height = app.grid.size
        wide = width, max(1, round(width * 9 / 16))
        _buttons(
            app,
            (
                ("×½", "half", (max(1, width // 2), max(1, height // 2)), "Half of both sides"),
                ("×2", "double", (2 * width, 2 * height), "Twice both sides"),
                ("16:9", "wide", wide, "As wide as now, and as high as a film's picture"),
                ("Swap", "swap", (height, width), "Width and height change places"),
            ),
        )

    def _settings(self, app: App) -> None:
        for spec in SETTINGS.values():
            if spec.name == "paused":  # the button above
                continue
            usual = app.grid.model.config.fire_rate if spec.name == "fire_rate" else getattr(Settings(), spec.name)
            value = widgets.setting(spec, getattr(app.grid.settings, spec.name), usual)
            if value is not None:
                running.change_setting(app, spec.name, value)
            if spec.name == "steps_per_second":
                self._speeds(app, spec)

    def _speeds(self, app: App, spec: SettingInfo) -> None:
        now = app.grid.settings.steps_per_second
        close = (imgui.StyleVar_.item_spacing, (em(0.25), em(0.5)))
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.1), em(0.15))), close]):
            widgets.label("")
            width = widgets.share(len(SPEEDS))
            for speed in SPEEDS:
                if speed != SPEEDS[0]:
                    imgui.same_line()
                chosen = _chosen() if now == speed else None
                text = "∞" if speed >= spec.high else f"{speed:g}"
                if widgets.button(f"{text}###speed{speed:g}", width, widgets.said(spec, speed).capitalize(), chosen):
                    running.change_setting(app, spec.name, speed)


def _buttons(app: App, sizes: Iterable[tuple[str, str, Size, str]]) -> None:
    """A row of buttons that resize, each (text, id, size, help)."""
    sizes = list(sizes)
    width = widgets.share(len(sizes))
    with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.1), em(0.25)))]):
        for index, (text, id_, size, help_) in enumerate(sizes):
            if index:
                imgui.same_line()
            said = f"{size[0]} × {size[1]} cells"
            chosen = _chosen() if not help_ and app.grid.size == size else None
            if widgets.button(f"{text}###{id_}", width, f"{help_}: {said}" if help_ else said, chosen):
                grids.resize(app, size)


def _chosen() -> tuple[ImVec4, ImVec4, ImVec4]:
    """Colours of a button whose choice is in use."""
    return theme.ACCENT_DEEP, theme.ACCENT_DEEP, theme.TEXT


def _hint(text: str, action: object) -> str:
    key = keymap.key_of(action)  # type: ignore[arg-type]
    return f"{text} ({key})" if key else text


def width() -> float:
    """Width of the side bar in pixels."""
    return em(theme.SIDE_WIDTH)
