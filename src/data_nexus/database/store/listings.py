"""Owns the way of a symbol list into `assets` and the listing history, in one transaction.

A list is staged; renames and reused codes are settled, so that each asset bears its code of today;
then the assets are compared and brought in line, and the listing history is continued.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import AsyncConnection, Rollback

from data_nexus.database.connection import AsyncConn, conninfo, rows_of, unavailable
from data_nexus.database.queries import query
from data_nexus.database.store.successions import (
    apply_succession,
    find_dead_succession,
    find_succession,
)
from data_nexus.domain.listings.listing import Listing, SymbolChange
from data_nexus.domain.listings.succession import Doubt, Succession
from data_nexus.domain.listings.symbol_lists import KnownList


@dataclass(frozen=True, slots=True)
class DiscoveryContext:
    """What is known beside a list: the vendor's renames, and when the list was made (None: now)."""

    changes: Sequence[SymbolChange] = ()
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListingChanges:
    """What a symbol list changed; `missing` were active and are no longer listed.

    `missing` assets were deactivated unless `is_shrunk`: then the list lost more than the
    accepted share at once and is taken for truncated. `succession` tells renames, reused codes
    and doubts; a renamed asset also counts as updated, reactivated or unchanged.
    """

    added: int
    reactivated: int
    updated: int
    unchanged: int
    listed: int
    missing: int
    active_before: int
    is_shrunk: bool
    succession: Succession = field(default_factory=Succession)

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
    beside: DiscoveryContext = DiscoveryContext(),
) -> ListingChanges:
    """Bring `assets` and the listing history in line with a symbol list, in one transaction.

    With `types`, only assets of these types can go missing. A list of the `delisted` makes
    nothing inactive: it only adds and marks. Raises `StorageUnavailable`.
    """
    try:
        async with await AsyncConnection.connect(conninfo(url, schema)) as connection:
            held = {"exchange": exchange, "moment": beside.moment}
            await connection.execute(query("lock_exchange"), held)
            # Taken when it is our turn, so that lists are dated in the order of their reading.
            moment = (await rows_of(connection, "list_moment", held))[0][0]
            await connection.execute(query("create_staged_listings"))
            await _stage(connection, listings)
            comparison = _Comparison(
                connection, exchange, moment, delisted, tuple(types), max_shrink
            )
            return await comparison.settle(beside.changes)
    except psycopg.OperationalError as error:
        raise unavailable(error) from None


async def may_hold_renames(
    url: str, schema: str, exchange: str, codes: Sequence[str], types: Sequence[str]
) -> bool:
    """Say whether listed assets are missing from the codes of a list that also holds new ones."""
    try:
        async with await AsyncConnection.connect(conninfo(url, schema)) as connection:
            asked = {"exchange": exchange, "codes": list(codes), "types": list(types)}
            return bool((await rows_of(connection, "some_moved", asked))[0][0])
    except psycopg.OperationalError as error:
        raise unavailable(error) from None


async def known_lists(url: str, schema: str) -> list[KnownList]:
    """Return the symbol lists that were ever read, as they were last read whole."""
    try:
        async with await AsyncConnection.connect(conninfo(url, schema)) as connection:
            return [KnownList(*row) for row in await rows_of(connection, "last_lists", {})]
    except psycopg.OperationalError as error:
        raise unavailable(error) from None


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A staged list against the assets of its exchange."""

    connection: AsyncConn
    exchange: str
    moment: datetime
    delisted: bool
    types: tuple[str, ...]
    max_shrink: float

    async def settle(self, changes: Sequence[SymbolChange]) -> ListingChanges:
        """Write all that the list says; return what that was."""
        found = await self._find_succession(changes)
        compared: dict[str, int] = {}
        async with self.connection.transaction() as attempt:
            await apply_succession(self.connection, found, self.moment, delisted=self.delisted)
            compared = await self._compare()
            if self._is_shrunk(compared):
                raise Rollback(attempt)
        if self._is_shrunk(compared):
            found = await self._hold_back(found)
            compared = await self._compare()
        shrunk = self._is_shrunk(compared)
        await self._bring_in_line(compared, shrunk=shrunk)
        await self._continue_history(found, shrunk=shrunk, listed=compared["listed"])
        return _changes(compared, found, missing=self._missing(compared), shrunk=shrunk)

    async def _find_succession(self, changes: Sequence[SymbolChange]) -> Succession:
        if self.delisted:
            return await find_dead_succession(self.connection, self.exchange)
        return await find_succession(self.connection, self.exchange, self.types, changes)

    async def _compare(self) -> dict[str, int]:
        parameters = {**self._list, "delisted": self.delisted}
        cursor = await self.connection.execute(query("compare_listings"), parameters)
        row = await cursor.fetchone()
        names = [column.name for column in cursor.description or ()]
        return {name: int(value) for name, value in zip(names, row or (), strict=True)}

    def _missing(self, compared: dict[str, int]) -> int:
        return 0 if self.delisted else compared["missing"]

    def _is_shrunk(self, compared: dict[str, int]) -> bool:
        return self._missing(compared) > self.max_shrink * compared["active"]

    async def _hold_back(self, found: Succession) -> Succession:
        """Decide nothing by a truncated list: lines that would move a code wait for a whole one."""
        await self.connection.execute(query("hold_back"), {"codes": found.codes})
        text = "may bear another asset's listing now; to be decided by a whole list"
        held = (Doubt(code, text) for code in found.codes)
        return Succession(doubts=(*found.doubts, *held))

    async def _bring_in_line(self, compared: dict[str, int], *, shrunk: bool) -> None:
        if self._missing(compared) and not shrunk:
            await self.connection.execute(query("deactivate_missing"), self._list)
        if compared["added"] or compared["differs"]:
            parameters = {"exchange": self.exchange, "delisted": self.delisted}
            await self.connection.execute(query("upsert_listings"), parameters)

    async def _continue_history(self, found: Succession, *, shrunk: bool, listed: int) -> None:
        renames = {
            "asset_ids": [rename.asset_id for rename in found.renames],
            "reasons": [rename.reason for rename in found.renames],
        }
        noted = {**self._list, "moment": self.moment, "delisted": self.delisted}
        noted |= {"shrunk": shrunk, "listed": listed}
        if self.delisted:
            await self.connection.execute(query("note_dead_codes"), noted | renames)
        else:
            await self.connection.execute(query("close_listings"), noted)
            await self.connection.execute(query("open_listings"), noted | renames)
        await self.connection.execute(query("note_discovery"), noted)

    @property
    def _list(self) -> dict[str, Any]:
        return {"exchange": self.exchange, "types": list(self.types)}


def _changes(
    compared: dict[str, int], found: Succession, *, missing: int, shrunk: bool
) -> ListingChanges:
    return ListingChanges(
        added=compared["added"] + len(found.split_offs),
        reactivated=compared["reactivated"],
        updated=compared["differs"] - compared["reactivated"],
        unchanged=compared["listed"] - compared["added"] - compared["differs"],
        listed=compared["listed"],
        missing=missing,
        active_before=compared["active"],
        is_shrunk=shrunk,
        succession=found,
    )


async def _stage(connection: AsyncConn, listings: Iterable[Listing]) -> None:
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
