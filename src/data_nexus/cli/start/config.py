"""Owns `nexus config`."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, print_json, shown
from data_nexus.config import without_password


@click.command()
@output_options
def config(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Show every setting with its value, default and source."""
    settings = settings_from(options)
    rows = [
        {
            "variable": one.setting.variable,
            "value": without_password(one.value)
            if one.setting.key == "database_url"
            else one.value,
            "default": one.setting.default,
            "source": one.source,
            "meaning": one.setting.meaning,
        }
        for one in settings.sourced
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
