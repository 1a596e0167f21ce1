"""`nexus assets`: list the assets of the database, and search them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import click

from data_nexus.cli.options import EXCHANGE, WATCHLIST, opened, output_options, settings_from
from data_nexus.cli.render import (
    NOTHING_DISCOVERED,
    console,
    counted,
    print_fitting,
    print_json,
    print_pairs,
)
from data_nexus.database.reader.listed.asset_list import ChosenAssets, ListedAsset, list_assets
from data_nexus.database.reader.planning import discovered_exchanges
from data_nexus.domain.symbol import exchange_code

_SHOWN = 40
# So many types and exchanges are counted by name.
_NAMED = 8
# What a narrow screen does without, the least needed first.
_SPARED = ("currency", "venue", "first bar")


@click.command()
@click.option("--search", help="words of the symbol, the name or the ISIN: apple")
@click.option("--type", "asset_type", help='only this type: ETF, "Common Stock"')
@click.option("--exchange", type=EXCHANGE, help="only this exchange")
@click.option("--watchlist", type=WATCHLIST, help="only the assets of this watchlist")
@click.option("--limit", type=click.IntRange(min=1), default=_SHOWN, help="how many to show")
@output_options
def assets(
    search: str | None,
    asset_type: str | None,
    exchange: str | None,
    watchlist: str | None,
    limit: int,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    **options: Any,  # noqa: ANN401
) -> None:
    """List assets, and search them.

    Example: nexus assets --search apple --exchange US

    The state is fresh, stale, no bars, delisted, paused, not followed, not listed, parked, damaged,
    or replaced: its code belongs to another asset.
    """
    code = exchange_code(exchange) if exchange else None
    with opened(settings_from(options), writes=False) as database:
        found = list_assets(database, ChosenAssets(search, asset_type, code, watchlist))
        is_empty = not found and not discovered_exchanges(database)
    if as_json:
        print_json({"assets": [asdict(each) for each in found], "total": len(found)})
    elif found:
        _show(found, limit)
    else:
        console.print(NOTHING_DISCOVERED if is_empty else "No asset matches.")


def _show(found: Sequence[ListedAsset], limit: int) -> None:
    print_fitting([_row(each) for each in found[:limit]], _SPARED)
    if len(found) <= limit:
        console.print(f"{counted(len(found), 'asset')}.")
        return
    console.print(f"The first {limit:,} of {counted(len(found), 'asset')}:")
    print_pairs(
        [
            ("  by exchange", _counts(each.symbol.rpartition(".")[2] for each in found)),
            ("  by type", _counts(each.asset_type or "no type" for each in found)),
            ("  by state", _counts(each.state for each in found)),
        ]
    )
    console.print(f"--limit {len(found)} shows all, --json writes them.")


def _row(asset: ListedAsset) -> dict[str, object]:
    return {
        "symbol": asset.symbol,
        "name": asset.name,
        "type": asset.asset_type,
        "venue": asset.venue,
        "currency": asset.currency,
        "first bar": asset.first_bar,
        "last bar": asset.last_bar,
        "state": asset.state,
    }


def _counts(words: Iterable[str]) -> str:
    """Return how often each word occurs, the most frequent first: Common Stock 20, ETF 3."""
    counts = Counter(words).most_common()
    others = sum(count for _, count in counts[_NAMED:])
    named = [f"{word} {count:,}" for word, count in counts[:_NAMED]]
    return ", ".join([*named, f"others {others:,}"] if others else named)
