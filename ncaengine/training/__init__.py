"""Training of texture NCAs from a picture (needs torch; no GL, no window)."""
