"""Owns `nexus config`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click
from rich.table import Table

from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, print_json, shown
from data_nexus.config import SETTINGS, setting_sources, without_password


@click.command()
@output_options
def config(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Show every setting with its value, default and source."""
    settings = settings_from(options)
    shareable = replace(settings, database_url=without_password(settings.database_url))
    sources = setting_sources(options)
    rows = [
        {
            "variable": setting.variable,
            "value": getattr(shareable, setting.field),
            "default": setting.default,
            "source": sources[setting.field],
            "meaning": setting.meaning,
        }
        for setting in SETTINGS
    ]
    key = {"is_set": settings.token is not None, "variable": "EODHD_API_KEY or EODHD_API_KEY_FILE"}
    if as_json:
        print_json({"settings": rows, "key": key, "home": str(settings.home)})
        return
    table = Table("setting", "value", "default", "source", "meaning")
    for row in rows:
        table.add_row(*(shown(row[column]) for column in row))
    console.print(table)
    console.print(f"home: {settings.home}")
    console.print(f"EODHD key: {'set' if settings.token else 'not set'}")
