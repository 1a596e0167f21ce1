"""Loads the database: discovery of symbols, and the engine that brings histories in."""
