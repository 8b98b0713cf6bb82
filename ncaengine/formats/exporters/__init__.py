"""Model -> what other programs run. Each module knows one of them, and refuses by name what it cannot compute."""
