"""Owns `nexus status`."""

from __future__ import annotations

from typing import Any

import click

from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, print_json, print_pairs
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.opening import open_database
from data_nexus.database.overview import overview


@click.command()
@output_options
def status(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Show what the database holds: assets, bars, dates, quota, the last runs."""
    settings = settings_from(options)
    with open_database(settings.database_url, settings.home, settings.schema) as url:
        found = overview(
            PostgresConnection(url, settings.schema), settings.days_old, settings.token
        )
    if as_json:
        print_json(found)
        return
    assets, quota = found["assets"], found["quota"]
    print_pairs((f"assets {key.replace('_', ' ')}", value) for key, value in assets.items())
    about = "about " if found["rows_are_estimated"] else ""
    print_pairs(
        [
            ("bars", f"{about}{found['rows']:,}"),
            ("dates", f"{found['first_date'] or '—'} to {found['last_date'] or '—'}"),
            ("calls used today", quota["used"]),
            ("calls left today", quota["left"]),
            ("renewed at", quota["resets_at"]),
            ("requests a minute", quota["minute_limit"]),
        ]
    )
    for worker in found["workers"]:
        state = worker["state"]
        breakers = ", ".join(f"{name} {how}" for name, how in state["breakers"].items())
        console.print(
            f"worker since {worker['started_at'][:19]}: {state['in_flight']} of"
            f" {state['breadth']} in flight, {state['requests']:,} requests,"
            f" {state['retries']:,} retries ({state['retry_budget']} left), {breakers}"
        )
    print_pairs(
        (f"{run['command']} {run['started_at'][:16]}", run["outcome"]) for run in found["runs"]
    )
