"""What the daemon's jobs do."""
