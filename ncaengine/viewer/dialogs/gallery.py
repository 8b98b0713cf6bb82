"""The gallery: tiles of all models at hand, over the window, and the file dialog behind its button."""

from pathlib import Path

import moderngl
from imgui_bundle import imgui

from ncaengine.core.errors import NCAError
from ncaengine.formats import model_files
from ncaengine.formats.opened import Opened
from ncaengine.viewer.actions import open_files
from ncaengine.viewer.dialogs.gallery_tiles import Tiles
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.file_browser import HERE, Picker
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.model_library import ModelLibrary, without_path

Key = imgui.Key
BACK = "\uf060"
BUDGET, LONGEST = 0.006, 0.04
"""Seconds a frame for thumbnails that still grow; where drawing takes longer, half as long as that, up to LONGEST."""
WIDTH, HEIGHT = 67.0, 54.0
"""Of the sheet, in em."""
MANY, FIELD = 24, 14.0
"""Tiles beyond which there is a field to filter them, and its width in em."""
POPUP = "##gallery"
HOW = "Click or Enter: in the selected grid   ·   Ctrl-click"


class Gallery:
    """The sheet."""

    def __init__(self, ctx: moderngl.Context, fonts: theme.Fonts, shelf: ModelLibrary) -> None:
        self._ctx, self._fonts, self.shelf = ctx, fonts, shelf
        self.picker = Picker(Path.cwd())
        self.files = False
        self.tiles = Tiles(ctx, fonts, shelf)
        self._atlas: Opened | None = None
        self._shown = self._focus = self._typing = False
        self._height = float("inf")

    def work(self, app: App, drawing: float) -> bool:
        """Let thumbnails grow for a while, in a frame whose drawing takes so many seconds; returns whether any did."""
        if not app.show_gallery or self.files:
            return False
        worked = self.shelf.work(min(max(BUDGET, drawing / 2), LONGEST), app.sim.catalogue)
        self._ctx.screen.use()  # imgui draws on what is bound
        return worked

    def show(self, app: App) -> None:
        """Draw it over everything, while `app.show_gallery`."""
        if app.show_gallery and (not self._shown or app.collection is not self._atlas):
            self._appear(app)
        if not self._shown:
            return
        viewport = imgui.get_main_viewport()
        width, height = min(em(WIDTH), viewport.size.x - em(4)), min(em(HEIGHT), viewport.size.y - em(4))
        if not self.files:
            height = min(height, self._height)
        imgui.set_next_window_pos(viewport.get_center(), imgui.Cond_.always, (0.5, 0.5))
        imgui.set_next_window_size((width, height))
        flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_move | imgui.WindowFlags_.no_nav
        flags |= imgui.WindowFlags_.no_saved_settings
        with widgets.style(variables=[(imgui.StyleVar_.window_padding, (em(1.8), em(1.5)))]):
            visible, _ = imgui.begin_popup_modal(POPUP, None, flags)
        if visible:
            self._page(app)
            if not app.show_gallery:
                imgui.close_current_popup()
            imgui.end_popup()
        if not visible or not app.show_gallery:
            app.show_gallery = self._shown = False
            self.shelf.release()  # not the textures: what this frame has drawn is still to be put on the screen

    def _appear(self, app: App) -> None:
        """Fill the sheet anew; an atlas that was opened just now comes into sight."""
        opened = app.collection is not self._atlas
        open_files.refresh_collection(app)
        self._atlas, self.files = app.collection, False
        self.shelf.fill(model_files.shipped_models(), open_files.recent_models(app), app.collection)
        self.tiles.renew(app.watch.path_of(app.grid.model) if app.panes else None, opened)
        if not self._shown:
            imgui.open_popup(POPUP)
        self._shown = True

    def _page(self, app: App) -> None:
        appearing = imgui.is_window_appearing()
        self._head(app)
        foot = imgui.get_text_line_height_with_spacing() + em(0.6)
        height = imgui.get_content_region_avail().y - foot
        if self.files:
            if path := self.picker.show(height):
                self.open(app, path, beside=imgui.get_io().key_ctrl)
        else:
            self.tiles.show(height, lambda path, beside: self.open(app, path, beside))
            if not self.tiles.filter:  # else the sheet would shrink while its reader types
                self._height = self.tiles.content + (imgui.get_window_height() - height) + em(0.4)
        self._foot(app)
        if not appearing:
            self._keys(app)

    def _head(self, app: App) -> None:
        with theme.face(self._fonts.bold, 1.3):
            imgui.align_text_to_frame_padding()
            imgui.text_unformatted("Open a file" if self.files else "Open a model")
        close, wide, space = em(2.2), em(9.5), imgui.get_style().item_spacing.x
        end = imgui.get_window_width() - em(1.8)
        self._typing = False
        if not self.files and len(self.shelf.entries) > MANY:
            imgui.same_line(0, em(1.5))
            room = end - close - wide - 2 * space - imgui.get_cursor_pos_x()
            imgui.same_line(0, em(1.5) + max(0, room - em(FIELD)))
            self._filter(app, min(room, em(FIELD)))
        imgui.same_line(end - close - wide - space)
        text = f"{BACK}  Gallery" if self.files else f"{HERE}  Open a file…"
        help_ = "Back to the gallery (Esc)" if self.files else "Choose a file from a folder (Ctrl O)"
        if widgets.button(f"{text}###page", wide, help_):
            self.turn()
        imgui.same_line()
        if widgets.button(f"{icons.CLOSE}###close", close, "Close (Esc)"):
            app.show_gallery = False
        widgets.gap(0.2)

    def _filter(self, app: App, width: float) -> None:
        """The field that filters; Enter opens what is chosen, Esc clears it."""
        if self._focus:
            imgui.set_keyboard_focus_here()
            self._focus = False
        imgui.set_next_item_width(max(width, 1))
        flags = imgui.InputTextFlags_.escape_clears_all
        _, typed = imgui.input_text_with_hint("##filter", "Filter by name", self.tiles.filter, flags)
        self._typing = imgui.is_item_active()
        entered = imgui.is_item_deactivated() and any(map(imgui.is_key_pressed, (Key.enter, Key.keypad_enter)))
        widgets.tooltip("Only the models whose names hold these words (Ctrl F). Esc clears it.")
        self.tiles.sift(typed)
        if entered:
            self._open_chosen(app)

    def turn(self) -> None:
        """From the gallery to the files, or back."""
        self.files = not self.files
        if self.files:
            self.picker.go(self.picker.folder)

    def _foot(self, app: App) -> None:
        widgets.gap(0.1)
        if self.files:
            text = f"{HOW} or Ctrl Enter: beside it   ·   Backspace goes up   ·   Esc goes back to the gallery"
        else:
            more = "   ·   Ctrl F: filter" if len(self.shelf.entries) > MANY else ""
            text = f"{HOW}, Ctrl Enter or +: beside it{more}   ·   Esc closes"
        with widgets.style([(imgui.Col_.text, theme.DIM)]):
            imgui.text_unformatted(widgets.trimmed(text, imgui.get_content_region_avail().x))

    # Doing

    def open(self, app: App, path: Path, beside: bool = False) -> None:
        """Open a file and close the gallery; what fails is shown under the list, or on its tile and told.

        An atlas stays in the gallery, with its models.
        """
        try:
            open_files.open_path(app, path, beside)
            app.show_gallery = app.collection is not self._atlas
        except (NCAError, MemoryError) as error:
            said = str(error) or "There is not enough memory for that."
            if self.files:
                self.picker.problem = said
            else:
                app.notify(said, "error")
            for entry in self.shelf.entries:
                if entry.path == path:
                    entry.error = without_path(said, entry.file)

    def _open_chosen(self, app: App) -> None:
        entries = self.tiles.entries
        if entries:
            self.open(app, entries[min(self.tiles.chosen, len(entries) - 1)].path, imgui.get_io().key_ctrl)

    def _keys(self, app: App) -> None:
        if imgui.get_io().want_text_input and not self._typing:
            return

        def pressed(*keys: imgui.Key) -> bool:
            repeats = not set(keys) & {Key.escape, Key.o, Key.f, Key.enter}
            return any(imgui.is_key_pressed(key, repeats) for key in keys)

        down = pressed(Key.down_arrow) - pressed(Key.up_arrow)
        down += self.tiles.page * (pressed(Key.page_down) - pressed(Key.page_up))
        right = 0 if self._typing else pressed(Key.right_arrow) - pressed(Key.left_arrow)
        if not self.files and (right or down):
            self.tiles.move(right, down)
        elif self._typing:
            return
        elif pressed(Key.escape):
            self._back(app)
        elif imgui.get_io().key_ctrl and pressed(Key.o):
            self.turn()
        elif imgui.get_io().key_ctrl and pressed(Key.f):
            self._focus = True
        elif not self.files and pressed(Key.enter, Key.keypad_enter):
            self._open_chosen(app)

    def _back(self, app: App) -> None:
        """What Escape does: from the files to the tiles, from a filter to all of them, or out."""
        if self.files:
            self.turn()
        elif self.tiles.filter:
            self.tiles.sift("")
        else:
            app.show_gallery = False

    def release(self) -> None:
        """Give everything back, for good."""
        self.tiles.release()
        self.shelf.close()
