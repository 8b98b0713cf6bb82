"""The OpenGL backend: states in textures, one dispatch a step."""
