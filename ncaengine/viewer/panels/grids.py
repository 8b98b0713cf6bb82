"""A section of the side bar: add, duplicate, remove, compare and link grids."""

from collections.abc import Sequence

from imgui_bundle import imgui

from ncaengine.viewer import keymap
from ncaengine.viewer.actions import grids
from ncaengine.viewer.actions.grids import GridAction
from ncaengine.viewer.kit import icons, widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.app import App

LINK_HELP = "Settings, pause, steps, seed, size, kernel, models, maps, view and undo act on all linked grids."


def show(app: App) -> None:
    """Draw the section into the current window."""
    _buttons(app, grids.ARRANGE)
    widgets.row_label("Compare", "Add a copy with the same state and seed, linked with this grid.")
    _buttons(app, grids.COMPARE, "compare")
    widgets.row_label("Link", "A change to a linked grid changes all linked grids.")
    width, all_linked = widgets.equal_width(2), app.linked >= app.sim.grids.keys()
    with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.1), em(0.38)))]):
        _link_button(app, width)
    imgui.same_line()
    text, help_ = ("None", "Unlink all grids.") if all_linked else ("All grids", "Link all grids.")
    if widgets.button(f"{text}###linkall", width, keymap.with_key(help_, grids.toggle_link_all)):
        grids.toggle_link_all(app)


def _link_button(app: App, width: float) -> None:
    linked = app.grid.id in app.linked
    text = f"{icons.LINK}  Linked###link" if linked else f"{icons.LINK}  This grid###link"
    help_ = keymap.with_key(LINK_HELP, grids.toggle_link)
    if widgets.button(text, width, help_, widgets.choice_colours(linked)):
        grids.toggle_link(app)


def _buttons(app: App, actions: Sequence[GridAction], prefix: str = "grid") -> None:
    """Draw a row of buttons."""
    spacing = (imgui.StyleVar_.item_spacing, (em(0.25), em(0.5)))
    with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.1), em(0.38))), spacing]):
        width = widgets.equal_width(len(actions))
        for index, button in enumerate(actions):
            if index:
                imgui.same_line()
            help_ = keymap.with_key(button.help, button.action)
            if widgets.button(f"{button.title}###{prefix}{button.title}", width, help_):
                button.action(app)
