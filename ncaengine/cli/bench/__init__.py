"""`ncaengine bench`: time the engine against other ways to run a model."""
