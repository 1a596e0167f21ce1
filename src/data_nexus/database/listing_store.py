"""Owns the way of a symbol list into `assets`: stage, compare, upsert, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection

from data_nexus.database.connection import conninfo, unavailable
from data_nexus.database.sql import query
from data_nexus.domain.listing import Listing


@dataclass(frozen=True, slots=True)
class ListingChanges:
    """What a symbol list changed; `missing` were active and are no longer listed.

    `missing` assets were deactivated unless `is_shrunk`: then the list lost more than the
    accepted share at once and is taken for truncated.
    """

    added: int
    reactivated: int
    updated: int
    unchanged: int
    listed: int
    missing: int
    active_before: int
    is_shrunk: bool

    @property
    def deactivated(self) -> int:
        """How many assets the list made inactive."""
        return 0 if self.is_shrunk else self.missing


async def store_listings(
    url: str,
    schema: str,
    exchange: str,
    listings: Iterable[Listing],
    *,
    delisted: bool,
    types: Sequence[str],
    max_shrink: float,
) -> ListingChanges:
    """Bring `assets` in line with an exchange's symbol list, in one transaction.

    With `types`, only assets of these types can go missing. A list of the `delisted` makes
    nothing inactive: it only adds and marks. Raises `StorageUnavailable`.
    """
    try:
        async with await AsyncConnection.connect(conninfo(url, schema)) as connection:
            await connection.execute(query("create_staged_listings"))
            await _stage(connection, listings)
            compared = await _compare(connection, exchange, delisted=delisted, types=types)
            active = compared["active"]
            missing = 0 if delisted else compared["missing"]
            shrunk = missing > max_shrink * active
            if missing and not shrunk:
                await connection.execute(
                    query("deactivate_missing"), {"exchange": exchange, "types": list(types)}
                )
            if compared["added"] or compared["differs"]:
                parameters = {"exchange": exchange, "delisted": delisted}
                await connection.execute(query("upsert_listings"), parameters)
    except psycopg.OperationalError as error:
        raise unavailable(error) from None
    return ListingChanges(
        added=compared["added"],
        reactivated=compared["reactivated"],
        updated=compared["differs"] - compared["reactivated"],
        unchanged=compared["listed"] - compared["added"] - compared["differs"],
        listed=compared["listed"],
        missing=missing,
        active_before=active,
        is_shrunk=shrunk,
    )


async def _stage(connection: AsyncConnection[Any], listings: Iterable[Listing]) -> None:
    async with connection.cursor() as cursor, cursor.copy(query("stage_listings")) as copy:
        for line in listings:
            await copy.write_row(
                (
                    line.symbol.code,
                    line.venue,
                    line.name,
                    line.asset_type,
                    line.country,
                    line.currency,
                    line.isin or None,
                )
            )


async def _compare(
    connection: AsyncConnection[Any], exchange: str, *, delisted: bool, types: Sequence[str]
) -> dict[str, int]:
    parameters = {"exchange": exchange, "delisted": delisted, "types": list(types)}
    cursor = await connection.execute(query("compare_listings"), parameters)
    row = await cursor.fetchone()
    names = [column.name for column in cursor.description or ()]
    return {name: int(value) for name, value in zip(names, row or (), strict=True)}
