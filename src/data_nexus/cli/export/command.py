"""`nexus export`: the group of all exports."""

from __future__ import annotations

import click

from data_nexus.cli.lazy import LazyCommands

_FORMATS = ("csv", "parquet", "arrow", "zipline", "qlib", "lean", "nautilus", "backtrader")
EXPORTS = {
    "lake": "data_nexus.cli.export.lake:lake",
    **{name: f"data_nexus.cli.export.formats:{name}" for name in _FORMATS},
}


@click.command(cls=LazyCommands, places=EXPORTS)
def export() -> None:
    """Write what is stored in the formats of other tools."""
