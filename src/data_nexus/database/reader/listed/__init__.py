"""List what the database holds: its assets and its exchanges."""
