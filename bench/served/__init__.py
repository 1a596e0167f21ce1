"""Load on what a running process serves."""
