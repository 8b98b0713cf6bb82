"""Weights from pickled files, read without running any code in them."""
