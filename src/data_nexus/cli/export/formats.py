"""`nexus export csv`, `parquet` and so on: a command for each format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from time import monotonic
from typing import Any, get_args

import click

from data_nexus.cli.options import (
    DAY,
    EXCHANGE,
    MOMENT,
    SYMBOLS,
    WATCHLIST,
    Decorated,
    opened,
    output_options,
    settings_from,
)
from data_nexus.cli.render import console, counted, print_json, waiting, warnings_as_notes
from data_nexus.database.reader.watchlists.watchlists import list_members
from data_nexus.domain.symbol import exchange_code
from data_nexus.errors import UsageError
from data_nexus.research.assets import NamedAsset
from data_nexus.research.exports.export import Exported, export
from data_nexus.research.exports.formats import FORMATS, Format
from data_nexus.research.exports.series import ExportScope
from data_nexus.research.views import Adjust, View

_SHOWN = 20


def _choice_options(command: Decorated) -> Decorated:
    """Add the options of every export: which assets, which dates."""
    for option in (
        click.option(
            "--force",
            is_flag=True,
            help="write among other files, or replace the file",
        ),
        click.option("--to", "last", type=DAY, help="last date"),
        click.option("--from", "first", type=DAY, help="first date; also yesterday, 7d, 2y"),
        click.option(
            "--as-of", type=MOMENT, help="as known then: 2026-11-01T12:00 (UTC), yesterday, 7d"
        ),
        click.option("--on", type=DAY, help="of the exchange, the assets listed on that day"),
        click.option("--exchange", type=EXCHANGE, help="all assets of an exchange that have bars"),
        click.option("--watchlist", type=WATCHLIST, help="the assets of this watchlist"),
        click.option("--symbols", type=SYMBOLS, help="these symbols: AAPL.US,MSFT.US"),
    ):
        command = option(command)
    return command


def _command(form: Format) -> click.Command:
    """Make the command of a format."""

    def run(as_json: bool, **options: Any) -> int:  # noqa: ANN401, FBT001 - click's own call
        return _run(form, as_json=as_json, **options)

    run.__doc__ = _explanation(form)
    decorated = output_options(run)
    if form.adjust is not None:
        decorated = click.option(
            "--adjust",
            type=click.Choice(get_args(Adjust)),
            default=form.adjust,
            show_default=True,
            help="as traded, for splits, for splits and dividends, by the vendor's adjusted close",
        )(decorated)
    where = "folder or .{0} file" if form.one_file else "folder"
    out = click.option(
        "--out",
        required=True,
        type=click.Path(path_type=Path),
        help=f"the {where.format(form.name)} to write",
    )
    return click.command(form.name)(out(_choice_options(decorated)))


def _explanation(form: Format) -> str:
    example = f"nexus export {form.name} --symbols AAPL.US,MSFT.US --out {form.name}-export"
    return f"Write {form.meaning}.\n\nExample: {example}"


def _run(  # noqa: PLR0913 - the options of a command
    form: Format,
    *,
    as_json: bool,
    out: Path,
    symbols: str | None,
    exchange: str | None,
    watchlist: str | None,
    on: date | None,
    first: date | None,
    last: date | None,
    force: bool,
    as_of: datetime | None,
    adjust: Adjust = "raw",
    **options: Any,  # noqa: ANN401
) -> int:
    begun = monotonic()
    settings = settings_from(options)
    view = View(adjust=adjust, first=first, last=last)
    if sum(map(bool, (symbols, exchange, watchlist))) != 1:
        raise UsageError(
            "name what to export: --symbols AAPL.US,MSFT.US, or --watchlist NAME, or --exchange US"
        )
    with (
        warnings_as_notes(),
        opened(settings, writes=False) as database,
        waiting("exporting") as change,
    ):

        def watch(assets: Sequence[NamedAsset]) -> Iterator[NamedAsset]:
            for number, asset in enumerate(assets):
                change(f"exporting: {number:,}/{counted(len(assets), 'asset')}")
                yield asset

        if watchlist:
            symbols = ",".join(each.symbol for each in list_members(database, watchlist))
        scope = _scope(symbols, exchange, on)
        done = export(database, form, out, scope, view, as_of=as_of, force=force, watch=watch)
    _show(form, out, done, as_json=as_json, seconds=monotonic() - begun)
    return 0 if done.is_whole else 3


def _scope(symbols: str | None, exchange: str | None, on: date | None) -> ExportScope:
    if symbols is not None:
        if on is not None:
            raise UsageError("--on selects the assets listed on an exchange; add --exchange")
        return ExportScope(symbols=[text for text in symbols.split(",") if text.strip()])
    return ExportScope(exchange=exchange_code(exchange or ""), on=on)


def _show(form: Format, out: Path, done: Exported, *, as_json: bool, seconds: float) -> None:
    for each in done.altered[:_SHOWN]:
        click.echo(f"altered: {each}", err=True)
    if len(done.altered) > _SHOWN:
        click.echo(f"… {len(done.altered):,} in all; --json lists them", err=True)
    if as_json:
        left_out = [{"symbol": symbol, "reason": reason} for symbol, reason in done.left_out]
        print_json(
            {"format": form.name, "out": str(out), "assets": done.assets, "bars": done.bars}
            | {"without_bars": done.without_bars, "left_out": left_out}
            | {"altered": [asdict(each) for each in done.altered], "duration_sec": seconds}
        )
        return
    figures = f"{counted(done.assets, 'asset')}, {counted(done.bars, 'bar')}"
    console.print(f"{figures} written to {out} ({seconds:.1f} s)")
    if done.without_bars:
        console.print(f"No bars in these dates: {counted(done.without_bars, 'asset')}")
    for symbol, reason in done.left_out[:_SHOWN]:
        console.print(f"left out: {symbol}: {reason}")
    if len(done.left_out) > _SHOWN:
        console.print(f"… {len(done.left_out):,} in all; --json lists them")


COMMANDS = {form.name: _command(form) for form in FORMATS.values()}
csv, parquet, arrow = (COMMANDS[name] for name in ("csv", "parquet", "arrow"))
zipline, qlib, lean = (COMMANDS[name] for name in ("zipline", "qlib", "lean"))
nautilus, backtrader = (COMMANDS[name] for name in ("nautilus", "backtrader"))
