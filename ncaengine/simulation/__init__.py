"""Grids, their clock and their commands."""
