"""A section of the side bar: the session's file, with buttons to save and open."""

from imgui_bundle import imgui

from ncaengine.viewer import keymap
from ncaengine.viewer.actions import open_files, session_files
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.state.app import App


def show(app: App) -> None:
    """Draw the section into the current window."""
    path = app.session_file.path
    name = path.name if path else "Not saved yet."
    widgets.text_in(theme.DIM, name, imgui.get_content_region_avail().x)
    widgets.tooltip(str(path.absolute()) if path else "Press Ctrl S to save all grids in one file.")
    width = widgets.equal_width(2)
    if widgets.button("Save###save", width, keymap.with_key("Save all grids in one file.", session_files.save)):
        session_files.save(app)
    imgui.same_line()
    help_ = keymap.with_key("Save all grids under another name.", session_files.save_as)
    if widgets.button("Save as …###saveas", width, help_):
        session_files.save_as(app)
    help_ = keymap.with_key("Open a session, a still or a model.", open_files.open_gallery)
    if widgets.button("Open …###open", width, help_):
        open_files.open_gallery(app)
    imgui.same_line()
    if widgets.button("Journal …###journal", width, "Save all commands since the start, to replay them."):
        session_files.ask_name(app, "journal")
