"""Discover assets: read an exchange's symbol list into `assets`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from data_nexus.database.store.listings import DiscoveryContext, Listings
from data_nexus.domain.listings.exchange_lists import ListedExchange
from data_nexus.domain.listings.listing import Listing, SymbolChange
from data_nexus.domain.listings.symbol_lists import REPORTED_RENAMES
from data_nexus.domain.listings.unknown_symbol import unknown_symbol
from data_nexus.domain.symbol import Symbol, exchange_code
from data_nexus.eodhd.decode_symbol_changes import decode_symbol_changes
from data_nexus.eodhd.decode_symbols import decode_exchanges, decode_symbols
from data_nexus.eodhd.requests import (
    exchanges_request,
    symbol_changes_request,
    symbol_list_request,
)
from data_nexus.errors import NotInPlan, NotListed, Park, UsageError
from data_nexus.events import Observer, Warned, ignore
from data_nexus.ingestion.fetching.requester import Fetches, FetchState
from data_nexus.ingestion.reports.discovered import Discovered
from data_nexus.ingestion.wiring import open_database_async, open_run, settings_for


@dataclass(frozen=True, slots=True)
class WantedList:
    """A symbol list of an exchange: listed or delisted symbols, and of which types (none: all).

    Types that a person `named` must be those of some symbol on the list; in capitals or not.
    """

    exchange: str
    delisted: bool = False
    types: Sequence[str] = ()
    named: bool = False

    def found_in(self, listings: Sequence[Listing]) -> WantedList:
        """Return it with its types as the list spells them; raise `UsageError` for one of none."""
        there = {each.asset_type.casefold(): each.asset_type for each in listings}
        unknown = [each for each in self.types if each.casefold() not in there]
        if unknown and self.named and not self.delisted:
            names = ", ".join(sorted(filter(None, there.values())))
            raise UsageError(
                f"{self.exchange}: no symbol is of type {unknown[0]!r}; there are: {names}"
            )
        types = tuple(there.get(each.casefold(), each) for each in self.types)
        return replace(self, types=types)


async def discover(
    requester: Fetches,
    listings: Listings,
    wanted: WantedList,
    *,
    max_shrink: float,
    observe: Observer,
    moment: datetime | None = None,
) -> Discovered:
    """List an exchange's symbols into `assets`; return what changed.

    Without a `moment` the list is dated by the database's clock. Raises `UsageError` for an
    exchange that the vendor does not know, or what fetching raises.
    """
    state, exchange = FetchState(), wanted.exchange
    request = symbol_list_request(exchange, delisted=wanted.delisted)
    try:
        answer = await requester.fetch(request, lambda body: decode_symbols(body, exchange), state)
    except NotListed as error:
        raise no_exchange(exchange, error) from None
    symbols = answer.decoded
    wanted = wanted.found_in(symbols.listings)
    if symbols.refused:
        text = (
            f"{symbols.refused} lines repeat a code, hold none that can be used, or cannot be read"
        )
        observe(Warned(exchange, text))
    chosen = [s for s in symbols.listings if not wanted.types or s.asset_type in wanted.types]
    renames: tuple[SymbolChange, ...] = ()
    if exchange in REPORTED_RENAMES and not wanted.delisted:
        codes = [*(listing.symbol.code for listing in chosen), *symbols.refused_codes]
        renames = await _reported_renames(requester, listings, wanted, codes, observe, state)
    changes = await listings.store(
        exchange,
        chosen,
        delisted=wanted.delisted,
        types=wanted.types,
        max_shrink=max_shrink,
        context=DiscoveryContext(renames, moment, symbols.refused_codes, symbols.unread),
    )
    for doubt in changes.succession.doubts:
        observe(Warned(f"{doubt.code}.{exchange}", doubt.text))
    return Discovered(
        exchange, changes, symbols.refused, wanted.delisted, state.calls, symbols.unread
    )


async def fetch_exchanges(requester: Fetches) -> tuple[ListedExchange, ...]:
    """Return the vendor's exchanges, for one call; raise what fetching raises."""
    answer = await requester.fetch(exchanges_request(), decode_exchanges, FetchState())
    return answer.decoded


async def add_symbols(
    requester: Fetches, listings: Listings, symbols: Sequence[Symbol], state: FetchState
) -> int:
    """Add symbols as assets, from the symbol lists of their exchanges; return how many are new.

    One call for each exchange. Nothing else of the lists is stored. Raises `UsageError` for a
    symbol that the vendor does not list, with near names, and then adds none of its exchange.
    """
    added = 0
    for exchange in dict.fromkeys(symbol.exchange for symbol in symbols):
        listed = await _listed(requester, exchange, state)
        found = {}
        for symbol in symbols:
            if symbol.exchange == exchange:
                code = next((c for c in (symbol.code, symbol.code.upper()) if c in listed), None)
                if code is None:
                    raise unknown_symbol(symbol, [*listed], f"vendor's list of {exchange}")
                found[code] = listed[code]
        added += await listings.add(exchange, found.values())
    return added


async def _listed(requester: Fetches, exchange: str, state: FetchState) -> dict[str, Listing]:
    """Fetch the symbol list of an exchange; return its lines by code."""
    request = symbol_list_request(exchange, delisted=False)
    try:
        answer = await requester.fetch(request, lambda body: decode_symbols(body, exchange), state)
    except NotListed as error:
        raise no_exchange(exchange, error) from None
    return {line.symbol.code: line for line in answer.decoded.listings}


def no_exchange(exchange: str, error: NotListed) -> UsageError:
    """Return the error for an exchange that the vendor does not know."""
    return UsageError(
        f"the vendor knows no exchange {exchange!r} ({error}); is the code right"
        " (`nexus exchanges` lists them), is EODHD_BASE_URL right?"
    )


async def _reported_renames(
    requester: Fetches,
    listings: Listings,
    wanted: WantedList,
    codes: Sequence[str],
    observe: Observer,
    state: FetchState,
) -> tuple[SymbolChange, ...]:
    """Fetch the vendor's change history if symbols disappeared and others are new, else nothing.

    A plan without it leaves the ISINs. Any other trouble ends the discovery with nothing written:
    a rename that is missed would leave one listing as two assets.
    """
    exchange, types = wanted.exchange, wanted.types
    if not await listings.may_hold_renames(exchange, codes, types):
        return ()
    try:
        answer = await requester.fetch(symbol_changes_request(), decode_symbol_changes, state)
    except (NotInPlan, NotListed, Park) as refused:
        observe(Warned(exchange, f"renames are known by ISIN only: {refused}"))
        return ()
    return answer.decoded.changes


class AssetDiscovery:
    """The specification's discovery: `await AssetDiscovery(key, db).discover_exchange("US")`.

    `db_config` is a PostgreSQL URL, a mapping of its parts, or None for `DATABASE_URL` or the
    embedded database.
    """

    def __init__(
        self,
        api_key: str,
        db_config: str | Mapping[str, object] | None = None,
        *,
        observe: Observer = ignore,
    ) -> None:
        self._settings = settings_for(api_key, db_config)
        self._observe = observe

    async def discover_exchange(self, exchange: str, *, delisted: bool = False) -> int:
        """List an exchange's symbols into `assets`; return how many symbols the list held.

        Raises what `discover` raises. A list taken for truncated deactivates nothing, and the
        observer hears a `Warned`.
        """
        settings = self._settings
        async with (
            open_database_async(settings) as url,
            open_run(settings, url, self._observe) as (store, requester),
        ):
            found = await discover(
                requester,
                store.listings,
                WantedList(exchange_code(exchange), delisted),
                max_shrink=settings.max_shrink,
                observe=self._observe,
            )
        if found.changes.is_shrunk:
            self._observe(Warned(exchange, found.reason))
        return found.changes.listed
