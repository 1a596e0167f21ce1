"""`nexus bars`: show stored bars."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any, get_args

import click
import pyarrow as pa
from pyarrow import csv, parquet
from rich.table import Table

from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, print_json
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.open import open_database
from data_nexus.domain.dates import parse_moment
from data_nexus.errors import UsageError
from data_nexus.research.bars import read_view
from data_nexus.research.exports.tables import safe_for_spreadsheets
from data_nexus.research.views import Adjust, Direction, View

_SHOWN = 40


@click.command()
@click.argument("symbols", nargs=-1, required=True)
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="first date")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="last date")
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
@click.option("--as-of", help="as known at that moment: 2026-11-01T12:00, UTC")
@click.option("--format", "form", type=click.Choice(["table", "csv", "parquet"]), default="table")
@output_options
def bars(
    symbols: tuple[str, ...],
    first: datetime | None,
    last: datetime | None,
    adjust: Adjust,
    direction: Direction,
    as_of: str | None,
    form: str,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    **options: Any,  # noqa: ANN401
) -> None:
    """Show stored bars.

    Example: nexus bars AAPL.US --from 2020-01-01

    `US@2019-06-28` in place of symbols means all assets listed there on that day.
    """
    settings = settings_from(options)
    view = View(
        adjust=adjust,
        direction=direction,
        first=first and first.date(),
        last=last and last.date(),
    )
    moment = parse_moment(as_of) if as_of else None
    with open_database(settings.database_url, settings.home, settings.schema, writes=False) as url:
        table = read_view(PostgresConnection(url, settings.schema), symbols, view, as_of=moment)
    if as_json:
        print_json({"bars": table.to_pylist()})
    elif form == "csv":
        csv.write_csv(safe_for_spreadsheets(table), sys.stdout.buffer)
    elif form == "parquet":
        if sys.stdout.isatty():
            raise UsageError("Parquet is binary; write it to a file: nexus bars … > bars.parquet")
        parquet.write_table(table, sys.stdout.buffer)
    else:
        _show(table)


def _show(table: pa.Table) -> None:
    rows = table.slice(max(0, len(table) - _SHOWN)).to_pylist()
    shown = Table(*table.column_names)
    for row in rows:
        shown.add_row(*(f"{v:,.10g}" if isinstance(v, float) else str(v) for v in row.values()))
    console.print(shown)
    if len(rows) < len(table):
        console.print(f"the last {len(rows)} of {len(table):,} bars; --format csv writes all")
