"""A section of the side bar: the textures for areas of the picture under a grid, and what can be done with both."""

import moderngl
import numpy as np
from imgui_bundle import imgui

from ncaengine.core.settings import SettingInfo
from ncaengine.viewer.actions import areas, pictures, session_files, tools
from ncaengine.viewer.kit import sliders, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.swatches import Swatches

COLUMNS = 4
SECONDS = 0.01
"""Of each frame, in which the swatches grow."""
FEATHER = SettingInfo(
    "feather", "Feather", "Pixels over which areas fade into the picture.", 0, 100, "px", default=6.0
)  # fmt: skip
HELP = "Areas (J) marks them by brush, lasso or wand; hold Shift to let the picture show again."


class AreasPanel:
    """The Areas section, with the swatches of the grid that it shows."""

    def __init__(self) -> None:
        self._swatches: Swatches | None = None
        self._textures: list[moderngl.Texture] = []
        self._journal_length = -1  # after the last change of the feather

    def show(self, app: App) -> None:
        """Draw the section into the current window."""
        here = app.grid.backdrop
        if here is None:
            return
        self._grow(app)
        self._grid_of_swatches(app)
        if (feather := sliders.slider(FEATHER, here.feather, float(FEATHER.default))) is not None:
            areas.set_feather(app, feather, more=self._journal_length == len(app.sim.journal))
            self._journal_length = len(app.sim.journal)
        if not imgui.is_mouse_down(imgui.MouseButton_.left):  # a click is an edit of its own
            self._journal_length = -1
        _buttons(app)
        widgets.text_in(theme.DIM, HELP, wrapped=True)

    def _grow(self, app: App) -> None:
        """Let the swatches of the selected grid grow a little."""
        if self._swatches is None or not self._swatches.fits(app.grid):
            if self._swatches:
                self._swatches.release()
            for texture in self._textures:
                texture.release()
            self._swatches, self._textures = None, []
            self._swatches = Swatches(app.sim.backend, app.grid)
        app.growing = self._swatches.grow(SECONDS)
        if not app.growing:
            return
        for number, picture in enumerate(self._swatches.pictures):
            if number == len(self._textures):
                self._textures.append(moderngl.get_context().texture(picture.shape[1::-1], 3, alignment=1))
            self._textures[number].write(np.ascontiguousarray(picture), alignment=1)

    def _grid_of_swatches(self, app: App) -> None:
        """Draw a swatch for each texture, which chooses it."""
        assert self._swatches
        side, high = widgets.equal_width(COLUMNS), imgui.get_text_line_height()
        current = areas.texture_for(app, app.grid)
        for number, name in enumerate(self._swatches.names):
            if number % COLUMNS:
                imgui.same_line()
            at, draw = imgui.get_cursor_screen_pos(), imgui.get_window_draw_list()
            pressed = imgui.invisible_button(f"###swatch{number}", (side, side + high))
            key = f" ({number + 1})" if number < 9 else ""
            widgets.tooltip(f"Mark areas with {name}{key}")
            if number < len(self._textures):
                low, end = (at.x, at.y), (at.x + side, at.y + side)
                draw.add_image_rounded(
                    imgui.ImTextureRef(self._textures[number].glo), low, end, (0, 0), (1, 1), 0xFFFFFFFF, em(0.35)
                )
            chosen = name == current
            if chosen or imgui.is_item_hovered():
                ink = theme.ACCENT if chosen else theme.DIM
                draw.add_rect((at.x, at.y), (at.x + side, at.y + side), u32(ink), em(0.35), thickness=max(2, em(0.15)))
            _label(f"{number + 1} {name}" if number < 9 else name, at, side, theme.TEXT if chosen else theme.DIM)
            if pressed:
                app.brush.texture = name
                if app.brush.tool != "mark":
                    tools.select(app, "mark")


def _label(text: str, at: imgui.ImVec2, side: float, ink: imgui.ImVec4) -> None:
    """Draw a swatch's digit and name under it."""
    text = widgets.shorten(text, side)
    imgui.get_window_draw_list().add_text((at.x, at.y + side), u32(ink), text)


def _buttons(app: App) -> None:
    width = widgets.equal_width(2)
    if widgets.button("Save picture …###save-filled", width, "Save the picture with its areas filled."):
        session_files.ask_name(app, "picture")
    imgui.same_line()
    if widgets.button("Save layer …###save-layer", width, "Save the textures alone, transparent elsewhere."):
        session_files.ask_name(app, "layer")
    help_ = f"Add {pictures.VARIANTS} grids with other random seeds; what you mark on one, you mark on all."
    if widgets.button("Variants###variants", width, help_):
        pictures.add_variants(app)
    imgui.same_line()
    if widgets.button("Take away###take-away", width, "Take the picture away; the cells stay. Undo brings it back."):
        pictures.take_away(app)
