"""Feed mutated and hostile input to all that reads foreign bytes, and hold what must hold."""
