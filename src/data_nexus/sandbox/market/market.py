"""Serve the market as of now: a universe, the changes of the control port, and the clock.

A listing's bars are always computed anew from its tape, the actions known and the session
published through, so that a split which becomes known re-bases the whole history.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import count

import numpy as np

from data_nexus.sandbox.clock import Clock
from data_nexus.sandbox.market.tape import (
    EMPTY,
    FIELDS,
    Bars,
    Dividend,
    Listing,
    Split,
    SymbolChange,
    Tape,
    served_bars,
    split_factor_after,
)
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


@dataclass(frozen=True, slots=True)
class ListedInterval:
    """A listing in the market: the tape's symbol, the days when it was listed and delisted."""

    listing: Listing
    source: str
    listed: date | None = None
    ended: date | None = None


@dataclass(slots=True)
class Amendments:
    """What the control port added to a symbol; `edition` rises with every change."""

    splits: list[Split] = field(default_factory=list)
    dividends: list[Dividend] = field(default_factory=list)
    restated: dict[date, dict[str, float]] = field(default_factory=dict)
    factors: list[tuple[date, float]] = field(default_factory=list)
    held: dict[date, date] = field(default_factory=dict)
    edition: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """What the vendor serves of one symbol now: bars, and the actions known and reported."""

    bars: Bars
    splits: tuple[Split, ...]
    dividends: tuple[tuple[Dividend, float], ...]  # each with its split-adjusted value


class Market:
    """The truth that the vendor serves; `version` counts every change to it."""

    def __init__(self, universe: Universe, clock: Clock) -> None:
        self.clock = clock
        self.version = 0
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

    def edition(self, symbol: str) -> tuple[object, ...]:
        """A value that stays equal exactly as long as the symbol's history does."""
        interval = self._intervals.get(symbol)
        exchange = symbol.rpartition(".")[2]
        amended = self._amendments.get(symbol)
        return (interval, self.published_through(exchange), amended.edition if amended else 0)

    def actions_edition(self, symbol: str) -> tuple[object, ...]:
        """A value that stays equal as long as `actions` does."""
        amended = self._amendments.get(symbol)
        return (self._intervals[symbol], amended.edition if amended else 0)

    def history(self, symbol: str) -> History | None:
        """What the vendor serves of the symbol now; None where it answers `not found`."""
        interval = self._intervals.get(symbol)
        tape = self._universe.tape(interval.source, interval.listed) if interval else None
        if interval is None or tape is None:
            return None
        through = self.published_through(interval.listing.exchange)
        amended = self._amendments.get(symbol, Amendments())
        tape = _known(tape, min(through, interval.ended or through))
        posted = [split for split in amended.splits if split.date <= through]
        cash = [dividend for dividend in amended.dividends if dividend.date <= through]
        bars = _scaled(
            _restated(served_bars(tape, posted, cash), amended.restated), amended.factors
        )
        bars = _without(bars, {day for day, until in amended.held.items() if through < until})
        splits = sorted((*tape.splits, *posted), key=lambda split: split.date)
        dividends = sorted((*tape.dividends, *cash), key=lambda dividend: dividend.date)
        valued = (
            (each, _value(each, tuple(splits), posted)) for each in dividends if each.reported
        )
        return History(bars, tuple(split for split in splits if split.reported), tuple(valued))

    def actions(self, symbol: str) -> tuple[Split | Dividend, ...]:
        """All reported actions of the symbol, future ones included."""
        interval = self._intervals[symbol]
        tape = self._universe.tape(interval.source, interval.listed) or EMPTY
        amended = self._amendments.get(symbol, Amendments())
        splits, dividends = (*tape.splits, *amended.splits), (*tape.dividends, *amended.dividends)
        return (
            *(split for split in splits if split.reported),
            *(dividend for dividend in dividends if dividend.reported),
        )

    def has_out(self, symbol: str, day: date) -> bool:
        """Whether the symbol's answers may include the day by now."""
        interval = self._intervals[symbol]
        return day <= min(self.published_through(interval.listing.exchange), interval.ended or day)

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


def _known(tape: Tape, through: date) -> Tape:
    """The tape as published: no later row, no later action."""
    end = int(np.searchsorted(tape.date, np.datetime64(through, "D"), side="right"))
    known = replace(
        tape if len(tape.date) else EMPTY,
        splits=tuple(split for split in tape.splits if split.date <= through),
        dividends=tuple(each for each in tape.dividends if each.date <= through),
    )
    return known.rows(slice(end))


def _restated(bars: Bars, restated: Mapping[date, Mapping[str, float]]) -> Bars:
    if not restated:
        return bars
    columns = {name: getattr(bars, name).copy() for name in FIELDS}
    for day, values in restated.items():
        rows = bars.date == np.datetime64(day, "D")
        if "close" in values and "adjusted_close" not in values:
            factor = columns["adjusted_close"][rows] / columns["close"][rows]
            columns["adjusted_close"][rows] = np.round(values["close"] * factor, 4)
        for name, value in values.items():
            columns[name][rows] = value
    return Bars(date=bars.date, **columns)


def _scaled(bars: Bars, factors: Iterable[tuple[date, float]]) -> Bars:
    adjusted = bars.adjusted_close
    for day, factor in factors:
        before = bars.date < np.datetime64(day, "D")
        adjusted = np.where(before, np.round(adjusted * factor, 4), adjusted)
    return replace(bars, adjusted_close=adjusted)


def _without(bars: Bars, held: Collection[date]) -> Bars:
    if not held:
        return bars
    out = np.isin(bars.date, np.array(sorted(held), dtype="datetime64[D]"), invert=True)
    return bars.take(np.flatnonzero(out))


def _value(dividend: Dividend, splits: tuple[Split, ...], posted: list[Split]) -> float:
    if dividend.stated is not None:
        return dividend.stated * split_factor_after(dividend.date, posted)
    return round(dividend.unadjusted * split_factor_after(dividend.date, splits), 6)
