"""Make a synthetic universe: any number of listings, each tape made on first use.

A tape follows from the seed, the symbol and the year in which the universe began, so that a
universe of the same year only has more sessions tomorrow. Prices, splits and dividends are
random, and the served columns are derived from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from math import ceil
from zlib import crc32

import numpy as np

from data_nexus.sandbox.market.calendar import Days, sessions
from data_nexus.sandbox.market.synthetic_names import KNOWN_CODES, Named, made_up
from data_nexus.sandbox.market.synthetic_rates import BELOW_ZERO, PERIOD
from data_nexus.sandbox.market.synthetic_tape import Nature, make_tape
from data_nexus.sandbox.market.tape import EMPTY, Listing, SymbolChange, Tape

# How far the clock can advance the universe.
AHEAD = timedelta(400)
HALF_A_YEAR = timedelta(183)

DELISTED_SHARE = 0.15  # delisted listings, in addition to the listed ones
REUSED_SHARE = 0.25  # of the delisted, whose code a listed one has now
LATE_SHARE = 0.3  # came to the market inside the span
ILLIQUID_SHARE = 0.08
EMPTY_SHARE = 0.01  # listed, answers without bars
MISSING_SHARE = 0.01  # listed, answers `not found`
RENAMED_SHARE = 0.02
LEAST_SESSIONS_PER_YEAR = 248  # as in 2001
MOST_ROWS_KEPT = 1 << 19  # of tapes: a small universe makes each of its tapes once
RENAMES_SINCE = date(2022, 7, 22)  # the vendor's list begins there


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a synthetic universe is made from; `today` is the first day not yet published."""

    exchanges: tuple[str, ...]
    symbols: int
    today: date
    years: float = 20
    bars_per_symbol: int | None = None
    seed: int = 1
    clean: bool = False

    @property
    def new_year(self) -> date:
        """The first day of the year: what must not change daily is computed from it."""
        return self.today.replace(month=1, day=1)


class SyntheticUniverse:
    """A universe of made-up listings; with `clean` each has a full history and none is odd."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._named: dict[str, list[Named]] = {
            exchange: _roster(exchange, recipe) for exchange in recipe.exchanges
        }
        self._by_symbol = {
            named.listing.symbol: named for roster in self._named.values() for named in roster
        }
        longest = max(len(_span(exchange, recipe)) for exchange in recipe.exchanges)
        self._kept = lru_cache(MOST_ROWS_KEPT // longest)(self._tape)

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The exchanges of the recipe."""
        return self._recipe.exchanges

    def listings(self, exchange: str) -> Sequence[Listing]:
        """The listed symbols first, then the delisted ones."""
        return [named.listing for named in self._named[exchange]]

    def tape(self, symbol: str, listed: date | None = None) -> Tape | None:
        """The tape of a symbol, up to a year ahead; `listed`: the first day of a later listing."""
        return self._kept(symbol, listed)

    def _tape(self, symbol: str, listed: date | None) -> Tape | None:
        recipe = self._recipe
        named = self._by_symbol.get(symbol)
        exchange = symbol.rpartition(".")[2]
        rng = np.random.default_rng([recipe.seed, crc32(symbol.encode())])
        if named is None or listed is not None:
            days = sessions(exchange, recipe.today, recipe.today + AHEAD)
            start = np.datetime64(listed or recipe.today, "D")
            return make_tape(rng, days[days >= start], Nature())
        days, nature = _span(exchange, recipe), Nature(fund=named.listing.type == "FUND")
        if _is_known(named):
            nature = Nature(split_on=recipe.new_year - HALF_A_YEAR)
        elif not recipe.clean:
            oddity = named.draws[0]
            if oddity > 1 - MISSING_SHARE:
                return None
            if oddity < EMPTY_SHARE:
                return EMPTY
            days = _lifetime(named, days, recipe.new_year)
            nature = replace(nature, illiquid=bool(named.draws[1] < ILLIQUID_SHARE))
        tape = make_tape(rng, days, nature)
        if exchange in BELOW_ZERO:
            tape = BELOW_ZERO[exchange](tape, crc32(symbol.encode()) % PERIOD)
        return _last_bars(tape, recipe)

    def symbol_changes(self) -> Sequence[SymbolChange]:
        """Some of the listed US symbols once had another code."""
        if self._recipe.clean:
            return []
        span = (self._recipe.new_year - RENAMES_SINCE).days
        return [
            SymbolChange(
                "US",
                f"{named.listing.code[:3]}X",
                named.listing.code,
                named.listing.name,
                RENAMES_SINCE + timedelta(int(named.draws[3] / RENAMED_SHARE * span)),
            )
            for named in self._named.get("US", [])
            if named.draws[3] < RENAMED_SHARE and not named.listing.delisted
        ]


def _roster(exchange: str, recipe: Recipe) -> list[Named]:
    count = recipe.symbols
    delisted = 0 if recipe.clean else round(count * DELISTED_SHARE)
    named = made_up(exchange, count + delisted, recipe.seed)
    listed = [each.listing.code for each in named[:count]]
    return [*named[:count], *(_delisted(each, listed) for each in named[count:])]


def _delisted(named: Named, listed: list[str]) -> Named:
    """The listing as delisted; a reused code gets the suffix `_old` (recordings)."""
    code = named.listing.code
    if named.draws[2] < REUSED_SHARE:
        code = f"{listed[int(named.draws[2] / REUSED_SHARE * len(listed))]}_old"
    return replace(named, listing=replace(named.listing, code=code, delisted=True))


def _span(exchange: str, recipe: Recipe) -> Days:
    """All sessions of the recipe's span, from a New Year's Day on, and those ahead of it."""
    bars = recipe.bars_per_symbol
    years = ceil(recipe.years if bars is None else bars / LEAST_SESSIONS_PER_YEAR)
    first = recipe.new_year.replace(year=recipe.today.year - years)
    return sessions(exchange, first, recipe.today + AHEAD)


def _last_bars(tape: Tape, recipe: Recipe) -> Tape:
    """The tape cut to the number of last bars in the recipe."""
    if recipe.bars_per_symbol is None:
        return tape
    published = int(np.searchsorted(tape.date, np.datetime64(recipe.today, "D")))
    kept = tape.rows(slice(max(0, published - recipe.bars_per_symbol), None))
    first = kept.date[0].item() if len(kept.date) else recipe.today
    return replace(
        kept,
        splits=tuple(split for split in tape.splits if split.date >= first),
        dividends=tuple(each for each in tape.dividends if each.date >= first),
    )


def _lifetime(named: Named, days: Days, new_year: date) -> Days:
    """The sessions of a listing that was listed late or is delisted, both before this year."""
    past = int(np.searchsorted(days, np.datetime64(new_year, "D")))
    start, end = 0, past
    if named.listing.delisted:
        end = round(past * (0.3 + 0.65 * named.draws[3]))
    if named.draws[1] > 1 - LATE_SHARE:
        start = round(end * 0.9 * (1 - named.draws[1]) / LATE_SHARE)
    return days[start:end] if named.listing.delisted else days[start:]


def _is_known(named: Named) -> bool:
    return named.listing.exchange == "US" and named.listing.code in KNOWN_CODES
