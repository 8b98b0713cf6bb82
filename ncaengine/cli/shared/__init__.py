"""What several commands share: opening the engine, types of flags, output, training runs."""
