"""The commands `nexus pause` and `nexus resume`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from data_nexus.cli.options import (
    EXCHANGE,
    SYMBOL,
    WATCHLIST,
    opened,
    output_options,
    settings_from,
)
from data_nexus.cli.render import console, counted, print_json, waiting
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.assets import asset_ids_of
from data_nexus.database.reader.planning import require_exchange
from data_nexus.database.reader.watchlists.follows import pause_assets, resume_assets
from data_nexus.database.reader.watchlists.watchlists import member_ids
from data_nexus.domain.symbol import exchange_code, parse_symbols
from data_nexus.errors import UsageError

Change = Callable[[PostgresConnection, Sequence[int] | None, str | None], int]
_SYMBOLS = click.argument("symbols", nargs=-1, type=SYMBOL)
_WATCHLIST = click.option("--watchlist", type=WATCHLIST, help="the assets of this watchlist")
_EXCHANGE = click.option("--exchange", type=EXCHANGE, help="all assets of this exchange")


@click.command()
@_SYMBOLS
@_WATCHLIST
@_EXCHANGE
@output_options
def pause(**options: Any) -> None:  # noqa: ANN401
    """Load assets no more until `nexus resume`.

    Example: nexus pause AAPL.US MSFT.US

    They are not due and cost no call; their bars stay. No discovery ends a pause.
    """
    _change(pause_assets, "paused", "were paused already", **options)


@click.command()
@_SYMBOLS
@_WATCHLIST
@_EXCHANGE
@output_options
def resume(**options: Any) -> None:  # noqa: ANN401
    """Load paused assets again."""
    _change(resume_assets, "resumed", "were not paused", **options)


def _change(
    change: Change,
    done: str,
    otherwise: str,
    *,
    symbols: tuple[str, ...],
    watchlist: str | None,
    exchange: str | None,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    if sum(map(bool, (symbols, watchlist, exchange))) != 1:
        raise UsageError("name symbols, or a --watchlist, or an --exchange")
    wanted, code = parse_symbols(symbols), exchange_code(exchange) if exchange else None
    with opened(settings_from(options)) as database, waiting("marking the assets"):
        asset_ids = None
        if code:
            require_exchange(database, code)
        elif watchlist:
            asset_ids = member_ids(database, watchlist)
        else:
            asset_ids = asset_ids_of(database, wanted)
        count = change(database, asset_ids, code)
    if as_json:
        print_json({"assets": count})
        return
    console.print(f"{counted(count, 'asset')} {done}.")
    if asset_ids is not None and count < len(asset_ids):
        rest = len(asset_ids) - count
        left = "The other one" if rest == 1 else f"The other {rest:,}"
        console.print(f"{left} {otherwise if rest > 1 else otherwise.replace('were', 'was')}.")
