"""Owns `nexus export`: files for other tools."""

from __future__ import annotations

import click

from data_nexus.cli.export_formats import FORMAT_COMMANDS


@click.group()
def export() -> None:
    """Write files for other tools."""


for command in FORMAT_COMMANDS:
    export.add_command(command)
