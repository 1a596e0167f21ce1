"""The commands `nexus dead-letters`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from data_nexus.cli.options import SYMBOL, opened, output_options, settings_from
from data_nexus.cli.render import console, counted, print_json, print_pairs, print_table
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.assets import asset_ids_of
from data_nexus.database.reader.dead_letters import (
    drop_dead_letters,
    list_dead_letters,
    retry_dead_letters,
)
from data_nexus.domain.symbol import parse_symbols
from data_nexus.errors import UsageError


@click.group("dead-letters")
def dead_letters() -> None:
    """Review assets whose answers were unfit."""


@dead_letters.command("list")
@output_options
def list_(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """List the dead letters, latest first."""
    with opened(settings_from(options), writes=False) as database:
        letters = list_dead_letters(database)
    if as_json:
        print_json({"dead_letters": letters})
        return
    if not letters:
        console.print("No dead letters.")
        return
    shown = ("symbol", "reason", "status", "count", "last_at")
    print_table(
        ("symbol", "reason", "status", "times", "last"),
        [[one[name] for name in shown] for one in letters],
    )


@dead_letters.command()
@click.argument("symbol", type=SYMBOL)
@output_options
def show(symbol: str, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Show one asset's dead letters in full."""
    with opened(settings_from(options), writes=False) as database:
        letters = list_dead_letters(database, _ids(database, (symbol,)))
    if as_json:
        print_json({"dead_letters": letters})
        return
    if not letters:
        console.print(f"No dead letter of {symbol}.")
    for one in letters:
        print_pairs(one.items())


@dead_letters.command()
@click.argument("symbols", nargs=-1, type=SYMBOL)
@click.option("--all", "everything", is_flag=True, help="all dead letters")
@output_options
def retry(symbols: tuple[str, ...], everything: bool, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Put assets back into the queue, for the next backfill."""
    _change(retry_dead_letters, "put back into the queue", symbols, everything, as_json, options)


@dead_letters.command()
@click.argument("symbols", nargs=-1, type=SYMBOL)
@click.option("--all", "everything", is_flag=True, help="all dead letters")
@output_options
def drop(symbols: tuple[str, ...], everything: bool, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Delete dead letters and pause their assets.

    `nexus resume` puts the assets back into the queue.
    """
    _change(drop_dead_letters, "dropped", symbols, everything, as_json, options)


def _change(
    change: Callable[[PostgresConnection, list[int] | None], int],
    done: str,
    symbols: tuple[str, ...],
    everything: bool,  # noqa: FBT001 - a flag of the command line
    as_json: bool,  # noqa: FBT001
    options: dict[str, Any],
) -> None:
    if bool(symbols) == everything:
        raise UsageError("name the symbols, or give --all")
    with opened(settings_from(options)) as database:
        count = change(database, None if everything else _ids(database, symbols))
    if as_json:
        print_json({"assets": count})
    else:
        console.print(f"{counted(count, 'asset')} {done}.")


def _ids(database: PostgresConnection, symbols: tuple[str, ...]) -> list[int]:
    return asset_ids_of(database, parse_symbols(symbols))
