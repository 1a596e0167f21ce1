"""Validation: what a received bar must satisfy, and how received and stored bars agree."""
