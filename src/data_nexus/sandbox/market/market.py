"""Serve the market as of now: a universe, the changes of the control port, and the clock.

A listing's bars are always computed anew from its tape and the moment: the actions known, the
session published through, and what the vendor does late or wrong with the asset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import count
from zlib import crc32

from data_nexus.sandbox.clock import Clock
from data_nexus.sandbox.market.as_served import Amendments, History, history_at, is_out
from data_nexus.sandbox.market.behaviours import NONE, Behaviour, Behaviours, checked
from data_nexus.sandbox.market.calendar import (
    AS_CALENDAR,
    Departures,
    sessions_held,
    younger_than,
)
from data_nexus.sandbox.market.moment import Moment, running_session
from data_nexus.sandbox.market.tape import EMPTY, Dividend, Listing, Split, SymbolChange
from data_nexus.sandbox.market.universe import Universe

# Codes in paths that hold part of the virtual exchange US (vendor documentation), by venue.
US_VENUES = {
    "NYSE": "NYSE",
    "NASDAQ": "NASDAQ",
    "BATS": "BATS",
    "AMEX": "NYSE MKT",
    "OTC": "OTC",
    "PINK": "PINK",
}
UNAMENDED = Amendments()


@dataclass(frozen=True, slots=True)
class ListedInterval:
    """A listing in the market: the tape's symbol, the days when it was listed and delisted."""

    listing: Listing
    source: str
    listed: date | None = None
    ended: date | None = None


class Market:
    """The truth that the vendor serves; `version` counts every change to it."""

    def __init__(self, universe: Universe, clock: Clock, seed: int = 1) -> None:
        self.clock = clock
        self.version = 0
        self.behaviours: dict[str, Behaviour] = {}
        self._seed = seed
        self._concerned: dict[str, Behaviours] = {}
        self._departures: dict[str, Departures] = {}
        self._universe = universe
        self._intervals = {
            listing.symbol: ListedInterval(listing, listing.symbol)
            for exchange in universe.exchanges
            for listing in universe.listings(exchange)
        }
        self._exchanges = list(universe.exchanges)
        self._amendments: dict[str, Amendments] = {}
        self._published: dict[str, date] = {}
        self._shares: dict[str, float] = {}
        self._changes: list[SymbolChange] = list(universe.symbol_changes())

    # Served by the endpoints.

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The exchanges that have listings."""
        return tuple(self._exchanges)

    def holds(self, exchange: str) -> bool:
        """Whether the code is an exchange of this market, or a venue of US."""
        return exchange in self._exchanges or (exchange in US_VENUES and "US" in self._exchanges)

    def listings(self, exchange: str, *, delisted: bool = False) -> list[Listing]:
        """The listed symbols of an exchange or US venue, or with `delisted` the delisted ones."""
        venue = None if exchange in self._exchanges else US_VENUES[exchange]
        home = "US" if venue else exchange
        return [
            interval.listing
            for interval in self._intervals.values()
            if interval.listing.exchange == home
            and interval.listing.delisted is delisted
            and venue in (None, interval.listing.venue)
        ]

    def listed_share(self, exchange: str) -> float:
        """How much of the exchange's symbol lists is served."""
        return self._shares.get(exchange, 1.0)

    def interval(self, symbol: str) -> ListedInterval | None:
        """The listing of a symbol with its days; None if it is unknown."""
        return self._intervals.get(symbol)

    def published_through(self, exchange: str) -> date:
        """The last day whose sessions are published: yesterday, unless set by `publish`."""
        return self._published.get(exchange, self.clock.today() - timedelta(1))

    def symbols(self) -> Iterator[str]:
        """Every symbol, delisted ones included."""
        return iter(tuple(self._intervals))

    def symbol_changes(self) -> list[SymbolChange]:
        """The renamed symbols, oldest first."""
        return sorted(self._changes, key=lambda change: change.effective)

    def last_session(self, exchange: str) -> date:
        """The newest session published, by the sessions that the exchange held."""
        held = sessions_held(exchange, self.departures(exchange))
        return younger_than(held, self.published_through(exchange), 1)

    def departures(self, exchange: str) -> Departures:
        """How the exchange departs from its calendar."""
        return self._departures.get(exchange, AS_CALENDAR)

    def edition(self, symbol: str) -> tuple[object, ...]:
        """A value that stays equal exactly as long as the symbol's history does."""
        interval = self._intervals.get(symbol)
        amended = self._amendments.get(symbol)
        moment = self._moment(interval) if interval else None
        return (interval, moment, amended.edition if amended else 0)

    def actions_edition(self, symbol: str) -> tuple[object, ...]:
        """A value that stays equal as long as `actions` does."""
        amended = self._amendments.get(symbol)
        return (self._intervals[symbol], amended.edition if amended else 0)

    def history(self, symbol: str, *, final: bool = False) -> History | None:
        """What the vendor serves of the symbol now; None where it answers `not found`.

        `final`: what it will serve of the same days once all is settled.
        """
        interval = self._intervals.get(symbol)
        tape = self._universe.tape(interval.source, interval.listed) if interval else None
        if interval is None or tape is None:
            return None
        moment = self._moment(interval)
        amended = self._amendments.get(symbol, UNAMENDED)
        return history_at(tape, amended, moment.final() if final else moment)

    def actions(self, symbol: str) -> tuple[Split | Dividend, ...]:
        """All reported actions of the symbol, future ones included."""
        interval = self._intervals[symbol]
        tape = self._universe.tape(interval.source, interval.listed) or EMPTY
        amended = self._amendments.get(symbol, UNAMENDED)
        splits, dividends = (*tape.splits, *amended.splits), (*tape.dividends, *amended.dividends)
        return (
            *(split for split in splits if split.reported),
            *(dividend for dividend in dividends if dividend.reported),
        )

    def lists(self, symbol: str, action: Split | Dividend) -> bool:
        """Whether the vendor lists one of the symbol's actions by now."""
        amended = self._amendments.get(symbol, UNAMENDED)
        return is_out(action, amended, self._moment(self._intervals[symbol]))

    def concerned(self, name: str) -> list[str]:
        """The symbols with which the vendor is late or wrong in a way."""
        return [
            symbol
            for symbol, interval in self._intervals.items()
            if name in self._concerning(interval.source)
        ]

    def _concerning(self, source: str) -> Behaviours:
        if not self.behaviours:
            return NONE
        if source not in self._concerned:
            self._concerned[source] = {
                name: each
                for name, each in self.behaviours.items()
                if each.concerns(name, source, self._seed)
            }
        return self._concerned[source]

    def _moment(self, interval: ListedInterval) -> Moment:
        exchange, ended = interval.listing.exchange, interval.ended
        through, departures = self.published_through(exchange), self.departures(exchange)
        behaviours = self._concerning(interval.source)
        moment = Moment(
            exchange=exchange,
            through=min(through, ended or through),
            departures=departures,
            behaviours=behaviours,
            number=crc32(interval.source.encode()) + self._seed if behaviours else 0,
        )
        if "partial" not in behaviours or moment.through < through:
            return moment
        running = running_session(exchange, departures, through, self.clock.now())
        if running is None or running > (ended or running):
            return moment
        return replace(moment, running=running)

    # Changed by the control port.

    def publish(self, exchange: str, through: date | None) -> None:
        """Publish all sessions up to a day and no later one; None: follow the clock again."""
        self.version += 1
        if through is None:
            self._published.pop(exchange, None)
        else:
            self._published[exchange] = through

    def split(
        self, symbol: str, day: date, new: float, old: float, *, reported: bool = True
    ) -> None:
        """Announce a split; later prices follow it if its day is not yet published."""
        exchange = symbol.rpartition(".")[2]
        announced = day > self.published_through(exchange)
        self._amended(symbol).splits.append(Split(day, new, old, announced, reported))

    def pay(self, symbol: str, dividend: Dividend) -> None:
        """Announce a dividend."""
        self._amended(symbol).dividends.append(dividend)

    def restate(self, symbol: str, day: date, values: Mapping[str, float]) -> None:
        """Serve other values for one bar; a new close also changes its adjusted_close."""
        self._amended(symbol).restated.setdefault(day, {}).update(values)

    def scale(self, symbol: str, day: date, factor: float) -> None:
        """Multiply every adjusted close before a day, for a reason that no feed reports."""
        self._amended(symbol).factors.append((day, factor))

    def hold(self, symbol: str, day: date, until: date) -> None:
        """Serve the bar of a day late: once the sessions up to another day are published."""
        self._amended(symbol).held[day] = until

    def withdraw(self, symbol: str, kind: str, day: date) -> None:
        """Serve a day's `bar`, `split` or `dividend` no more."""
        self._amended(symbol).withdrawn.add((kind, day))

    def behave(self, name: str, behaviour: Behaviour) -> None:
        """Let the vendor be late or wrong in a way, or with no asset concerned end it."""
        checked(name, behaviour)
        self.version += 1
        self._concerned.clear()
        self.behaviours.pop(name, None)
        if behaviour.symbols or behaviour.share:
            sources = {each: self._intervals[each].source for each in behaviour.symbols}
            self.behaviours[name] = replace(behaviour, symbols=frozenset(sources.values()))

    def depart(self, exchange: str, departures: Departures) -> None:
        """Let the exchange trade on other days than its calendar has."""
        self.version += 1
        self._departures[exchange] = departures

    def shrink(self, exchange: str, share: float) -> None:
        """Serve only the first part of the exchange's lists; 1 serves them whole again."""
        self.version += 1
        self._shares[exchange] = share

    def list(self, listing: Listing, since: date) -> None:
        """Add a new listing, which trades from a day on."""
        self.version += 1
        self._intervals[listing.symbol] = ListedInterval(listing, listing.symbol, since)
        if listing.exchange not in self._exchanges:
            self._exchanges.append(listing.exchange)

    def relist(self, symbol: str, **changes: str | bool | None) -> None:
        """Change a listing's name, venue, type, country, currency or ISIN."""
        self.version += 1
        interval = self._intervals[symbol]
        self._intervals[symbol] = replace(interval, listing=replace(interval.listing, **changes))  # type: ignore[arg-type]

    def delist(self, symbol: str, day: date) -> None:
        """Delist a symbol: it moves to the list of delisted ones; its last bar is of that day."""
        self.relist(symbol, delisted=True)
        self._intervals[symbol] = replace(self._intervals[symbol], ended=day)

    def rename(self, symbol: str, code: str, effective: date) -> str:
        """Give a listing another code, under which its whole history is found from now on."""
        before = self._intervals[symbol].listing
        listing = self._move(symbol, code)
        change = SymbolChange(listing.exchange, before.code, code, listing.name, effective)
        self._changes.append(change)
        return listing.symbol

    def delist_reused(self, symbol: str, day: date) -> str:
        """Delist a symbol whose code is used again: as `CODE_old`, or `CODE_old1`."""
        code, _, exchange = symbol.rpartition(".")
        names = (f"{code}_old{number or ''}" for number in count())
        free = next(name for name in names if f"{name}.{exchange}" not in self._intervals)
        delisted = self._move(symbol, free).symbol
        self.delist(delisted, day)
        return delisted

    def remove(self, symbol: str) -> None:
        """Remove a symbol from lists and answers."""
        self.version += 1
        del self._intervals[symbol]

    def _move(self, symbol: str, code: str) -> Listing:
        interval = self._intervals[symbol]
        self.remove(symbol)
        listing = replace(interval.listing, code=code)
        self._intervals[listing.symbol] = replace(interval, listing=listing)
        self._amendments[listing.symbol] = self._amendments.pop(symbol, Amendments())
        return listing

    def _amended(self, symbol: str) -> Amendments:
        self.version += 1
        amended = self._amendments.setdefault(symbol, Amendments())
        amended.edition += 1
        return amended
