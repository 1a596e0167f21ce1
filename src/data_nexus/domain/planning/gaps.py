"""Owns the choice of how gaps before a session are looked into: in bulk, or one by one. Pure.

An asset that trades again after sessions without a bar either did not trade on them, or its bars
came late. Which of the two, a second look at those sessions says: for all assets at once, or for
one of them. A session that was looked at after a later one was out needs no further look.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from data_nexus.domain.endpoints import CALLS, Endpoint

# Gaps that reach further back are not looked into in bulk.
DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Rechecks:
    """The sessions to look at again, ascending, and the newest one that stays open.

    After these looks no gap that begins on `still_open` or later can hide a late bar.
    """

    sessions: tuple[date, ...]
    still_open: date


def recheck_gaps(
    last_bars: Iterable[date], earlier: Sequence[date], settled: Collection[date]
) -> Rechecks:
    """Return the cheapest looks for assets that trade again, by the dates of their last bars.

    `earlier` are the sessions before the present one, ascending, and at least one; `settled`
    those of them that need no look. Where a look at the newest costs less than a call for each gap
    it is taken, even if other gaps reach further back: the next nights need it, too.
    """
    known, oldest = earlier[-DEEPEST:], earlier[max(0, len(earlier) - DEEPEST - 1)]
    open_ones = [day for day in known if day not in settled and day > oldest]
    depths = Counter(len(open_ones) - bisect_right(open_ones, day) for day in last_bars)
    is_worth = _calls(1, Counter()) < _calls(0, depths)
    looks = min(range(int(is_worth), len(open_ones) + 1), key=lambda n: _calls(n, depths))
    newest = len(open_ones) - looks
    return Rechecks(tuple(open_ones[newest:]), open_ones[newest - 1] if newest else oldest)


def _calls(looks: int, depths: Counter[int]) -> int:
    """What so many looks cost, and a history for each asset whose gap reaches further back."""
    singly = sum(assets for depth, assets in depths.items() if depth > looks)
    return looks * CALLS[Endpoint.BULK] + singly * CALLS[Endpoint.EOD]
