"""The grids in the window: pictures, headers, cursors, handles."""
