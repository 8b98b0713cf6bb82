"""The gallery: thumbnails of all models at hand, over the window, and the file dialog behind its button."""

from pathlib import Path

import moderngl
from imgui_bundle import imgui

from ncaengine.errors import NCAError
from ncaengine.viewer import icons, opening, theme, widgets
from ncaengine.viewer.app import App
from ncaengine.viewer.opening import Entry, Shelf
from ncaengine.viewer.picker import HERE, Picker
from ncaengine.viewer.theme import em, u32
from ncaengine.viewer.thumbnails import SIDE

Key = imgui.Key
PLUS, BACK = "\uf067", "\uf060"
BUDGET, LONGEST = 0.006, 0.04
"""Seconds a frame for thumbnails that still grow; where drawing takes longer, half as long as that, up to LONGEST."""
WIDTH, HEIGHT, TILE, INSET = 67.0, 54.0, 9.6, 0.5
"""Of the sheet, of a tile at least and of its picture's margin, in em."""
POPUP = "##gallery"
HOW = "Click or Enter: in the selected grid   ·   Ctrl-click"
OVER = int(imgui.HoveredFlags_.allow_when_overlapped_by_item | imgui.HoveredFlags_.allow_when_blocked_by_active_item)
"""A tile stays under the pointer while that is on its small button, and while that is pressed."""


class Gallery:
    """The sheet. It holds the thumbnails' textures."""

    def __init__(self, ctx: moderngl.Context, fonts: theme.Fonts, shelf: Shelf) -> None:
        self._ctx, self._fonts, self.shelf = ctx, fonts, shelf
        self.picker = Picker(Path.cwd())
        self.files = False
        self.chosen = 0
        self._textures: dict[Entry, tuple[moderngl.Texture, object]] = {}
        self._rows: list[list[int]] = []
        self._moved = self._shown = False
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
        if app.show_gallery and not self._shown:
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
        self.shelf.fill(app.prefs.recent)
        for entry in set(self._textures) - set(self.shelf.entries):
            self._textures.pop(entry)[0].release()
        self.files, self._shown = False, True
        here = app.watch.path_of(app.grid.model) if app.panes else None
        paths = [entry.path.absolute() for entry in self.shelf.entries]
        self.chosen = paths.index(here.absolute()) if here and here.absolute() in paths else 0
        self._moved = self.chosen > 0
        imgui.open_popup(POPUP)

    def _page(self, app: App) -> None:
        appearing = imgui.is_window_appearing()
        self._head(app)
        foot = imgui.get_text_line_height_with_spacing() + em(0.6)
        height = imgui.get_content_region_avail().y - foot
        if self.files:
            if path := self.picker.show(height):
                self.open(app, path, beside=imgui.get_io().key_ctrl)
        else:
            self._tiles(app, height)
        self._foot(app)
        if not appearing:
            self._keys(app)

    def _head(self, app: App) -> None:
        with theme.face(self._fonts.bold, 1.3):
            imgui.align_text_to_frame_padding()
            imgui.text_unformatted("Open a file" if self.files else "Open a model")
        close, wide = em(2.2), em(9.5)
        end = imgui.get_window_width() - em(1.8)
        imgui.same_line(end - close - wide - imgui.get_style().item_spacing.x)
        text = f"{BACK}  Gallery" if self.files else f"{HERE}  Open a file…"
        help_ = "Back to the gallery (Esc)" if self.files else "Choose a file from a folder (Ctrl O)"
        if widgets.button(f"{text}###page", wide, help_):
            self.turn()
        imgui.same_line()
        if widgets.button(f"{icons.CLOSE}###close", close, "Close (Esc)"):
            app.show_gallery = False
        widgets.gap(0.2)

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
            text = f"{HOW}, Ctrl Enter or +: beside it   ·   Esc closes"
        with widgets.style([(imgui.Col_.text, theme.DIM)]):
            imgui.text_unformatted(widgets.trimmed(text, imgui.get_content_region_avail().x))

    # Tiles

    def _tiles(self, app: App, height: float) -> None:
        imgui.begin_child("tiles", (0, height))
        gap, self._rows = em(0.8), []
        free = imgui.get_content_region_avail().x
        columns = max(1, int((free + gap) // (em(TILE) + gap)))
        width = (free - gap * (columns - 1)) // columns
        shelf, count = self.shelf, len(self.shelf.shipped)
        for title, entries, first in (
            ("Shipped with ncaengine", shelf.shipped, 0),
            ("Recent files", shelf.recent, count),
        ):
            if entries:
                with widgets.style([(imgui.Col_.text, theme.DIM)]):
                    imgui.text_unformatted(title)
                self._section(app, entries, first, columns, width, gap)
                widgets.gap(0.3)
        content = imgui.get_cursor_pos_y()
        imgui.end_child()
        self._height = content + (imgui.get_window_height() - height) + em(0.4)
        self._moved = False

    def _section(self, app: App, entries: list[Entry], first: int, columns: int, width: float, gap: float) -> None:
        start = imgui.get_cursor_screen_pos()
        height = width + 2 * imgui.get_text_line_height() + em(0.5)
        for index, entry in enumerate(entries):
            row, column = divmod(index, columns)
            if column == 0:
                self._rows.append([])
            self._rows[-1].append(first + index)
            at = start.x + column * (width + gap), start.y + row * (height + gap)
            imgui.set_cursor_screen_pos(at)
            self._tile(app, first + index, entry, at, (width, height))
        rows = -(-len(entries) // columns)
        imgui.set_cursor_screen_pos((start.x, start.y + rows * (height + gap)))
        imgui.dummy((0, 0))

    def _tile(self, app: App, index: int, entry: Entry, at: tuple[float, float], size: tuple[float, float]) -> None:
        (x, y), (width, height) = at, size
        imgui.set_next_item_allow_overlap()
        if imgui.invisible_button(f"tile{index}", size):
            self.chosen = index
            self.open(app, entry.path, beside=imgui.get_io().key_ctrl)
        over, chosen = imgui.is_item_hovered(OVER), index == self.chosen
        widgets.tooltip(_facts(entry))
        if chosen and self._moved:
            imgui.internal.scroll_to_item(imgui.internal.ScrollFlags_.keep_visible_edge_y)
        draw = imgui.get_window_draw_list()
        draw.add_rect_filled((x, y), (x + width, y + height), u32(theme.FIELD_OVER if over else theme.FIELD), em(0.5))
        inset = em(INSET) - (em(0.2) if over else 0)
        self._picture(entry, (x + inset, y + inset), width - 2 * inset)
        if chosen:
            end = x + width - 1, y + height - 1
            draw.add_rect((x + 1, y + 1), end, u32(theme.ACCENT), em(0.5), thickness=em(0.13))
        line, left = imgui.get_text_line_height(), x + em(0.6)
        ink = theme.DIM if entry.error else theme.TEXT
        with theme.face(self._fonts.bold):
            draw.add_text((left, y + width - em(0.1)), u32(ink), widgets.trimmed(entry.name, width - em(1.2)))
        draw.add_text((left, y + width + line), u32(theme.DIM), widgets.trimmed(self._under(entry), width - em(1.2)))
        if (over or chosen) and not entry.error:
            self._beside(app, index, entry, x + width - inset, y + inset)

    def _under(self, entry: Entry) -> str:
        """The second line: where a file lies, which neighbourhoods a shipped model is for."""
        if entry in self.shelf.recent:
            return entry.path.parent.name or str(entry.path.parent)
        return " · ".join(entry.model.config.kernels) if entry.model else ""

    def _beside(self, app: App, index: int, entry: Entry, right: float, top: float) -> None:
        """The small button on the picture that opens it beside."""
        side = em(1.9)
        imgui.set_cursor_screen_pos((right - side - em(0.3), top + em(0.3)))
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (0, em(0.25)))]):
            colour = theme.CARD, theme.ACCENT_DEEP, theme.TEXT
            if widgets.button(f"{PLUS}###beside{index}", side, "Open beside, in a new grid (Ctrl-click)", colour):
                self.chosen = index
                self.open(app, entry.path, beside=True)

    def _picture(self, entry: Entry, at: tuple[float, float], side: float) -> None:
        draw, (x, y) = imgui.get_window_draw_list(), at
        end = x + side, y + side
        if entry.error:
            draw.add_rect_filled(at, end, u32(theme.CARD), em(0.35))
            draw.add_text((x + em(0.6), y + em(0.6)), u32(theme.AMBER), icons.WARNING)
            imgui.push_clip_rect(at, end, True)
            font, size = imgui.get_font(), imgui.get_font_size() * 0.87
            draw.add_text(font, size, (x + em(0.6), y + em(2)), u32(theme.DIM), entry.error, side - em(1.2))
            imgui.pop_clip_rect()
        elif texture := self._texture(entry):
            white = imgui.get_color_u32((1.0, 1.0, 1.0, 1.0))
            draw.add_image_rounded(imgui.ImTextureRef(texture.glo), at, end, (0, 0), (1, 1), white, em(0.35))
        else:
            draw.add_rect_filled(at, end, u32(theme.WELL), em(0.35))

    def _texture(self, entry: Entry) -> moderngl.Texture | None:
        """The thumbnail as it is now, on the device."""
        picture = entry.thumbnail.picture if entry.thumbnail else None
        if picture is None:
            return None
        texture, shown = self._textures.get(entry) or (self._ctx.texture((SIDE, SIDE), 3, alignment=1), None)
        if shown is not picture:
            texture.write(picture.tobytes(), alignment=1)
            self._textures[entry] = texture, picture
        return texture

    # Doing

    def open(self, app: App, path: Path, beside: bool = False) -> None:
        """Open a file and close the gallery; what fails is shown under the list, or on its tile and told."""
        try:
            opening.open_path(app, path, beside)
            app.show_gallery = False
        except (NCAError, MemoryError) as error:
            said = str(error) or "There is not enough memory for that."
            if self.files:
                self.picker.problem = said
            else:
                app.tell(said, "error")
            for entry in self.shelf.entries:
                if entry.path == path:
                    entry.error = opening.reason(said, path)

    def _keys(self, app: App) -> None:
        if imgui.get_io().want_text_input:
            return

        def pressed(*keys: imgui.Key) -> bool:
            repeats = not set(keys) & {Key.escape, Key.o, Key.enter}
            return any(imgui.is_key_pressed(key, repeats) for key in keys)

        ctrl = imgui.get_io().key_ctrl
        if pressed(Key.escape):
            if self.files:
                self.turn()
            else:
                app.show_gallery = False
        elif ctrl and pressed(Key.o):
            self.turn()
        elif self.files:
            return
        elif pressed(Key.enter, Key.keypad_enter) and self.shelf.entries:
            self.open(app, self.shelf.entries[self.chosen].path, beside=ctrl)
        else:
            right = pressed(Key.right_arrow) - pressed(Key.left_arrow)
            down = pressed(Key.down_arrow) - pressed(Key.up_arrow)
            if right or down:
                self.chosen, self._moved = moved(self._rows, self.chosen, right, down), True

    def release(self) -> None:
        """Give everything back, for good."""
        for texture, _ in self._textures.values():
            texture.release()
        self._textures.clear()
        self.shelf.close()


def moved(rows: list[list[int]], chosen: int, right: int, down: int) -> int:
    """What is chosen after a step among rows of tiles: on to the next row at an end, and to the end of a short one."""
    last = sum(map(len, rows)) - 1
    if last < 0:
        return 0
    if right:
        return min(max(chosen + right, 0), last)
    row, column = next((r, row.index(chosen)) for r, row in enumerate(rows) if chosen in row)
    target = rows[min(max(row + down, 0), len(rows) - 1)]
    return target[min(column, len(target) - 1)]


def _facts(entry: Entry) -> str:
    """The tooltip of a tile."""
    lines = [entry.name]
    if entry.model:
        config = entry.model.config
        numbers = f"{config.channels} channels · {config.hidden} hidden · {entry.model.parameters:,} weights"
        lines += [f"Model: {config.name}" if config.name != entry.name else ""]
        lines += [numbers.replace(",", " "), f"Family: {config.family}" if config.family else ""]
        lines += [f"Grows on: {', '.join(config.kernels)}", config.credit]
    return "\n".join(line for line in (*lines, entry.error, str(entry.path)) if line)
