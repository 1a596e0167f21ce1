"""The command `nexus verify`."""

from __future__ import annotations

from typing import Any

import click

from data_nexus.app.verify import DeepScope, Verification
from data_nexus.app.verify import verify as run_checks
from data_nexus.cli.options import EXCHANGE, SYMBOLS, output_options, settings_from
from data_nexus.cli.render import console, counted, error_console, print_error, print_json, waiting
from data_nexus.database.reader.invariants import REMEDIES
from data_nexus.domain.symbol import exchange_code, parse_symbols
from data_nexus.errors import UsageError
from data_nexus.ingestion.histories.comparison import HistoryComparison
from data_nexus.ingestion.history_loader import LoadedScope
from data_nexus.observe.logs import log_event

_FIRST = 5
_DAMAGE = "stop writing to it, check the disk, and restore a backup"


@click.command()
@click.option(
    "--exchange", type=EXCHANGE, help="exchange to check with (US); with --deep: only its assets"
)
@click.option("--deep", is_flag=True, help="compare histories with the vendor's, one call each")
@click.option("--symbols", type=SYMBOLS, help="with --deep: these: AAPL.US,MSFT.US")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="with --deep: compare at most this number of histories, chosen by chance",
)
@click.option("--no-limit", is_flag=True, help="with --deep: compare all")
@output_options
def verify(
    exchange: str | None,
    deep: bool,  # noqa: FBT001 - a flag of the command line
    symbols: str | None,
    limit: int,
    no_limit: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> int:
    """Check database, discovery, backfill, cursors and batches.

    The checks write to a temporary schema and drop it. With an EODHD key they cost a few calls;
    without one they use the sandbox. Of the database in use every table is read in full, and each
    asset's bars are counted against the sync log; the adjusted closes of some assets are computed
    again. Nothing is written but which histories `nexus repair` is to read whole again.

    With --deep, stored histories are compared with the vendor's bar by bar: that finds a bar that
    was changed by hand.
    """
    if symbols and not deep:
        raise UsageError("--symbols needs --deep")
    if symbols and exchange:
        raise UsageError("--symbols and --exchange exclude each other")
    chosen = exchange_code(exchange) if exchange else None
    histories = LoadedScope(
        symbols=tuple(parse_symbols([symbols])) if symbols else None,
        exchange=chosen,
        limit=None if no_limit or symbols else limit,
    )
    scope = DeepScope(histories, log_event, _announce) if deep else None
    settings = settings_from(options)
    with waiting("checking the database: every table is read"):
        answer = run_checks(settings, chosen or "US", scope)
    if as_json:
        print_json(answer.as_dict())
    else:
        _say(answer)
    return _exit_code(answer)


def _announce(calls: int) -> None:
    compared = f"comparing {counted(calls, 'history')} with the vendor's"
    error_console.print(f"{compared}: {counted(calls, 'call')}")


def _exit_code(answer: Verification) -> int:
    if not answer.are_noted:
        text = "`nexus repair` does not know the damaged histories, as this database is read only"
        print_error(f"{text}; name them by --symbols", 0, as_json=False)
    if not answer.is_sound:
        return 8
    found = answer.comparison
    if found and found.ended_by:
        print_error(f"the comparison ended early: {found.ended_by}", 0, as_json=False)
        return found.ended_by.exit_code
    return 0 if answer.passed and not _is_open(found) else 3


def _is_open(found: HistoryComparison | None) -> bool:
    """Whether a comparison leaves something that a person has to look at."""
    return bool(found and (found.unanswered or found.of_others or found.doubted))


def _say(answer: Verification) -> None:
    for check in answer.checks:
        mark = "ok  " if check.passed else "FAIL"
        console.print(f"{mark}  {check.name}: {check.seen}")
    for name, tickers in answer.broken.items():
        console.print(f"FAIL  {name}: {_places(name, tickers)}" if tickers else f"ok    {name}")
    if not answer.damaged:
        console.print("ok    every table can be read in full")
    for table, cause in answer.damaged.items():
        console.print(f"FAIL  {table} is damaged: {cause}; {_DAMAGE}")
    if answer.comparison:
        _say_deep(answer.comparison)
    console.print(f"vendor: {answer.vendor}")


def _places(name: str, tickers: tuple[str, ...]) -> str:
    named = ", ".join(tickers[:_FIRST]) + (", …" if len(tickers) > _FIRST else "")
    return f"broken for {counted(len(tickers), 'asset')} ({named}); {REMEDIES[name]}"


def _say_deep(found: HistoryComparison) -> None:
    damaged = {name: each for name, each in found.differing.items() if each.is_mended_by_reading}
    mark = "FAIL" if damaged or found.of_others or found.doubted else "ok  "
    text = f"{found.compared:,} compared, {found.unanswered:,} without an answer"
    console.print(f"{mark}  histories are the vendor's: {text}")
    for name, each in found.differing.items():
        counts = f"{counted(each.missing, 'bar')} missing, {each.changed:,} changed"
        console.print(f"  {name}: {counts}, {each.withdrawn:,} not sent by the vendor any more")
        if each.is_of_another:
            console.print(
                f"  {name}: what was sent looks like another asset's and is not taken; it is read"
                f" again on the next days. If it is right: nexus repair --symbols {name}"
            )
        if each.doubted:
            console.print(
                f"  {name}: {each.doubted:,} bars are not sent and stay, as the answer may be cut."
                f" If they never were its own: nexus repair --symbols {name} --withdraw"
            )
    if damaged:
        console.print("  run: nexus repair")
