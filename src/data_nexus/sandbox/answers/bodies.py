"""Cache rendered histories: each is rendered and compressed once, until it changes.

A window of a history is cut out of the rendered text. The cache is bounded in bytes; the least
recently used history is dropped first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

import numpy as np

from data_nexus.sandbox.answers.render import bars_json, packed, unpacked
from data_nexus.sandbox.market.calendar import Days
from data_nexus.sandbox.market.market import Market
from data_nexus.sandbox.market.tape import EMPTY


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A body ready to send: compressed, with the digest and size of its plain form.

    `date` holds the dates of its rows, ascending.
    """

    gzip: bytes
    sha256: str
    size: int
    date: Days

    @property
    def weight(self) -> int:
        """The memory that it takes, in bytes."""
        return len(self.gzip) + self.date.nbytes + 500


class Bodies:
    """The rendered JSON histories of a market."""

    def __init__(self, market: Market, most_bytes: int) -> None:
        self._market = market
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, tuple[tuple[object, ...], Rendered]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def keeps(self, symbol: str) -> bool:
        """Whether the symbol's history is rendered, as it is now."""
        kept = self._kept.get(symbol)
        return kept is not None and kept[0] == self._market.edition(symbol)

    def whole(self, symbol: str) -> Rendered | None:
        """The symbol's whole history, oldest first; None where it is not found."""
        if self.keeps(symbol):
            self._kept.move_to_end(symbol)
            return self._kept[symbol][1]
        edition, history = self._market.edition(symbol), self._market.history(symbol)
        if history is None:
            return None
        days = history.sent.date
        rendered = render(bars_json(history.sent), days) if len(days) else NO_BARS
        self._keep(symbol, edition, rendered)
        return rendered

    def window(self, symbol: str, first: date | None, last: date | None) -> Rendered | None:
        """The part of the history between two dates, both included."""
        whole = self.whole(symbol)
        if whole is None:
            return None
        dates = whole.date
        start = 0 if first is None else int(np.searchsorted(dates, np.datetime64(first, "D")))
        end = (
            len(dates)
            if last is None
            else int(np.searchsorted(dates, np.datetime64(last, "D"), side="right"))
        )
        if start == 0 and end == len(dates):
            return whole
        return _cut(whole, start, max(start, end))

    def _keep(self, symbol: str, edition: tuple[object, ...], rendered: Rendered) -> None:
        _, before = self._kept.pop(symbol, (None, None))
        self._kept[symbol] = (edition, rendered)
        self.bytes += rendered.weight - (before.weight if before else 0)
        while self.bytes > self._most_bytes and len(self._kept) > 1:
            _, (_, oldest) = self._kept.popitem(last=False)
            self.bytes -= oldest.weight


def render(body: bytes, dates: Days) -> Rendered:
    """Compress a body and take its digest."""
    return Rendered(packed(body), sha256(body).hexdigest(), len(body), dates)


NO_BARS = render(b"[]", EMPTY.date)


def _cut(whole: Rendered, start: int, end: int) -> Rendered:
    dates = whole.date[start:end]
    if not len(dates):
        return NO_BARS
    body = unpacked(whole.gzip)
    first = body.find(_opening(dates[0]))
    last = len(body) - 1 if end == len(whole.date) else body.find(_opening(whole.date[end])) - 1
    return render(b"[" + body[first:last] + b"]", dates)


def _opening(day: np.datetime64) -> bytes:
    return f'{{"date":"{day}"'.encode()
