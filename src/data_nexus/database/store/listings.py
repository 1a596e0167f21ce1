"""Bring assets and the listing history in line with a symbol list, in one transaction.

A list is staged; renames and reused codes are settled, so that each asset has its code of today;
then the assets are compared and brought in line, and the listing history is continued.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Rollback
from psycopg.rows import class_row, scalar_row

from data_nexus.database.connection import AsyncConn
from data_nexus.database.pool import Pool, rows_of
from data_nexus.database.queries import FoundAsset, found_assets, has_assets, known_lists, query
from data_nexus.database.store.successions import (
    apply_succession,
    find_delisted_succession,
    find_succession,
)
from data_nexus.domain.listings.exchange_lists import ListedExchange
from data_nexus.domain.listings.listing import Listing, SymbolChange
from data_nexus.domain.listings.succession import Doubt, Succession
from data_nexus.domain.listings.symbol_lists import KnownList
from data_nexus.domain.listings.unknown_symbol import no_members, not_discovered
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import no_assets


@dataclass(frozen=True, slots=True)
class DiscoveryContext:
    """What is known besides a list: the vendor's renames, and its moment (None: now).

    `refused_codes` and `unread` are those of the `SymbolList`.
    """

    changes: Sequence[SymbolChange] = ()
    moment: datetime | None = None
    refused_codes: Collection[str] = ()
    unread: int = 0


@dataclass(frozen=True, slots=True)
class ListingChanges:
    """What a symbol list changed; `missing` were active and are no longer listed.

    `missing` assets were deactivated unless `is_shrunk`: then the list lost more than the
    accepted share at once and is taken for truncated, or lines that cannot be read may be theirs.
    `succession` has renames, reused codes and doubts; a renamed asset also counts as updated,
    reactivated or unchanged.
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


@dataclass(frozen=True, slots=True)
class Listings:
    """The symbol lists of exchanges, as assets and as listing history."""

    _pool: Pool

    async def keep_exchanges(self, listed: Sequence[ListedExchange]) -> None:
        """Keep the vendor's list of exchanges in place of the one before; not an empty one."""
        if not listed:
            return
        columns = {
            "codes": [each.code for each in listed],
            "names": [each.name for each in listed],
            "countries": [each.country for each in listed],
            "currencies": [each.currency for each in listed],
            "operating_mics": [each.operating_mic for each in listed],
        }
        await self._pool.execute("keep_exchanges", columns)

    async def store(
        self,
        exchange: str,
        listings: Collection[Listing],
        *,
        delisted: bool,
        types: Sequence[str],
        max_shrink: float,
        context: DiscoveryContext = DiscoveryContext(),
    ) -> ListingChanges:
        """Bring `assets` and the listing history in line with a symbol list, in one transaction.

        With `types`, only assets of these types can go missing. A list of the `delisted` makes
        nothing inactive: it only adds and marks.
        """

        async def work(connection: AsyncConn) -> ListingChanges:
            held = {"exchange": exchange, "moment": context.moment}
            await connection.execute(query("lock_exchange"), held)
            # Taken when it is our turn, so that lists are dated in the order of their reading.
            (moment,) = await rows_of(connection, "list_moment", held, scalar_row)
            await connection.execute(query("create_staged_listings"))
            await _stage(connection, listings)
            if context.refused_codes and not delisted:
                kept = {"exchange": exchange, "codes": list(context.refused_codes)}
                await connection.execute(query("stage_unchanged"), kept)
            comparison = _Comparison(
                connection, exchange, moment, delisted, tuple(types), max_shrink, context.unread
            )
            return await comparison.settle(context.changes)

        return await self._pool.transaction(work)

    async def add(self, exchange: str, listings: Collection[Listing]) -> int:
        """Add some listings of an exchange as assets; return how many no asset has had.

        Nothing is concluded from what is not among them, and no list counts as read.
        """

        async def work(connection: AsyncConn) -> int:
            held: dict[str, Any] = {"exchange": exchange, "moment": None, "delisted": False}
            await connection.execute(query("lock_exchange"), held)
            (moment,) = await rows_of(connection, "list_moment", held, scalar_row)
            await connection.execute(query("create_staged_listings"))
            await _stage(connection, listings)
            await connection.execute(query("leave_out_known"), held)
            added = (await connection.execute(query("upsert_listings"), held)).rowcount
            await connection.execute(query("lock_follows"))
            await connection.execute(query("mark_followed"), held)
            begun = held | {"moment": moment, "asset_ids": [], "reasons": []}
            await connection.execute(query("open_listings"), begun)
            return added

        return await self._pool.transaction(work)

    async def unknown(self, symbols: Sequence[Symbol]) -> list[Symbol]:
        """Return those of symbols, as a person has written them, that no asset has."""
        found = {each.wanted for each in await self._pool.rows(*found_assets(symbols))}
        return [symbol for symbol in symbols if symbol not in found]

    async def may_hold_renames(
        self, exchange: str, codes: Sequence[str], types: Sequence[str]
    ) -> bool:
        """Say whether listed assets are missing from the codes of a list that also has new ones."""
        asked = {"exchange": exchange, "codes": list(codes), "types": list(types)}
        return await self._pool.one("some_moved", asked, scalar_row)

    async def known(self) -> list[KnownList]:
        """Return the symbol lists that were ever read, as they were last read whole."""
        return await self._pool.rows(*known_lists())

    async def require_exchange(self, exchange: str) -> None:
        """Raise `UsageError` for an exchange without assets."""
        if not await self._pool.one(*has_assets(exchange)):
            raise no_assets(exchange)

    async def known_assets(self, symbols: Sequence[Symbol]) -> list[FoundAsset]:
        """Return the assets of symbols as a person has written them, in the order given.

        Raises `UsageError` for one that no asset has, with near names.
        """
        found = {each.wanted: each for each in await self._pool.rows(*found_assets(symbols))}
        if unknown := [symbol for symbol in symbols if symbol not in found]:
            asked = {"exchange": unknown[0].exchange}
            raise not_discovered(unknown, await self._pool.rows("symbols_of", asked, scalar_row))
        return [found[symbol] for symbol in symbols]

    async def watched_ids(self, watchlist: str) -> list[int]:
        """Return the ids of a watchlist's assets; raise `UsageError` if there are none."""
        found = await self._pool.rows("watched_ids", {"name": watchlist}, scalar_row)
        if not found:
            raise no_members(watchlist, await self._pool.rows("watchlist_names", {}, scalar_row))
        return found


@dataclass(frozen=True, slots=True)
class _Compared:
    """How a staged list and the assets of its exchange differ, counted."""

    listed: int
    added: int
    reactivated: int
    differs: int
    active: int
    missing: int

    def changes(self, found: Succession, *, shrunk: bool) -> ListingChanges:
        """Return what the list changed, after this comparison was followed."""
        return ListingChanges(
            added=self.added + len(found.split_offs),
            reactivated=self.reactivated,
            updated=self.differs - self.reactivated,
            unchanged=self.listed - self.added - self.differs,
            listed=self.listed,
            missing=self.missing,
            active_before=self.active,
            is_shrunk=shrunk,
            succession=found,
        )


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A staged list against the assets of its exchange."""

    connection: AsyncConn
    exchange: str
    moment: datetime
    delisted: bool
    types: tuple[str, ...]
    max_shrink: float
    unread: int

    async def settle(self, changes: Sequence[SymbolChange]) -> ListingChanges:
        """Write all that the list says; return what that was."""
        found = await self._find_succession(changes)
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
        await self._continue_history(found, shrunk=shrunk, listed=compared.listed)
        return compared.changes(found, shrunk=shrunk)

    async def _find_succession(self, changes: Sequence[SymbolChange]) -> Succession:
        if self.delisted:
            return await find_delisted_succession(self.connection, self.exchange)
        return await find_succession(self.connection, self.exchange, self.types, changes)

    async def _compare(self) -> _Compared:
        parameters = {**self._list, "delisted": self.delisted}
        found = await rows_of(self.connection, "compare_listings", parameters, class_row(_Compared))
        return found[0]

    def _is_shrunk(self, compared: _Compared) -> bool:
        is_explained = 0 < compared.missing <= self.unread
        return is_explained or compared.missing > self.max_shrink * compared.active

    async def _hold_back(self, found: Succession) -> Succession:
        """Decide nothing by a truncated list: lines that would move a code wait for a whole one."""
        await self.connection.execute(query("hold_back"), {"codes": found.codes})
        text = "may be the code of another asset now; to be decided by a whole list"
        held = (Doubt(code, text) for code in found.codes)
        return Succession(doubts=(*found.doubts, *held))

    async def _bring_in_line(self, compared: _Compared, *, shrunk: bool) -> None:
        if compared.missing and not shrunk:
            await self.connection.execute(query("deactivate_missing"), self._list)
        if compared.added or compared.differs:
            parameters = {"exchange": self.exchange, "delisted": self.delisted}
            await self.connection.execute(query("upsert_listings"), parameters)
            await self.connection.execute(query("lock_follows"))
            await self.connection.execute(query("mark_followed"), parameters)

    async def _continue_history(self, found: Succession, *, shrunk: bool, listed: int) -> None:
        renames = {
            "asset_ids": [rename.asset_id for rename in found.renames],
            "reasons": [rename.reason for rename in found.renames],
        }
        noted = {**self._list, "moment": self.moment, "delisted": self.delisted}
        noted |= {"shrunk": shrunk, "listed": listed}
        if self.delisted:
            await self.connection.execute(query("note_delisted_codes"), noted | renames)
        else:
            await self.connection.execute(query("close_listings"), noted)
            await self.connection.execute(query("open_listings"), noted | renames)
        await self.connection.execute(query("note_discovery"), noted)

    @property
    def _list(self) -> dict[str, Any]:
        return {"exchange": self.exchange, "types": list(self.types)}


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
