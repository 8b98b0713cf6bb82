"""The status bar: the device or the recording, the last reload, the frame rate, and buttons for commands and keys."""

from imgui_bundle import imgui

from ncaengine.viewer import keymap
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.app import App

BUTTONS = (f"{icons.SEARCH}  Commands###commands", f"{icons.KEYBOARD}  Keys###keys")
MOST_NOTE = 0.4
"""The share of the width that the note about the last reload may take."""


def show(app: App) -> None:
    """Draw the status bar into the current window."""
    imgui.align_text_to_frame_padding()
    width, start = imgui.get_content_region_avail().x, imgui.get_cursor_pos_x()
    buttons_width = sum(imgui.calc_text_size(text, True).x + em(1.2) for text in BUTTONS)
    right_width = buttons_width + imgui.calc_text_size("000 frames/s").x + em(2.5)
    note = widgets.shorten(app.reload_note, MOST_NOTE * width)
    note_width = imgui.calc_text_size(note).x + em(2) if note else 0
    recorder, text = app.recorder, app.sim.backend.description
    if recorder.active:
        text = f"{icons.RECORD}  Recording {recorder.output}, {recorder.clock}"
    widgets.text_in(theme.RED if recorder.active else theme.DIM, text, width - right_width - note_width)
    widgets.tooltip(text)
    imgui.same_line(start + width - right_width - note_width + em(1))
    widgets.text_in(theme.ACCENT, note)
    widgets.tooltip(app.reload_note)
    imgui.same_line(start + width - right_width + em(1))
    widgets.text_in(theme.DIM, f"{app.frames.rate:.0f} frames/s" if app.running else "idle")
    colours = (theme.BACK, theme.FIELD, theme.DIM)
    imgui.same_line(start + width - buttons_width)
    if widgets.button(BUTTONS[0], 0, "Find a command by name. (Ctrl P)", colours):
        widgets.open_popup(keymap.PALETTE)
    imgui.same_line(0, em(0.2))
    if widgets.button(BUTTONS[1], 0, "Show all keys. (?)", colours):
        app.show_help = True
