"""Model -> files of other programs. Each module writes for one program and refuses models that it can't run."""
