"""`nexus listings`: show the history of a symbol."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from data_nexus.cli.options import SYMBOL, opened, output_options, settings_from
from data_nexus.cli.render import console, print_json, print_table, shown
from data_nexus.domain.symbol import parse_symbol
from data_nexus.research.universe import ListingChain, read_listings


@click.command()
@click.argument("symbol", type=SYMBOL)
@output_options
def listings(
    symbol: str,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    **options: Any,  # noqa: ANN401
) -> None:
    """Show which assets have or had a symbol, and when.

    Example: nexus listings META.US

    Each asset is shown with all symbols and names under which it was listed. A renamed listing
    stays one asset; a company that takes over another one's code is an asset of its own.
    """
    settings = settings_from(options)
    named = parse_symbol(symbol)
    with opened(settings, writes=False) as database:
        chains = read_listings(database, named)
    if as_json:
        print_json({"symbol": str(named), "assets": [each.as_json() for each in chains]})
        return
    for chain in chains:
        _show(chain)


def _show(chain: ListingChain) -> None:
    asset = chain.asset
    marks = ["delisted"] if asset.is_delisted else []
    if asset.retired_at is not None:
        marks.append(f"its code is another asset's since {_day(asset.retired_at)}")
    bars = f"bars {shown(asset.first_bar)} to {shown(asset.last_bar)}"
    title = ", ".join([f"asset {asset.asset_id}: {asset.symbol}", *marks, bars])
    console.print(title)
    print_table(
        ("symbol", "name", "venue", "from", "until", "began"),
        [
            (
                *(each.symbol, each.name, each.venue),
                *(_day(each.from_moment), _day(each.until_moment), each.began),
            )
            for each in chain.listings
        ],
    )


def _day(moment: datetime | None) -> str:
    return shown(moment and moment.date())
