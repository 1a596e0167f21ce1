"""Run what a person commands: the runs that send requests."""
