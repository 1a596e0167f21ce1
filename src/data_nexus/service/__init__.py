"""The daemon: run jobs by their schedules, for years and without care."""
