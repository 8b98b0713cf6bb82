"""Reads the weights of pickled files without running them."""
