"""Notebooks: what the last value of a cell displays, and live widgets."""
