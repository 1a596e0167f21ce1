"""The command `nexus backfill`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from data_nexus.app.commands.runs import run_backfill
from data_nexus.cli.exit_codes import exit_code_of
from data_nexus.cli.load.report import NOTHING_DUE, print_run
from data_nexus.cli.options import (
    EXCHANGE,
    SYMBOLS,
    WATCHLIST,
    opened,
    output_options,
    settings_from,
)
from data_nexus.cli.render import error_console, print_json, print_note
from data_nexus.config import Settings
from data_nexus.database.reader.assets import asset_ids_of
from data_nexus.database.reader.watchlists.follows import KeptOut, kept_out
from data_nexus.domain.symbol import Symbol, exchange_code, parse_symbols
from data_nexus.events import observers
from data_nexus.ingestion.history_loader import BackfillScope
from data_nexus.ingestion.wiring import FAIL_FAST, WAIT
from data_nexus.observe.logs import log_event
from data_nexus.observe.progress import progress_display

_ALL_ANSWERED = "Nothing is due: each was answered in the last day; --days-old 0 asks again."


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
    left_out = _kept_out(settings, scope.symbols) if scope.symbols else []
    if as_json:
        print_json(report.as_dict() | {"not_loaded": list(map(str, left_out))})
    elif report.total_assets or len(left_out) < len(scope.symbols or " "):
        print_run(report, _ALL_ANSWERED if scope.symbols else NOTHING_DUE)
    for each in left_out:
        print_note(f"warning: {each}")
    return exit_code_of(report) or (3 if left_out else 0)


def _kept_out(settings: Settings, symbols: Sequence[Symbol]) -> list[KeptOut]:
    """Return those of the symbols that no run loads."""
    with opened(settings, writes=False) as database:
        return kept_out(database, asset_ids_of(database, symbols))
