"""Backups: made of a living database, proved, kept for a while, and restored to a moment."""
