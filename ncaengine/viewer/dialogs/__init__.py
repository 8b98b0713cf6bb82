"""What opens over the window: gallery, palette, help, file names."""
