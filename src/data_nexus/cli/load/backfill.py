"""The command `nexus backfill`."""

from __future__ import annotations

from typing import Any

import click

from data_nexus.app.runs import run_backfill
from data_nexus.cli.exit_codes import exit_code_of
from data_nexus.cli.load.report import print_run
from data_nexus.cli.options import EXCHANGE, SYMBOLS, WATCHLIST, output_options, settings_from
from data_nexus.cli.render import error_console, print_json
from data_nexus.domain.symbol import exchange_code, parse_symbols
from data_nexus.events import observers
from data_nexus.ingestion.history_loader import BackfillScope
from data_nexus.ingestion.wiring import FAIL_FAST, WAIT
from data_nexus.observe.logs import log_event
from data_nexus.observe.progress import progress_display


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="load at most this number of assets",
)
@click.option("--no-limit", is_flag=True, help="load all assets that are due")
@click.option("--wait", is_flag=True, help="when the quota is used up, sleep until it resets")
@click.option("--concurrency", type=click.IntRange(1, 256), help="requests in flight (5)")
@click.option(
    "--days-old",
    type=click.FloatRange(min=0),
    help="due when the last answer is older than this (1)",
)
@click.option("--exchange", type=EXCHANGE, help="only this exchange")
@click.option("--symbols", type=SYMBOLS, help="only these: AAPL.US,MSFT.US")
@click.option("--watchlist", type=WATCHLIST, help="only the assets of this watchlist")
@click.option(
    "--batch-rows", type=click.IntRange(min=1), help="rows that share a transaction (5000)"
)
@output_options
def backfill(
    limit: int,
    no_limit: bool,  # noqa: FBT001 - a flag of the command line
    wait: bool,  # noqa: FBT001
    exchange: str | None,
    symbols: str | None,
    watchlist: str | None,
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> int:
    """Bring due assets up to date, symbol by symbol.

    Run it again to continue where it stopped.
    """
    settings = settings_from(options)
    scope = BackfillScope(
        limit=None if no_limit else limit,
        days_old=settings.days_old,
        exchange=exchange_code(exchange) if exchange else None,
        symbols=tuple(parse_symbols([symbols])) if symbols else None,
        watchlist=watchlist,
    )
    with progress_display(error_console) as progress:
        policy = WAIT if wait else FAIL_FAST
        report = run_backfill(settings, scope, observers(log_event, progress), policy)
    if as_json:
        print_json(report.as_dict())
    else:
        print_run(report)
    return exit_code_of(report)
