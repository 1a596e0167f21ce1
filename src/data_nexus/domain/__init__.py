"""The market's own words as values and pure functions: no I/O, no clock, no chance."""
