"""Values of the sandbox's market: listings, tapes (what traded), bars (what is served).

Pure. A tape holds raw prices and volumes and the corporate actions; the bars that the vendor
serves on a given day follow from it and from the actions known by then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from data_nexus.sandbox.market.calendar import DAY, Days

Floats = NDArray[np.float64]
RAW_PRICES = ("open", "high", "low", "close")
RAW = (*RAW_PRICES, "volume")
FIELDS = (*RAW_PRICES, "adjusted_close", "volume")

# A payout of a share's whole value would leave nothing to adjust.
_LEAST_FACTOR = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A row of a symbol list; `exchange` is the code in paths, `venue` the one in the list."""

    code: str
    exchange: str
    name: str
    type: str = "Common Stock"
    country: str = "USA"
    venue: str = "NASDAQ"
    currency: str = "USD"
    isin: str | None = None
    delisted: bool = False

    @property
    def symbol(self) -> str:
        """The symbol in vendor paths, `AAPL.US`."""
        return f"{self.code}.{self.exchange}"


@dataclass(frozen=True, slots=True)
class Split:
    """From `date` on there are `new` shares for every `old` ones.

    `announced`: the split was known before its date, so the prices from then on follow it. One
    that is not `reported` shows in the bars and in no list of splits.
    """

    kind: ClassVar[str] = "split"
    date: dt.date
    new: float
    old: float
    announced: bool = False
    reported: bool = True

    @property
    def factor(self) -> float:
        """The multiplier of prices before the split; 1 for the vendor's 0/1."""
        return self.old / self.new if self.new and self.old else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dividend:
    """Cash per share with its ex-date; `stated` is the split-adjusted value of a given source.

    One that is not `reported` shows in the bars and in no list of dividends.
    """

    kind: ClassVar[str] = "dividend"
    date: dt.date
    unadjusted: float
    stated: float | None = None
    currency: str = "USD"
    declared: dt.date | None = None
    recorded: dt.date | None = None
    paid: dt.date | None = None
    period: str | None = None
    reported: bool = True


@dataclass(frozen=True, slots=True)
class SymbolChange:
    """One row of the vendor's list of renamed symbols."""

    exchange: str
    old: str
    new: str
    name: str
    effective: dt.date


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tape:
    """What traded: a row a session, ascending, and the actions.

    `adjusted_close` is None where it follows from the actions; a given one, with the volumes
    beside it, counts as adjusted by the tape's own actions already.
    """

    date: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    adjusted_close: Floats | None = None
    splits: tuple[Split, ...] = ()
    dividends: tuple[Dividend, ...] = ()

    def rows(self, chosen: slice) -> Tape:
        """The tape cut to some of its rows, with all its actions."""
        columns = {name: getattr(self, name)[chosen] for name in ("date", *RAW)}
        given = self.adjusted_close
        return replace(self, **columns, adjusted_close=None if given is None else given[chosen])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars:
    """What the vendor serves, a row a session, ascending: columns of equal length."""

    date: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    adjusted_close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.date)

    def take(self, chosen: slice | NDArray[np.intp]) -> Bars:
        """Some of the rows, in the given order."""
        return Bars(**{name: getattr(self, name)[chosen] for name in ("date", *FIELDS)})

    def and_then(self, other: Bars) -> Bars:
        """These rows, and those of another after them."""
        names = ("date", *FIELDS)
        return Bars(
            **{name: np.append(getattr(self, name), getattr(other, name)) for name in names}
        )

    def between(self, first: dt.date | None, last: dt.date | None) -> Bars:
        """The rows of a window, both ends included."""
        low = 0 if first is None else np.searchsorted(self.date, np.datetime64(first, "D"))
        high = (
            len(self)
            if last is None
            else np.searchsorted(self.date, np.datetime64(last, "D"), side="right")
        )
        return self.take(slice(int(low), int(high)))


_NOTHING = np.array([], dtype=np.float64)
EMPTY = Tape(
    date=np.array([], dtype=DAY),
    open=_NOTHING,
    high=_NOTHING,
    low=_NOTHING,
    close=_NOTHING,
    volume=_NOTHING,
    adjusted_close=_NOTHING,
)


def served_bars(tape: Tape, splits: Iterable[Split], dividends: Iterable[Dividend]) -> Bars:
    """The tape's rows as served once the actions are worked in: adjusted closes and volumes.

    Of a given `adjusted_close` these are only the actions that it does not follow yet.
    """
    shares = _product_after(tape.date, [(split.date, split.factor) for split in splits])
    total = shares * _dividend_factors(tape, tuple(dividends))
    adjusted = tape.close if tape.adjusted_close is None else tape.adjusted_close
    return Bars(
        date=tape.date,
        open=tape.open,
        high=tape.high,
        low=tape.low,
        close=tape.close,
        adjusted_close=np.where(total == 1, adjusted, np.round(adjusted * total, 4)),
        volume=np.where(shares == 1, tape.volume, np.round(tape.volume / shares)),
    )


def split_factor_after(day: dt.date, splits: Iterable[Split]) -> float:
    """The multiplier of an amount of `day` to express it in today's shares."""
    return float(np.prod([split.factor for split in splits if split.date > day]))


def repriced(tape: Tape, splits: Iterable[Split]) -> Tape:
    """Let prices and volumes follow the splits that were announced before their date.

    Given adjusted closes stay as they are, and the prices beside them.
    """
    for split in splits if tape.adjusted_close is None else ():
        if split.announced:
            after = tape.date >= np.datetime64(split.date, "D")
            prices = {
                name: np.where(after, np.round(price * split.factor, 4), price)
                for name in RAW_PRICES
                for price in [getattr(tape, name)]
            }
            volume = np.where(after, np.round(tape.volume / split.factor), tape.volume)
            tape = replace(tape, **prices, volume=volume)
    return tape


def _product_after(dates: Days, steps: Iterable[tuple[dt.date, float]]) -> Floats:
    """For each date, the product of the factors whose own date is later."""
    factors = np.ones(len(dates) + 1)
    for day, factor in steps:
        factors[np.searchsorted(dates, np.datetime64(day, "D"))] *= factor
    return _after(factors)


def _dividend_factors(tape: Tape, dividends: tuple[Dividend, ...]) -> Floats:
    """1 - amount / last close before the ex-date, as vendors adjust (CRSP's method)."""
    factors = np.ones(len(tape.date) + 1)
    if dividends:
        days = np.array([dividend.date for dividend in dividends], dtype=DAY)
        amounts = np.array([dividend.unadjusted for dividend in dividends])
        at = np.searchsorted(tape.date, days)
        known = at > 0
        kept = 1 - amounts[known] / tape.close[at[known] - 1]
        np.multiply.at(factors, at[known], np.maximum(kept, _LEAST_FACTOR))
    return _after(factors)


def _after(factors: Floats) -> Floats:
    """For each row, the product of the factors behind it; there is one factor more than rows."""
    product: Floats = np.multiply.accumulate(factors[::-1])[::-1][1:]
    return product
