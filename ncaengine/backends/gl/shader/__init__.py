"""The generator of the shaders' source."""
