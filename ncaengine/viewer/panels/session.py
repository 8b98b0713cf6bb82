"""A section of the side bar: the session's file, with buttons to save and open."""

from imgui_bundle import imgui

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
    if widgets.button("Save###save", width, "Save all grids in one file. (Ctrl S)"):
        session_files.save(app)
    imgui.same_line()
    if widgets.button("Save as …###saveas", width, "Save all grids under another name. (Ctrl Shift S)"):
        session_files.ask_name(app, "session")
    if widgets.button("Open …###open", width, "Open a session, a still or a model. (Ctrl O)"):
        open_files.open_gallery(app)
    imgui.same_line()
    if widgets.button("Journal …###journal", width, "Save all commands since the start, to replay them."):
        session_files.ask_name(app, "journal")
