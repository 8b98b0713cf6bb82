"""The foot of the window: the status bar, the toasts above it, and the help."""

from imgui_bundle import imgui

from ncaengine.viewer import icons, shortcuts, theme, widgets
from ncaengine.viewer.app import App, Toast
from ncaengine.viewer.theme import em, u32


def status(app: App) -> None:
    """The status bar, into the current window: the device, what was reloaded, the frame rate, the way to the help."""
    imgui.align_text_to_frame_padding()
    width = imgui.get_content_region_avail().x
    start = imgui.get_cursor_pos_x()
    rate = f"{app.frames.rate:.0f} frames/s" if app.running else "idle"
    keys = f"{icons.HELP}  Keys###keys"
    note = widgets.trimmed(app.note, 0.4 * width)
    taken = imgui.calc_text_size(keys, True).x + imgui.calc_text_size("000 frames/s").x + em(4)
    noted = imgui.calc_text_size(note).x + em(2) if note else 0
    recording = app.recorder.recording
    said = app.sim.backend.description if recording is None else f"{icons.RECORD}  Recording {recording.path}"
    with widgets.style([(imgui.Col_.text, theme.DIM if recording is None else theme.RED)]):
        imgui.text_unformatted(widgets.trimmed(said, width - taken - noted))
        widgets.tooltip(said)
    with widgets.style([(imgui.Col_.text, theme.ACCENT)]):
        imgui.same_line(start + width - taken - noted + em(1))
        imgui.text_unformatted(note)
        widgets.tooltip(app.note)
    with widgets.style([(imgui.Col_.text, theme.DIM)]):
        imgui.same_line(start + width - taken + em(1))
        imgui.text_unformatted(rate)
        imgui.same_line(start + width - imgui.calc_text_size(keys, True).x - em(1.2))
        clear = (theme.BACK, theme.FIELD, theme.DIM)
        if widgets.button(keys, 0, "All keys (?)", clear):
            app.show_help = True


def toasts(app: App, left: float, bottom: float, width: float) -> None:
    """The lines that tell of errors and of work done, above `bottom`, the newest lowest."""
    for toast in reversed(app.toasts):
        bottom = _toast(app, toast, left, bottom, min(width, em(34))) - em(0.5)


def _toast(app: App, toast: Toast, left: float, bottom: float, width: float) -> float:
    error = toast.kind == "error"
    colour, icon = (theme.RED, icons.WARNING) if error else (theme.ACCENT, icons.DONE)
    imgui.set_next_window_pos((left, bottom), imgui.Cond_.always, (0, 1))
    imgui.set_next_window_size((width, 0))
    flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_move | imgui.WindowFlags_.no_saved_settings
    flags |= imgui.WindowFlags_.no_focus_on_appearing | imgui.WindowFlags_.no_nav | imgui.WindowFlags_.no_docking
    variables: list[widgets.Variable] = [
        (imgui.StyleVar_.window_padding, (em(1.0), em(0.6))),
        (imgui.StyleVar_.window_border_size, 1),
    ]
    with widgets.style([(imgui.Col_.window_bg, theme.FIELD)], variables):
        imgui.begin(f"##toast{toast.text}", None, flags)
        at, size = imgui.get_window_pos(), imgui.get_window_size()
        low, high = (at.x, at.y + em(0.4)), (at.x + em(0.25), at.y + size.y - em(0.4))
        imgui.get_window_draw_list().add_rect_filled(low, high, u32(colour), em(0.12))
        imgui.align_text_to_frame_padding()
        with widgets.style([(imgui.Col_.text, colour)]):
            imgui.text_unformatted(icon)
        imgui.same_line(0, em(0.7))
        imgui.align_text_to_frame_padding()
        imgui.push_text_wrap_pos(width - em(3.2))
        imgui.text_unformatted(toast.text)
        imgui.pop_text_wrap_pos()
        imgui.same_line(width - em(2.6))
        if widgets.button(f"{icons.CLOSE}###dismiss", em(1.9), "Dismiss", (theme.FIELD, theme.FIELD_HELD, theme.DIM)):
            app.toasts.remove(toast)
        imgui.end()
    return float(bottom - size.y)


def help_(app: App, fonts: theme.Fonts) -> None:
    """The table of keys, over everything, while `app.show_help`."""
    if app.show_help and not imgui.is_popup_open("##help"):
        imgui.open_popup("##help")
    centre = imgui.get_main_viewport().get_center()
    imgui.set_next_window_pos(centre, imgui.Cond_.always, (0.5, 0.5))
    flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_move | imgui.WindowFlags_.always_auto_resize
    with widgets.style(variables=[(imgui.StyleVar_.window_padding, (em(1.8), em(1.5)))]):
        visible, _ = imgui.begin_popup_modal("##help", None, flags)
    if not visible:
        return
    with theme.face(fonts.bold, 1.3):
        imgui.text_unformatted("Keys and mouse")
    widgets.gap(0.3)
    groups = list(dict.fromkeys(entry.group for entry in shortcuts.TABLE))
    if imgui.begin_table("##groups", 2, imgui.TableFlags_.sizing_fixed_fit):
        for index, half in enumerate((groups[0::2], groups[1::2])):
            imgui.table_next_column()
            for group in half:
                _group(group, fonts, index)
        imgui.end_table()
    keys = (imgui.Key.escape, imgui.Key.f1, imgui.Key.slash, imgui.Key.enter)
    outside = imgui.is_mouse_clicked(0) and not imgui.is_window_hovered(imgui.HoveredFlags_.root_and_child_windows)
    appearing = imgui.is_window_appearing()
    if not appearing and (outside or any(imgui.is_key_pressed(key, False) for key in keys)):
        app.show_help = False
        imgui.close_current_popup()
    imgui.end_popup()


def _group(group: str, fonts: theme.Fonts, column: int) -> None:
    with widgets.style([(imgui.Col_.text, theme.DIM)]):
        imgui.text_unformatted(group)
    start = imgui.get_cursor_pos_x()
    for entry in shortcuts.TABLE:
        if entry.group != group or not entry.shown:
            continue
        _key(entry.shown, fonts)
        imgui.same_line()
        imgui.set_cursor_pos_x(start + em(6.2))
        imgui.text_unformatted(entry.help)
        imgui.same_line(0, 0)
        imgui.dummy((em(2.5) if column == 0 else 0, 0))
    widgets.gap(0.5)


def _key(text: str, fonts: theme.Fonts) -> None:
    """A key cap."""
    at, size, pad = imgui.get_cursor_screen_pos(), imgui.calc_text_size(text), em(0.45)
    height = imgui.get_text_line_height()
    draw = imgui.get_window_draw_list()
    low, high = (at.x, at.y - em(0.1)), (at.x + size.x + 2 * pad, at.y + height + em(0.1))
    draw.add_rect_filled(low, high, u32(theme.FIELD), em(0.25))
    draw.add_text((at.x + pad, at.y), u32(theme.TEXT), text)
    imgui.dummy((size.x + 2 * pad, height))
