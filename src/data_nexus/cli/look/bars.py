"""`nexus bars`: show stored bars."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, get_args

import click
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from data_nexus.cli.options import DAY, MOMENT, SYMBOL, opened, output_options, settings_from
from data_nexus.cli.render import (
    console,
    counted,
    print_error,
    print_json,
    print_table,
    waiting,
    warnings_as_notes,
)
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.assets import BarRange, bar_ranges
from data_nexus.domain.symbol import parse_symbols
from data_nexus.errors import UsageError
from data_nexus.research.bars import read_view
from data_nexus.research.exports.tables import safe_for_spreadsheets
from data_nexus.research.views import Adjust, Direction, View

_SHOWN = 40
_HEADINGS = {"adjusted_close": "adj close"}


@click.command()
@click.argument("symbols", nargs=-1, required=True, type=SYMBOL)
@click.option("--from", "first", type=DAY, help="first date; also yesterday, 7d, 2y")
@click.option("--to", "last", type=DAY, help="last date")
@click.option(
    "--adjust",
    type=click.Choice(get_args(Adjust)),
    default="raw",
    help="as traded, for splits, for splits and dividends, by the vendor's adjusted close",
)
@click.option(
    "--direction",
    type=click.Choice(get_args(Direction)),
    default="backward",
    help="leave the last bar of the history as it is, or the first",
)
@click.option("--as-of", type=MOMENT, help="as known then: 2026-11-01T12:00 (UTC), yesterday, 7d")
@click.option("--interval", default="1d", help="bars of 1w, 1mo, 3mo or 5d (sessions)")
@click.option("--format", "form", type=click.Choice(["table", "csv", "parquet"]), default="table")
@output_options
def bars(
    symbols: tuple[str, ...],
    first: date | None,
    last: date | None,
    adjust: Adjust,
    direction: Direction,
    as_of: datetime | None,
    form: str,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    **options: Any,  # noqa: ANN401
) -> int:
    """Show stored bars.

    Example: nexus bars AAPL.US --from 2020-01-01

    `US@2019-06-28` in place of symbols means all assets listed there on that day.
    """
    interval = options.pop("interval")
    settings = settings_from(options)
    view = View(
        adjust=adjust,
        direction=direction,
        first=first,
        last=last,
        interval=interval,
    )
    if first and last and first > last:
        raise UsageError(f"--from {first} is after --to {last}; exchange them")
    with (
        warnings_as_notes(),
        opened(settings, writes=False) as database,
        waiting("reading the bars"),
    ):
        table = read_view(database, symbols, view, as_of=as_of)
        lacking = [] if len(table) else _lacking(database, symbols)
    if lacking:
        print_error(_why_none(lacking, view, as_of), 0, as_json=False)
    if as_json:
        print_json({"bars": table.to_pylist()})
    elif form == "csv":
        csv.write_csv(safe_for_spreadsheets(table), sys.stdout.buffer)
    elif form == "parquet":
        if sys.stdout.isatty():
            raise UsageError("Parquet is binary; write it to a file: nexus bars … > bars.parquet")
        parquet.write_table(table, sys.stdout.buffer)
    elif len(table):
        _show(table)
    return 3 if any(each.last is None for each in lacking) else 0


def _lacking(database: PostgresConnection, symbols: Sequence[str]) -> list[BarRange]:
    """Return the bars that the symbols have in all; of an exchange's day nothing is said."""
    if any("@" in text for text in symbols):
        return []
    return bar_ranges(database, parse_symbols(symbols))


def _why_none(found: list[BarRange], view: View, as_of: datetime | None) -> str:
    """Return why the first of some symbols has no bar to show, and what to do."""
    first = found[0]
    if first.last is None:
        symbols = ",".join(each.ticker for each in found)
        return f"{first.ticker} has no bars yet; run: nexus backfill --symbols {symbols}"
    if as_of is not None:
        return (
            f"{first.ticker} had no bars here at {as_of:%Y-%m-%d %H:%M} UTC; leave out --as-of, or"
            " name a later moment"
        )
    asked = f"{view.first or first.first} to {view.last or first.last}"
    return f"{first.ticker} has no bars from {asked}; it has those of {first.first} to {first.last}"


def _show(table: pa.Table) -> None:
    """Print the last bars of each symbol, under its name."""
    tickers = table["ticker"].unique().to_pylist()
    most = max(1, _SHOWN // max(1, len(tickers)))
    headings = [_HEADINGS.get(name, name) for name in table.column_names[1:]]
    for number, ticker in enumerate(tickers[:_SHOWN]):
        own = table.filter(pc.equal(table["ticker"], ticker)).drop_columns(["ticker"])
        last = own.slice(max(0, len(own) - most))
        if number:
            console.print()
        console.print(f"{ticker}, {counted(len(own), 'bar')}")
        print_table(headings, [tuple(row.values()) for row in last.to_pylist()])
    if len(table) > most * len(tickers) or len(tickers) > _SHOWN:
        console.print(f"The last of {len(table):,} bars; --format csv writes all.")
