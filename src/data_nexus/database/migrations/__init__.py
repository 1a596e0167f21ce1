"""Owns the schema's history; `HEAD` is the revision that this version works with."""

from __future__ import annotations

from pathlib import Path

HEAD = "0001"
FOLDER = Path(__file__).parent
