"""The generator of the step shader's source."""
