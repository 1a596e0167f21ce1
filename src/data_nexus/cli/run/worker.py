"""The command `nexus worker`."""

from __future__ import annotations

from typing import Any

import click

from data_nexus.app.commands.runs import run_worker
from data_nexus.cli.exit_codes import exit_code_of
from data_nexus.cli.load.report import print_run
from data_nexus.cli.options import EXCHANGE, WATCHLIST, output_options, settings_from
from data_nexus.cli.render import error_console, print_json
from data_nexus.domain.symbol import exchange_code
from data_nexus.events import observers
from data_nexus.observe.logs import log_event
from data_nexus.observe.progress import progress_display


@click.command()
@click.option("--exchange", type=EXCHANGE, help="only this exchange")
@click.option(
    "--watchlist",
    type=WATCHLIST,
    help="only the assets of this watchlist, each for one call a session",
)
@click.option("--concurrency", type=click.IntRange(1, 256), help="requests in flight (5)")
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65_535),
    help="port on 127.0.0.1 for /metrics, /health and /ready; 0: none",
)
@output_options
def worker(
    exchange: str | None,
    watchlist: str | None,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    **options: Any,  # noqa: ANN401
) -> int:
    """Keep everything fresh until stopped.

    A worker does what `nexus update` does as soon as a session is published, and requests nothing
    in between. Any number of workers may share one database: one fetches an exchange in bulk, all
    share the assets that are read individually. A worker waits for quota, for the vendor and for
    the database, and leaves a share of the day's calls (NEXUS_RESERVE) to other commands.
    """
    settings = settings_from(options)
    chosen = exchange_code(exchange) if exchange else None
    with progress_display(error_console) as progress:
        report = run_worker(settings, chosen, observers(log_event, progress), watchlist)
    if as_json:
        print_json(report.as_dict())
    else:
        print_run(report)
    return exit_code_of(report)
