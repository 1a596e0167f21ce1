"""The command `nexus serve`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from data_nexus import __version__
from data_nexus.app.signals import draining_on_signals
from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import print_json
from data_nexus.config import Settings
from data_nexus.dashboard.application import dashboard
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.wiring import open_database_async
from data_nexus.observe.logs import log_event
from data_nexus.observe.metrics import EventMetrics


@click.command()
@click.option("--port", "http_port", type=click.IntRange(0, 65_535), help="port (8640; 0: any)")
@output_options
def serve(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Show the dashboard in a browser, until stopped.

    It listens on this machine alone. Set NEXUS_DASHBOARD_PASSWORD_FILE to a file with a password,
    and pages also let you act; NEXUS_HTTP_ADDRESS then lets others reach it. `nexus run` serves it
    as well.
    """
    settings = settings_from(options)
    asyncio.run(_serve(settings, as_json=as_json))


async def _serve(settings: Settings, *, as_json: bool) -> None:
    drain = Drain(log_event)
    with draining_on_signals(drain):
        async with (
            open_database_async(settings) as url,
            dashboard(settings, url, log_event, EventMetrics(__version__)) as own_url,
        ):
            if as_json:
                print_json({"url": own_url})
            else:
                click.echo(f"The dashboard: {own_url}\nCtrl-C ends it.")
            await drain.requested.wait()
