"""The schema's history; `HEAD` is the revision that this version works with."""

from __future__ import annotations

from pathlib import Path

HEAD = "0026"
FOLDER = Path(__file__).parent


def sql_beside(script: str) -> str:
    """Return the SQL file of the same name as a revision's script, ready for `op.execute`."""
    # SQLAlchemy takes a colon for the beginning of a parameter.
    return Path(script).with_suffix(".sql").read_text(encoding="utf-8").replace(":", "\\:")
