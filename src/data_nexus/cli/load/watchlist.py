"""The commands `nexus watchlist`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from data_nexus.cli.load.symbol_files import read_symbols
from data_nexus.cli.options import SYMBOL, WATCHLIST, opened, output_options, settings_from
from data_nexus.cli.render import console, counted, print_json, print_table, waiting
from data_nexus.database.reader.watchlists.watchlists import (
    ListedMember,
    ListedWatchlist,
    add_to_watchlist,
    create_watchlist,
    drop_watchlist,
    list_members,
    list_watchlists,
    remove_from_watchlist,
    watchlist_name,
)
from data_nexus.domain.symbol import Symbol, parse_symbols
from data_nexus.errors import UsageError

_FILE = click.option(
    "--file", "path", help="a file of symbols: one a line, or a CSV file; - is standard input"
)
_COLUMN = click.option("--column", help="the column of a CSV file (symbol, ticker or code)")


@click.group()
def watchlist() -> None:
    """Name sets of symbols: my portfolio, the S&P 500."""


@watchlist.command()
@click.argument("name")
@click.argument("symbols", nargs=-1, type=SYMBOL)
@_FILE
@_COLUMN
@output_options
def create(
    name: str,
    symbols: tuple[str, ...],
    path: str | None,
    column: str | None,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    **options: Any,  # noqa: ANN401
) -> None:
    """Make a watchlist of symbols that are in the database.

    Example: nexus watchlist create sp500 --file sp500.txt
    """
    wanted = _given(symbols, path, column)
    with opened(settings_from(options)) as database, waiting("writing the watchlist"):
        count = create_watchlist(database, watchlist_name(name), wanted)
    _say(name, count, "with", as_json=as_json)


@watchlist.command()
@click.argument("name", type=WATCHLIST)
@click.argument("symbols", nargs=-1, type=SYMBOL)
@_FILE
@_COLUMN
@output_options
def add(
    name: str,
    symbols: tuple[str, ...],
    path: str | None,
    column: str | None,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    **options: Any,  # noqa: ANN401
) -> None:
    """Add symbols to a watchlist."""
    wanted = _given(symbols, path, column)
    with opened(settings_from(options)) as database, waiting("writing the watchlist"):
        count = add_to_watchlist(database, name, wanted)
    _say(name, count, "gained", as_json=as_json)


@watchlist.command()
@click.argument("name", type=WATCHLIST)
@click.argument("symbols", nargs=-1, type=SYMBOL)
@_FILE
@_COLUMN
@click.option("--all", "everything", is_flag=True, help="delete the watchlist itself")
@output_options
def remove(
    name: str,
    symbols: tuple[str, ...],
    path: str | None,
    column: str | None,
    everything: bool,  # noqa: FBT001 - a flag of the command line
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> None:
    """Take symbols out of a watchlist; their bars stay."""
    if everything == bool(symbols or path):
        raise UsageError("name the symbols to take out, or give --all to delete the watchlist")
    with opened(settings_from(options)) as database, waiting("writing the watchlist"):
        if everything:
            drop_watchlist(database, name)
        else:
            count = remove_from_watchlist(database, name, _given(symbols, path, column))
    if not everything:
        _say(name, count, "lost", as_json=as_json)
    elif as_json:
        print_json({"watchlist": name, "deleted": True})
    else:
        console.print(f"The watchlist {name} is deleted; its assets and their bars stay.")


@watchlist.command("list")
@output_options
def list_(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """List the watchlists."""
    with opened(settings_from(options), writes=False) as database:
        found = list_watchlists(database)
    if as_json:
        print_json({"watchlists": [asdict(each) for each in found]})
    elif found:
        headings = ("watchlist", "assets", "with bars", "last bar", "followed by")
        print_table(headings, [_row(each) for each in found])
    else:
        console.print("No watchlist yet. Make one: nexus watchlist create NAME AAPL.US MSFT.US")


@watchlist.command()
@click.argument("name", type=WATCHLIST)
@output_options
def show(name: str, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Show the assets of a watchlist."""
    with opened(settings_from(options), writes=False) as database:
        found = list_members(database, name)
    if as_json:
        print_json({"watchlist": name, "assets": [asdict(each) for each in found]})
    elif found:
        headings = ("symbol", "name", "type", "last bar", "")
        print_table(headings, [_member_row(each) for each in found])
    else:
        console.print(f"The watchlist {name} is empty. Add: nexus watchlist add {name} AAPL.US")


def _given(symbols: tuple[str, ...], path: str | None, column: str | None) -> list[Symbol]:
    if not symbols and path is None:
        raise UsageError("name symbols, like AAPL.US MSFT.US, or a file of them by --file")
    if column and path is None:
        raise UsageError("--column needs --file")
    from_file = read_symbols(path, column) if path is not None else []
    return list(dict.fromkeys([*parse_symbols(symbols), *from_file]))


def _say(name: str, count: int, did: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"watchlist": name, "assets": count})
    else:
        console.print(f"The watchlist {name} {did} {counted(count, 'asset')}.")


def _row(each: ListedWatchlist) -> tuple[object, ...]:
    followed = ", ".join(each.followed_by)
    return (each.name, each.assets, each.with_data, each.last_date, followed)


def _member_row(each: ListedMember) -> tuple[object, ...]:
    paused = "paused" if each.paused_at else ""
    return (each.symbol, each.name, each.asset_type, each.last_date, paused)
