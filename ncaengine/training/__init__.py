"""Training and evaluation of texture NCAs; they need torch, but neither OpenGL nor a window."""
