"""The gallery: a dialog with pictures of all available models, or with the file browser."""

from pathlib import Path

import moderngl
from imgui_bundle import imgui

from ncaengine.core.errors import NCAError
from ncaengine.core.files import present_folder
from ncaengine.formats import model_files
from ncaengine.formats.opened import Opened
from ncaengine.viewer.actions import open_files
from ncaengine.viewer.dialogs.gallery_tiles import GalleryTiles, description
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.file_browser import FileBrowser
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state import file_kinds, notices
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.model_library import ModelLibrary, without_path

Key = imgui.Key
LEAST_WORK, MOST_WORK = 0.006, 0.04
"""Limits of the seconds per frame that growing thumbnails may take; between them it is half the time of drawing."""
WIDTH, HEIGHT, PADDING = 80.0, 54.0, (1.8, 1.5)
"""Of the dialog, in em."""
FILTER_WIDTH = 14.0
"""Of the field to filter the models, in em."""
ABOUT_WIDTH, ABOUT_FROM = 15.0, 44.0
"""Width of the strip that describes a model, and the least width of the dialog with it, in em."""
NAME = "##gallery"
ENDINGS = file_kinds.LISTED_MODEL_ENDINGS + file_kinds.SESSION_ENDINGS
HINT = "Click or Enter: open in the selected grid   ·   Ctrl-click"


class Gallery:
    """The dialog, with the model library that it shows.

    shows_files: whether it shows the file browser instead of the models.
    """

    def __init__(self, ctx: moderngl.Context, fonts: theme.Fonts, library: ModelLibrary) -> None:
        self._ctx, self._fonts, self.library = ctx, fonts, library
        self.browser = FileBrowser(present_folder(), ENDINGS, file_kinds.PICTURE_ENDINGS)
        self.tiles = GalleryTiles(ctx, fonts, library)
        self.shows_files = False
        self._collection: Opened | None = None
        self._shown = self._focus_filter = self._typing = False
        self._height = float("inf")
        """The height that all tiles need, in pixels."""

    def work(self, app: App, drawing: float) -> bool:
        """Grow thumbnails for a while. Return whether any grew.

        drawing: the seconds that drawing a frame takes.
        """
        if not app.show_gallery or self.shows_files:
            return False
        worked = self.library.work(min(max(LEAST_WORK, drawing / 2), MOST_WORK), app.sim.catalogue)
        self._ctx.screen.use()  # imgui draws into the bound framebuffer
        return worked

    def show(self, app: App) -> None:
        """Draw the gallery over everything while `app.show_gallery`."""
        if app.show_gallery and (not self._shown or app.collection is not self._collection):
            self._refresh(app)
        if not self._shown:
            return
        width, height = widgets.size_within_window(WIDTH, HEIGHT, 4)
        if not self.shows_files:
            height = min(height, self._height)
        with widgets.dialog(NAME, (width, height), PADDING, flags=widgets.DIALOG_WITHOUT_NAV) as is_open:
            if is_open:
                self._content(app)
                if not app.show_gallery:
                    imgui.close_current_popup()
        if not is_open or not app.show_gallery:
            app.show_gallery = self._shown = app.gallery_paints = False
            self.library.release()  # but not the textures: this frame, which uses them, isn't on the screen yet

    def _refresh(self, app: App) -> None:
        """Fill the gallery and open it; scroll to a collection that was just opened."""
        is_new = app.collection is not self._collection
        open_files.refresh_collection(app)
        self._collection, self.shows_files, self._focus_filter = app.collection, False, True
        self.library.fill(model_files.shipped_models(), open_files.recent_models(app), app.collection)
        self.tiles.refresh(app.watch.path_of(app.grid.model) if app.panes else None, is_new)
        if not self._shown:
            imgui.open_popup(NAME)
        self._shown = True

    def _content(self, app: App) -> None:
        appearing = imgui.is_window_appearing()
        self._heading(app)
        hint_height = imgui.get_text_line_height_with_spacing() + em(0.6)
        height = imgui.get_content_region_avail().y - hint_height
        if self.shows_files:
            if path := self.browser.show(height):
                self.open(app, path, new_grid=imgui.get_io().key_ctrl)
        else:
            self.tiles.offers_grids = not app.gallery_paints
            free = imgui.get_content_region_avail().x
            about = em(ABOUT_WIDTH) if free >= em(ABOUT_FROM) else 0.0
            self.tiles.show(free - about, height, lambda path, new_grid: self.open(app, path, new_grid), not about)
            if about:
                imgui.same_line(0, 0)
                self._about(height)
            if not self.tiles.filter:  # else the dialog would shrink while the user types
                self._height = self.tiles.content_height + (imgui.get_window_height() - height) + em(0.4)
        self._hint(app)
        if not appearing:
            self._handle_keys(app)

    def _about(self, height: float) -> None:
        """Draw the description of the tile under the pointer, or of the selected one, beside the tiles."""
        with widgets.style(variables=[(imgui.StyleVar_.window_padding, (em(1), 0))]):
            imgui.begin_child("about", (0, height), imgui.ChildFlags_.always_use_window_padding)
        if entry := self.tiles.described:
            name, *lines = description(entry).split("\n")
            with theme.use_font(self._fonts.bold):
                widgets.text_in(theme.TEXT, name, wrapped=True)
            for line in lines:
                widgets.text_in(theme.DIM, line, wrapped=True)
        imgui.end_child()

    def _heading(self, app: App) -> None:
        """Draw the title, the field to filter and the buttons."""
        with theme.use_font(self._fonts.bold, 1.3):
            imgui.align_text_to_frame_padding()
            title = "Choose a model to paint with" if app.gallery_paints else "Open a model"
            imgui.text_unformatted("Open a file" if self.shows_files else title)
        close_width, page_width, space = em(2.2), em(9.5), imgui.get_style().item_spacing.x
        end = imgui.get_window_width() - em(PADDING[0])
        if self.shows_files:
            self._typing = False
        else:
            imgui.same_line(0, em(1.5))
            free = end - close_width - page_width - 2 * space - imgui.get_cursor_pos_x()
            imgui.same_line(0, em(1.5) + max(0, free - em(FILTER_WIDTH)))
            self._filter_field(app, min(free, em(FILTER_WIDTH)))
        imgui.same_line(end - close_width - page_width - space)
        text = f"{icons.ARROW_LEFT}  Gallery" if self.shows_files else f"{icons.FOLDER_OPEN}  Open a file…"
        help_ = "Back to the gallery (Esc)" if self.shows_files else "Browse for a file (Ctrl O)"
        if widgets.button(f"{text}###page", page_width, help_):
            self.toggle_files()
        imgui.same_line()
        if widgets.button(f"{icons.CLOSE}###close", close_width, "Close (Esc)"):
            app.show_gallery = False
        widgets.vertical_space(0.2)

    def _filter_field(self, app: App, width: float) -> None:
        """Draw the field to filter, into which letters go at once; Enter opens the selected model, Esc clears it."""
        if self._focus_filter:
            imgui.set_keyboard_focus_here()
            self._focus_filter = False
        clears = self._typing and self.tiles.filter
        imgui.set_next_item_width(max(width, 1))
        flags = imgui.InputTextFlags_.escape_clears_all
        _, typed = imgui.input_text_with_hint("##filter", "Filter by name", self.tiles.filter, flags)
        self._typing = imgui.is_item_active()
        entered = imgui.is_item_deactivated() and any(map(imgui.is_key_pressed, (Key.enter, Key.keypad_enter)))
        widgets.tooltip("Show only models whose names contain these words (Ctrl F). Esc clears it.")
        self.tiles.set_filter(typed)
        if entered:
            self._open_selected(app)
        elif imgui.is_key_pressed(Key.escape, False) and not clears and not imgui.is_window_appearing():
            self._go_back(app)

    def toggle_files(self) -> None:
        """Show the file browser instead of the models, or the models again."""
        self.shows_files = not self.shows_files
        self._focus_filter = not self.shows_files
        if self.shows_files:
            self.browser.open_folder(self.browser.folder)

    def _hint(self, app: App) -> None:
        """Draw a line that explains mouse and keys."""
        widgets.vertical_space(0.1)
        if self.shows_files:
            text = f"{HINT} or Ctrl Enter: in a new grid   ·   Backspace: parent folder   ·   Esc: back to the gallery"
        elif app.gallery_paints:
            text = "Click or Enter: paint with this model   ·   Esc: close"
        else:
            text = f"{HINT}, Ctrl Enter or +: in a new grid   ·   Type to filter   ·   Esc: close"
        widgets.text_in(theme.DIM, text, imgui.get_content_region_avail().x)

    def open(self, app: App, path: Path, new_grid: bool = False) -> None:
        """Open a file and close the gallery. Errors are shown under the list, or as a notice and on the tile.

        For a file of several models the gallery stays open and shows them.
        """
        try:
            if app.gallery_paints:
                open_files.paint_with(app, path)
            else:
                open_files.open_path(app, path, new_grid)
            app.show_gallery = app.collection is not self._collection
        except (NCAError, MemoryError) as error:
            message = notices.message_of(error)
            if self.shows_files:
                self.browser.error = message
            else:
                app.notify(message, "error")
            for entry in self.library.entries:
                if entry.path == path:
                    entry.error = without_path(message, entry.file)

    def _open_selected(self, app: App) -> None:
        entries = self.tiles.entries
        if entries:
            self.open(app, entries[min(self.tiles.selected, len(entries) - 1)].path, imgui.get_io().key_ctrl)

    def _handle_keys(self, app: App) -> None:
        if imgui.get_io().want_text_input and not self._typing:
            return

        def pressed(*keys: imgui.Key) -> bool:
            repeats = not set(keys) & {Key.escape, Key.o, Key.f, Key.enter}
            return any(imgui.is_key_pressed(key, repeats) for key in keys)

        down = pressed(Key.down_arrow) - pressed(Key.up_arrow)
        down += self.tiles.rows_per_page * (pressed(Key.page_down) - pressed(Key.page_up))
        right = 0 if self._typing and self.tiles.filter else pressed(Key.right_arrow) - pressed(Key.left_arrow)
        if not self.shows_files and (right or down):
            self.tiles.move_selection(right, down)
        elif imgui.get_io().key_ctrl and pressed(Key.o):
            self.toggle_files()
        elif self._typing:
            return
        elif self.shows_files and pressed(Key.escape):
            self._go_back(app)
        elif imgui.get_io().key_ctrl and pressed(Key.f):
            self._focus_filter = True
        elif not self.shows_files and pressed(Key.enter, Key.keypad_enter):
            self._open_selected(app)

    def _go_back(self, app: App) -> None:
        """Do what Esc does: leave the file browser, clear the filter or close the gallery."""
        if self.shows_files:
            self.toggle_files()
        elif self.tiles.filter:
            self.tiles.set_filter("")
        else:
            app.show_gallery = False

    def release(self) -> None:
        """Free everything when the window closes."""
        self.tiles.release()
        self.library.close()
