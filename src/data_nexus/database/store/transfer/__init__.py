"""Move a whole database to another server."""
