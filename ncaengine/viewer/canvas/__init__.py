"""The grids in the window: cards with pictures, headers, cell overlays, brush cursors and resize handles."""
