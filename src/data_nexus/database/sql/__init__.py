"""Owns the queries: one a file, its first line says what it is for, parameters only."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> bytes:
    """Return the text of the query `name`, from the file of that name."""
    return files(__package__).joinpath(f"{name}.sql").read_bytes()
