"""What pictures are compared by: layers of feature nets."""
