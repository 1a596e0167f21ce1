"""Owns `nexus export`: the group of all exports."""

from __future__ import annotations

import click

from data_nexus.cli.lazy import LazyCommands

EXPORTS = {
    "lake": "data_nexus.cli.export_lake:lake",
}


@click.command(cls=LazyCommands, places=EXPORTS)
def export() -> None:
    """Write what is stored in the formats of other tools."""
