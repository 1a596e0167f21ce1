"""Make a universe of files: recorded bars, actions and symbol lists, served exactly as they are.

Bars stay in columns, sorted by symbol; a tape is a view of some of their rows. If several
files of bars have a symbol, the first one named is used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TypeVar

from data_nexus.sandbox.market.exchanges import exchange_facts
from data_nexus.sandbox.market.files_reading import (
    read_bars,
    read_dividends,
    read_listings,
    read_splits,
)
from data_nexus.sandbox.market.tape import (
    EMPTY,
    Dividend,
    Listing,
    Split,
    SymbolChange,
    Tape,
    split_factor_after,
)

Action = TypeVar("Action", Split, Dividend)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of a universe by kind, and the exchange of the rows that name none."""

    bars: tuple[Path, ...] = ()
    splits: tuple[Path, ...] = ()
    dividends: tuple[Path, ...] = ()
    symbols: tuple[Path, ...] = ()
    exchange: str = "US"

    def __bool__(self) -> bool:
        return bool(self.bars or self.splits or self.dividends or self.symbols)


def files_below(folder: Path, named: Files) -> Files:
    """The files named, then those of the folder whose names begin with a kind."""
    found = sorted(path for path in folder.iterdir() if path.is_file())

    def beginning(kind: str) -> tuple[Path, ...]:
        return tuple(path for path in found if path.name.startswith(kind))

    return Files(
        bars=(*named.bars, *beginning("bars")),
        splits=(*named.splits, *beginning("splits")),
        dividends=(*named.dividends, *beginning("dividends")),
        symbols=(*named.symbols, *beginning("symbols")),
        exchange=named.exchange,
    )


class FilesUniverse:
    """A universe of what the files hold; a listed symbol without bars has an empty history."""

    def __init__(self, files: Files) -> None:
        home = files.exchange
        self._tapes: dict[str, Tape] = {}
        for path in files.bars:
            for symbol, tape in read_bars(path, home):
                self._tapes.setdefault(symbol, tape)
        self._splits = _grouped(pair for path in files.splits for pair in read_splits(path, home))
        self._dividends = _grouped(
            pair for path in files.dividends for pair in read_dividends(path, home)
        )
        listed = [each for path in files.symbols for each in read_listings(path, home)]
        self._listings: dict[str, list[Listing]] = defaultdict(list)
        known: set[str] = set()
        for listing in (*listed, *map(_unlisted, self._tapes)):
            if listing.symbol not in known:
                known.add(listing.symbol)
                self._listings[listing.exchange].append(listing)

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The exchanges that have a listing."""
        return tuple(self._listings)

    def listings(self, exchange: str) -> Sequence[Listing]:
        """The listings in the files' order, then the symbols that only have bars."""
        return self._listings[exchange]

    def tape(self, symbol: str, listed: date | None = None) -> Tape | None:
        """The rows of the files with the symbol's actions; a later listing has none."""
        if listed is not None:
            return EMPTY
        splits = tuple(self._splits.get(symbol, ()))
        dividends = tuple(
            _with_cash(dividend, splits) for dividend in self._dividends.get(symbol, ())
        )
        return replace(self._tapes.get(symbol, EMPTY), splits=splits, dividends=dividends)

    def symbol_changes(self) -> Sequence[SymbolChange]:
        """None: the files hold no renames."""
        return ()


def _grouped(pairs: Iterable[tuple[str, Action]]) -> dict[str, list[Action]]:
    grouped: dict[str, list[Action]] = defaultdict(list)
    for symbol, action in pairs:
        grouped[symbol].append(action)
    return {
        symbol: sorted(actions, key=lambda each: each.date) for symbol, actions in grouped.items()
    }


def _with_cash(dividend: Dividend, splits: tuple[Split, ...]) -> Dividend:
    """The dividend with the cash paid, where the file states the split-adjusted value."""
    if dividend.stated is None:
        return dividend
    cash = dividend.stated / split_factor_after(dividend.date, splits)
    return replace(dividend, unadjusted=round(cash, 6))


def _unlisted(symbol: str) -> Listing:
    code, _, exchange = symbol.rpartition(".")
    facts = exchange_facts(exchange)
    venue = facts.venues[0] if facts.venues else exchange
    return Listing(
        code=code,
        exchange=exchange,
        name=code,
        country=facts.country,
        venue=venue,
        currency=facts.currency,
    )
