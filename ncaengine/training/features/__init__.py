"""Feature nets, whose layers the losses compare."""
