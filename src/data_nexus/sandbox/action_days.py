"""Owns the way from a day to its actions, which tapes only hold the other way round."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from data_nexus.sandbox.market import Market
from data_nexus.sandbox.tape import Dividend, Split


class ActionDays:
    """An index of a market's actions, made anew when the market has changed."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._state: tuple[object, ...] = ()
        self._splits: dict[date, list[tuple[str, Split]]] = {}
        self._dividends: dict[date, list[tuple[str, Dividend]]] = {}

    def splits(self, day: date) -> list[tuple[str, Split]]:
        """The splits of a day, each with its symbol."""
        self._refresh()
        return self._splits.get(day, [])

    def dividends(self, day: date) -> list[tuple[str, Dividend]]:
        """The dividends of a day, each with its symbol."""
        self._refresh()
        return self._dividends.get(day, [])

    def _refresh(self) -> None:
        market = self._market
        through = tuple(market.published_through(code) for code in market.exchanges)
        if self._state == (market.version, through):
            return
        splits: dict[date, list[tuple[str, Split]]] = defaultdict(list)
        dividends: dict[date, list[tuple[str, Dividend]]] = defaultdict(list)
        for symbol in market.symbols():
            known_splits, known_dividends = market.actions(symbol)
            for split in known_splits:
                splits[split.date].append((symbol, split))
            for dividend in known_dividends:
                dividends[dividend.date].append((symbol, dividend))
        self._splits, self._dividends = splits, dividends
        self._state = (market.version, through)
