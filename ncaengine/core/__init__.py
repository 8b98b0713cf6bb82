"""What models, kernels, lattices and states are. NumPy only."""
