"""The market as values and pure functions: no I/O, no clock, no random numbers."""
