"""The side bar: everything about the selected grid, in sections that can be folded."""

from collections.abc import Callable
from typing import NamedTuple

from imgui_bundle import imgui

from ncaengine.core.model import Config
from ncaengine.viewer import keymap
from ncaengine.viewer.actions import running
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.panels import areas, brush, grids, look, record, session, settings, textures
from ncaengine.viewer.panels.maps import MapsPanel
from ncaengine.viewer.panels.model import ModelPanel
from ncaengine.viewer.panels.probe import ProbePanel
from ncaengine.viewer.panels.size import SizePanel
from ncaengine.viewer.state import credits
from ncaengine.viewer.state.app import App


class Section(NamedTuple):
    """A section of the side bar."""

    title: str
    """Preferences keep the titles of the folded sections."""
    make: Callable[[], Callable[[App], None]]
    """Returns the function that draws it."""
    applies: Callable[[App], bool] = lambda _: True
    """Whether it is shown for the selected grid."""


SECTIONS = (
    Section("Model", lambda: ModelPanel().show),
    Section("Areas", lambda: areas.AreasPanel().show, lambda app: app.grid.backdrop is not None),
    Section("Textures", lambda: textures.TexturesPanel().show, lambda app: textures.applies(app.grid)),
    Section("Size", lambda: SizePanel().show),
    Section("Brush", lambda: brush.show),
    Section("View", lambda: look.show),
    Section("Record", lambda: record.show),
    Section("Settings", lambda: settings.show),
    Section("Grids", lambda: grids.show),
    Section("Maps", lambda: MapsPanel().show),
    Section("Cells", lambda: ProbePanel().show),
    Section("Session", lambda: session.show),
)
"""Add a section here."""


class SideBar:
    """The side bar with its sections."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts
        self._sections = tuple((section, section.make()) for section in SECTIONS)

    def show(self, app: App) -> None:
        """Draw the side bar into the current window."""
        self._heading(app)
        _run_buttons(app)
        for section, show in self._sections:
            if not section.applies(app):
                continue
            title, start = section.title, imgui.get_cursor_screen_pos().y
            was_closed = title in app.prefs.closed
            if widgets.section(title, app.prefs.closed):
                show(app)
                if was_closed:
                    app.scroll_to = title
                elif app.scroll_to == title:
                    app.scroll_to = ""
                    _scroll_to(start, imgui.get_cursor_screen_pos().y)

    def _heading(self, app: App) -> None:
        """Draw the model's name, authors and licence."""
        model, width = app.grid.model, imgui.get_content_region_avail().x
        with theme.use_font(self._fonts.bold, 1.3):
            imgui.text_unformatted(widgets.shorten_middle(app.name_of(model), width))
        _credit(model.config, width)
        widgets.vertical_space(0.2)


def _scroll_to(start: float, end: float) -> None:
    """Scroll so that a section is visible that lies between two heights of the screen, or at least its beginning."""
    top = imgui.get_window_pos().y + em(theme.PADDING)
    bottom = imgui.get_window_pos().y + imgui.get_window_height()
    by = start - top if start < top else max(0.0, min(start - top, end - bottom))
    imgui.set_scroll_y(imgui.get_scroll_y() + by)


def _credit(config: Config, width: float) -> None:
    """Draw authors and licence, on two lines if one is too narrow. A non-commercial licence is amber."""
    colour = theme.AMBER if config.non_commercial else theme.DIM
    if imgui.calc_text_size(config.credit).x <= width:
        lines = [(config.credit, colour)]
    else:
        lines = list(zip(credits.authors_and_licence(config), (theme.DIM, colour), strict=True))
    for text, ink in lines:
        if text:
            widgets.text_in(ink, text, width)
            widgets.tooltip("\n".join(credits.attribution_lines(config)))


def _run_buttons(app: App) -> None:
    width, paused = widgets.equal_width(3), app.grid.settings.paused
    accent = (theme.ACCENT, theme.ACCENT_OVER, theme.BACK) if paused else None
    text = f"{icons.PLAY}  Run" if paused else f"{icons.PAUSE}  Pause"
    help_ = keymap.with_key("Run this grid." if paused else "Pause this grid.", running.toggle_pause)
    if widgets.button(f"{text}###pause", width, help_, accent):
        running.toggle_pause(app)
    imgui.same_line()
    help_ = keymap.with_key("Make one step.", running.single_step)
    if widgets.button(f"{icons.STEP}  Step###step", width, help_):
        running.single_step(app)
    imgui.same_line()
    help_ = keymap.with_key("Restart with the next seed number.", running.reseed)
    if widgets.button(f"{icons.RESEED}  Reseed###reseed", width, help_):
        running.reseed(app)
