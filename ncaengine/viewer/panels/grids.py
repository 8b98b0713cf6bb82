"""A section of the side bar: grids side by side: add, duplicate, remove, link and compare."""

from collections.abc import Sequence

from imgui_bundle import imgui

from ncaengine.viewer import keymap
from ncaengine.viewer.actions import grids
from ncaengine.viewer.actions.grids import GridAction
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.app import App


class GridsPanel:
    """It holds nothing: all is known to the App."""

    def show(self, app: App) -> None:
        """Draw it into the current window."""
        _row(app, grids.ARRANGE)
        widgets.label("Compare", "Copies from the same state and seed, side by side and linked.")
        _row(app, grids.COMPARE, "compare")
        widgets.label("Link", "What is changed on one of the linked grids is changed on all of them.")
        width, every = widgets.share(2), app.linked >= app.sim.grids.keys()
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.1), em(0.38)))]):
            _link(app, width)
        imgui.same_line()
        text, help_ = ("None", "Loosen all grids.") if every else ("All grids", "Link all grids.")
        if widgets.button(f"{text}###linkall", width, f"{help_} ({keymap.key_of(grids.toggle_link_all)})"):
            grids.toggle_link_all(app)


def _link(app: App, width: float) -> None:
    """Whether the selected grid is linked."""
    linked = app.grid.id in app.linked
    colour = (theme.ACCENT_DEEP, theme.ACCENT_DEEP, theme.TEXT) if linked else None
    text = f"{icons.LINK}  Linked###link" if linked else f"{icons.LINK}  This grid###link"
    help_ = "Settings, pause, steps, seed, size, kernel, model, maps and view change on all linked grids."
    if widgets.button(text, width, f"{help_} ({keymap.key_of(grids.toggle_link)})", colour):
        grids.toggle_link(app)


def _row(app: App, actions: Sequence[GridAction], prefix: str = "grid") -> None:
    """Buttons side by side."""
    close = (imgui.StyleVar_.item_spacing, (em(0.25), em(0.5)))
    with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.1), em(0.38))), close]):
        width = widgets.share(len(actions))
        for index, button in enumerate(actions):
            if index:
                imgui.same_line()
            help_ = f"{button.help} ({keymap.key_of(button.action)})"
            if widgets.button(f"{button.title}###{prefix}{button.title}", width, help_):
                button.action(app)
