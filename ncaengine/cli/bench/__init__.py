"""`ncaengine bench`: times the engine against other ways to run a model."""
