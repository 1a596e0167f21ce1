"""Judges the database: what must always be true of it."""
