"""Find the actions of a day, across the tapes of a market."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from data_nexus.sandbox.market.market import Market
from data_nexus.sandbox.market.tape import Dividend, Split

Actions = tuple[Split | Dividend, ...]


class ActionDays:
    """An index of a market's actions; after a change only the symbols concerned are read again."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._version: int | None = None
        self._known: dict[str, tuple[object, Actions]] = {}
        self._by_day: dict[date, list[tuple[str, Split | Dividend]]] = {}

    def splits(self, day: date) -> list[tuple[str, Split]]:
        """The splits of a day that are known by now, each with its symbol."""
        return [(symbol, each) for symbol, each in self._on(day) if isinstance(each, Split)]

    def dividends(self, day: date) -> list[tuple[str, Dividend]]:
        """The dividends of a day that are known by now, each with its symbol."""
        return [(symbol, each) for symbol, each in self._on(day) if isinstance(each, Dividend)]

    def splits_between(self, first: date, last: date) -> list[tuple[str, Split]]:
        """The splits of a range of days that are known by now, oldest first."""
        self._on(first)
        days = sorted(day for day in self._by_day if first <= day <= last)
        return [found for day in days for found in self.splits(day)]

    def _on(self, day: date) -> list[tuple[str, Split | Dividend]]:
        if self._version != self._market.version:
            self._read_again()
        found = self._by_day.get(day, [])
        return [(symbol, each) for symbol, each in found if self._market.lists(symbol, each)]

    def _read_again(self) -> None:
        market = self._market
        known: dict[str, tuple[object, Actions]] = {}
        by_day: dict[date, list[tuple[str, Split | Dividend]]] = defaultdict(list)
        for symbol in market.symbols():
            edition = market.actions_edition(symbol)
            before = self._known.get(symbol)
            actions = before[1] if before and before[0] == edition else market.actions(symbol)
            known[symbol] = (edition, actions)
            for action in actions:
                by_day[action.date].append((symbol, action))
        self._known, self._by_day, self._version = known, by_day, market.version
