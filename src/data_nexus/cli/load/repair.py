"""The command `nexus repair`."""

from __future__ import annotations

from typing import Any

import click

from data_nexus.app.commands.runs import run_repair
from data_nexus.cli.exit_codes import exit_code_of
from data_nexus.cli.load.report import print_run
from data_nexus.cli.options import EXCHANGE, SYMBOLS, output_options, settings_from
from data_nexus.cli.render import counted, error_console, print_error, print_json
from data_nexus.domain.symbol import exchange_code, parse_symbols
from data_nexus.errors import UsageError
from data_nexus.events import observers
from data_nexus.ingestion.history_loader import LoadedScope
from data_nexus.ingestion.wiring import FAIL_FAST, WAIT
from data_nexus.observe.logs import log_event
from data_nexus.observe.progress import progress_display


@click.command()
@click.option("--symbols", type=SYMBOLS, help="these: AAPL.US,MSFT.US")
@click.option("--exchange", type=EXCHANGE, help="all loaded assets of this exchange")
@click.option("--withdraw", is_flag=True, help="with --symbols: take out all bars not sent")
@click.option("--limit", type=click.IntRange(min=1), help="read at most this number of histories")
@click.option("--wait", is_flag=True, help="when the quota is used up, sleep until it resets")
@click.option("--concurrency", type=click.IntRange(1, 256), help="requests in flight (5)")
@output_options
def repair(
    symbols: str | None,
    exchange: str | None,
    withdraw: bool,  # noqa: FBT001 - a flag of the command line
    limit: int | None,
    wait: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> int:
    """Read damaged histories whole again, one call each.

    Without symbols or an exchange: those that `nexus verify` has found. Lost bars are stored again,
    changed ones are made the vendor's, and their old values are kept as revisions. A repair that
    was cut short is continued by `nexus repair`.

    Where an answer lacks many stored bars, they stay: it may be cut. With --withdraw they go, and
    are kept as revisions: when you know that they never were the asset's.
    """
    if withdraw and not symbols:
        raise UsageError("--withdraw needs --symbols")
    if symbols and exchange:
        raise UsageError("--symbols and --exchange exclude each other")
    settings = settings_from(options)
    scope = LoadedScope(
        symbols=tuple(parse_symbols([symbols])) if symbols else None,
        exchange=exchange_code(exchange) if exchange else None,
        limit=limit,
        withdraws=withdraw,
    )
    with progress_display(error_console) as progress:
        policy = WAIT if wait else FAIL_FAST
        report, left = run_repair(settings, scope, observers(log_event, progress), policy)
    if as_json:
        print_json(report.as_dict() | {"left": left})
    else:
        print_run(report, "No history waits for a repair.")
    code = exit_code_of(report, again="run `nexus repair` to continue")
    if left and not report.is_cut_short:
        text = f"still damaged: {counted(left, 'history')}"
        print_error(f"{text}; `nexus dead-letters list` shows the parked ones", 3, as_json=False)
    return code or (3 if left else 0)
