"""The parts of the window around the grids: tool bar, side bar, timeline, notices and status bar."""
