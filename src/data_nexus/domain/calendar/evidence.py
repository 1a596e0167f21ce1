"""What the bars of several assets say against an exchange's calendar. Pure.

Each answer that is read individually is counted by its dates. A day that the calendar lacks is a
session if most of the assets that traded on the session before have a bar of it that is more than
a copy. A session of the calendar was none if assets that trade on every session have bars before
and after it, and no asset has one of it. One asset proves nothing: its vendor may err.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import Bars, Mask, days
from data_nexus.domain.calendar.learned import LearnedSession
from data_nexus.domain.calendar.sessions import Sessions, day_date

# So many assets must agree.
LEAST_ASSETS = 2
# An asset trades on every session if it has bars of so many in a row.
_STEADY_SESSIONS = 5
# So many bars on the sessions before and after make a day without any no accident, whatever trades.
_LEAST_BARS = 20
# A stretch of more sessions without a bar is not for the calendar to explain.
_LONGEST_CLOSURE = 60
_NAMED = 5

Positions = NDArray[np.int32]


class ExchangeEvidence:
    """Counts the bars of an exchange by their dates, up to the day `through`.

    A closure is found by a few steady assets where it is doubted: after `seen`, the last session of
    which a bar was stored before, and on days that were learned to be sessions. Elsewhere it takes
    many.
    """

    def __init__(
        self,
        exchange: str,
        sessions: Sessions,
        through: date,
        seen: date | None = None,
        learned: Iterable[date] = (),
    ) -> None:
        self.exchange = exchange
        self.answers = 0
        self._first = int(sessions.days[0])
        size = max(days(through) - self._first + 1, 0)
        self._held = sessions.days[sessions.days <= days(through)] - self._first
        self._is_session = np.zeros(size, np.bool_)
        self._is_session[self._held] = True
        self._bars, self._traded = np.zeros(size, np.int32), np.zeros(size, np.int32)
        self._steps = np.zeros(size + 1, np.int32)
        self._names: dict[int, list[str]] = {}
        # The sessions in doubt, each with those before it by which an asset is seen to be steady.
        self._doubted = dict(self._doubts(seen, learned))
        self._skipped = dict.fromkeys(self._doubted, 0)

    def note(self, symbol: str, bars: Bars) -> None:
        """Count the bars of an asset's answer, ascending by date."""
        self.answers += 1
        at = bars.date - self._first
        is_known = (at >= 0) & (at < len(self._bars))
        at = at[is_known]
        if not len(at):
            return
        self._bars[at] += 1
        self._steps[at[0]] += 1
        self._steps[at[-1] + 1] -= 1
        for session, before in self._doubted.items():
            if at[-1] > session and np.isin(before, at).all():
                self._skipped[session] += 1
        if not self._is_session[at].all():
            self._note_traded(symbol, bars.take(is_known), at)

    def found(self) -> Iterator[LearnedSession]:
        """Yield the days on which the calendar is wrong, with the evidence."""
        asked = np.cumsum(self._steps)[:-1]
        for at in np.flatnonzero(self._traded >= LEAST_ASSETS).tolist():
            if 2 * self._traded[at] >= self._bars[self._before(at)]:
                yield self._learned(at, int(asked[at]), is_open=True)
        for at in sorted({*self._closed(), *self._not_held()}):
            yield self._learned(at, int(asked[at]), is_open=False)

    def _doubts(
        self, seen: date | None, learned: Iterable[date]
    ) -> Iterator[tuple[int, Positions]]:
        last = days(seen) - self._first if seen else len(self._bars)
        later = self._held[self._held > last][-_LONGEST_CLOSURE:]
        recent = [days(day) - self._first for day in learned]
        newest = len(self._bars) - _LONGEST_CLOSURE
        for at in later.tolist():
            yield at, self._steady_before(last + 1)
        for at in recent:
            if newest <= at < len(self._bars):
                yield at, self._steady_before(at)

    def _steady_before(self, at: int) -> Positions:
        end = int(np.searchsorted(self._held, at))
        return self._held[max(0, end - _STEADY_SESSIONS) : end]

    def _before(self, at: int) -> int:
        """Return the session before a day."""
        return int(self._held[max(0, int(np.searchsorted(self._held, at)) - 1)])

    def _note_traded(self, symbol: str, bars: Bars, at: Positions) -> None:
        """Count an asset on the days without a session on which it has traded.

        It has not where its bar repeats the one before, nor where it has no bar of the session
        before: such dates are stamps of weeks or months.
        """
        rows = np.flatnonzero(~self._is_session[at])
        rows = rows[(rows > 0) & (at[rows] > self._held[0])]
        before = self._held[np.searchsorted(self._held, at[rows]) - 1]
        traded = at[rows[np.isin(before, at) & _moves(bars, rows)]]
        self._traded[traded] += 1
        for day in traded[self._traded[traded] <= _NAMED].tolist():
            self._names.setdefault(day, []).append(symbol)

    def _learned(self, at: int, asked: int, *, is_open: bool) -> LearnedSession:
        return LearnedSession(
            exchange=self.exchange,
            date=day_date(at + self._first),
            is_open=is_open,
            traded=int(self._traded[at]) if is_open else 0,
            asked=asked,
            symbols=tuple(self._names.get(at, ())) if is_open else (),
        )

    def _closed(self) -> Iterator[int]:
        """Yield the sessions of which none of many assets has a bar."""
        bars = self._bars[self._held]
        traded = np.flatnonzero(bars)
        is_gap = (np.diff(traded) > 1) & (np.diff(traded) <= _LONGEST_CLOSURE)
        is_gap &= np.minimum(bars[traded[:-1]], bars[traded[1:]]) >= _LEAST_BARS
        for gap in np.flatnonzero(is_gap).tolist():
            yield from self._held[traded[gap] + 1 : traded[gap + 1]].tolist()

    def _not_held(self) -> Iterator[int]:
        """Yield the doubted sessions of which no steady asset has a bar."""
        for at, assets in self._skipped.items():
            if assets >= LEAST_ASSETS and not self._bars[at]:
                yield at


def is_upheld(found: LearnedSession, stored: int, stored_before: int, *, is_new: bool) -> bool:
    """Say whether what is stored does not speak against what a run's answers have shown.

    These may come from assets that are alike. `stored` of a sample have a bar of the day, and
    `stored_before` of the session before. A day that `is_new` was not asked for in bulk yet.
    """
    if found.is_open:
        return is_new or 2 * stored >= stored_before
    return stored < LEAST_ASSETS


def _moves(bars: Bars, rows: NDArray[np.intp]) -> Mask:
    """Say which bars are more than a copy of the bar before, or of its close."""
    is_flat = (bars.high[rows] == bars.low[rows]) & (bars.close[rows] == bars.close[rows - 1])
    prices = (bars.open, bars.high, bars.low, bars.close)
    is_copy = np.all([price[rows] == price[rows - 1] for price in prices], axis=0)
    moves: Mask = ~(is_flat | is_copy)
    return moves
