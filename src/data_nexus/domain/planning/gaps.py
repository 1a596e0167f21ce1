"""Choose how gaps before a session are rechecked: in bulk, or asset by asset. Pure.

An asset that trades again after sessions without a bar either did not trade on them, or its bars
came late. Fetching those sessions again decides: for all assets at once, or for one of them. A
session that was fetched after a later one was published needs no recheck.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from data_nexus.domain.endpoints import CALLS, Endpoint

# Gaps that reach further back are not rechecked in bulk.
DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Rechecks:
    """The sessions to fetch again, ascending, and the newest one that stays unchecked.

    After these rechecks no gap that begins on `still_open` or later can hide a late bar.
    """

    sessions: tuple[date, ...]
    still_open: date


def recheck_gaps(
    last_bars: Iterable[date], earlier: Sequence[date], rechecked: Collection[date]
) -> Rechecks:
    """Return the cheapest rechecks for assets that trade again, by the dates of their last bars.

    `earlier` are the sessions before the present one, ascending, and at least one; `rechecked`
    those of them that need no recheck. If rechecking the newest costs less than a call for each gap
    it is done, even if other gaps reach further back: the next updates need it too.
    """
    known, oldest = earlier[-DEEPEST:], earlier[max(0, len(earlier) - DEEPEST - 1)]
    open_ones = [day for day in known if day not in rechecked and day > oldest]
    depths = Counter(len(open_ones) - bisect_right(open_ones, day) for day in last_bars)
    is_worth = _calls(1, Counter()) < _calls(0, depths)
    count = min(range(int(is_worth), len(open_ones) + 1), key=lambda n: _calls(n, depths))
    newest = len(open_ones) - count
    return Rechecks(tuple(open_ones[newest:]), open_ones[newest - 1] if newest else oldest)


def _calls(count: int, depths: Counter[int]) -> int:
    """The cost of some rechecks, and of a history for each asset whose gap reaches further back."""
    individually = sum(assets for depth, assets in depths.items() if depth > count)
    return count * CALLS[Endpoint.BULK] + individually * CALLS[Endpoint.EOD]
