"""Symbol lists of one exchange, a week apart, on their way into a database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.store import open_store
from data_nexus.database.store.listings import DiscoveryContext, ListingChanges
from data_nexus.domain.listings.listing import Listing, SymbolChange
from data_nexus.domain.symbol import Symbol
from data_nexus.research.universe import read_universe
from tests.support.postgres.tables import Row, rows


def listing(code: str, name: str = "", isin: str = "", kind: str = "Common Stock") -> Listing:
    """A line of a list; named after its code unless told."""
    return Listing(Symbol(code, "US"), "NASDAQ", name or f"{code} Inc", kind, "USA", "USD", isin)


def listings(*codes: str) -> list[Listing]:
    """Lines with nothing but a code."""
    return [listing(code) for code in codes]


def moment(week: int) -> datetime:
    """The noon at which a week's list is made."""
    return datetime(2024, 1, 1, 12, tzinfo=UTC) + timedelta(7 * week)


def day(week: int) -> date:
    """The day of a week's list."""
    return moment(week).date()


def store(
    url: str,
    week: int | None,
    listed: Sequence[Listing],
    *changes: SymbolChange,
    delisted: bool = False,
    types: tuple[str, ...] = (),
    max_shrink: float = 1.0,
) -> ListingChanges:
    """Bring a week's list, or one of now, into the database."""
    context = DiscoveryContext(changes, None if week is None else moment(week))
    return store_list(url, listed, context, delisted=delisted, types=types, max_shrink=max_shrink)


def store_list(
    url: str,
    listed: Sequence[Listing],
    context: DiscoveryContext | None = None,
    *,
    delisted: bool = False,
    types: tuple[str, ...] = (),
    max_shrink: float = 0.2,
) -> ListingChanges:
    """Bring a symbol list of the United States into the database."""

    async def run() -> ListingChanges:
        async with open_store(url, "public", 1, lease_sec=60) as opened:
            return await opened.listings.store(
                "US",
                listed,
                delisted=delisted,
                types=types,
                max_shrink=max_shrink,
                context=context or DiscoveryContext(),
            )

    return asyncio.run(run())


def universe(url: str, on: date) -> list[dict[str, Any]]:
    """Who was listed on a day, as records."""
    return list(read_universe(PostgresConnection(url), "US", on).to_pylist())


def symbols(url: str, on: date) -> list[str]:
    """The codes of who was listed on a day."""
    return [row["symbol"].removesuffix(".US") for row in universe(url, on)]


def ids(url: str) -> dict[str, int]:
    """The assets by the code that each bears now."""
    return dict(rows(url, "SELECT symbol, id FROM assets WHERE retired_at IS NULL"))


def chain(url: str, asset_id: int) -> list[Row]:
    """The stretches of an asset: code, how it began, whether it is open."""
    return rows(
        url,
        "SELECT symbol, began, until_moment IS NULL FROM listings WHERE asset_id = %s"
        " ORDER BY from_moment",
        asset_id,
    )
