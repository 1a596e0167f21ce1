"""Shows what happens: listeners to the engine's events."""
