"""Histories: assets brought up to date symbol by symbol."""
