"""Choose the cheapest fetch plan of an exchange: sessions in bulk, or assets individually. Pure.

A session of a whole exchange costs the same however many of its assets lack it; an asset costs one
call however many sessions it lacks. Which assets a bulk answer cannot advance (an action, a
gap in their bars) is known only once it is received; each costs one call more than planned here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate

from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.planning.look_back import NO_LOOK_BACK, LookBack

# Its bars, its splits and its dividends.
REQUESTS_A_SESSION = 3
CALLS_A_SESSION = REQUESTS_A_SESSION * CALLS[Endpoint.BULK]
_CALLS_A_SHUT_DAY = CALLS_A_SESSION - CALLS[Endpoint.BULK]
_CALLS_AN_ASSET = CALLS[Endpoint.EOD]


@dataclass(frozen=True, slots=True)
class BacklogGroup:
    """A number of `assets` that lack every session after their `cursor`, up to `published`.

    A cursor of None is an asset that was never loaded: a bulk answer cannot advance it.
    """

    cursor: date | None
    published: date
    assets: int


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """How an exchange is made fresh: `sessions` in bulk, ascending, and the assets of each kind.

    `in_bulk` assets become fresh by these sessions, the others are fetched `individually`. Splits
    and dividends may have an ex-date on `shut` days before, which were to be sessions.
    """

    sessions: tuple[date, ...]
    in_bulk: int
    individually: int
    look_back: LookBack = NO_LOOK_BACK
    shut: tuple[date, ...] = ()

    @property
    def calls(self) -> int:
        """What it costs of the daily quota."""
        sessions = len(self.sessions) * CALLS_A_SESSION + self.look_back.calls
        sessions += len(self.shut) * _CALLS_A_SHUT_DAY
        return sessions + self.individually * _CALLS_AN_ASSET


def all_individually(backlog: Sequence[BacklogGroup]) -> FetchPlan:
    """Return the plan that fetches each asset individually."""
    return FetchPlan((), 0, sum(group.assets for group in backlog))


def cheapest_plan(backlog: Sequence[BacklogGroup], sessions: Sequence[date]) -> FetchPlan:
    """Return the plan that costs the fewest calls; of equally cheap ones, that with less in bulk.

    `sessions` are the exchange's, ascending; all from the oldest cursor to the last one published.
    """
    start = _first_worthwhile(backlog, sessions)
    bulk = tuple(sessions[start + at] for at in _cheapest_bulk(_lacking(backlog, sessions, start)))
    in_bulk = sum(group.assets for group in backlog if _suffices(bulk, group, sessions))
    return FetchPlan(bulk, in_bulk, all_individually(backlog).individually - in_bulk)


@dataclass(frozen=True, slots=True)
class _SessionsBehind:
    """The assets that a session makes fresh, the last one that they lack, at a position.

    `since[n]` of them lack sessions before position n too; `since[-1]` is all of them.
    """

    at: int
    since: Sequence[int]


def _first_worthwhile(backlog: Sequence[BacklogGroup], sessions: Sequence[date]) -> int:
    """Skip sessions so old that bulk from there on would cost more than all assets individually."""
    most = all_individually(backlog).calls // CALLS_A_SESSION
    oldest = min((group.published for group in backlog), default=date.max)
    return max(0, bisect_right(sessions, oldest) - most)


def _lacking(
    backlog: Sequence[BacklogGroup], sessions: Sequence[date], start: int
) -> list[_SessionsBehind]:
    """Sort the assets by the session that makes them fresh, counted from position `start`."""
    counts: dict[int, list[int]] = {}
    for group in backlog:
        first = -1 if group.cursor is None else bisect_right(sessions, group.cursor) - start
        last = bisect_right(sessions, group.published) - 1 - start
        since = counts.setdefault(last, [0] * (last + 2))
        since[max(first, -1) + 1] += group.assets
    return [_SessionsBehind(at, [*accumulate(since)]) for at, since in sorted(counts.items())]


def _cheapest_bulk(candidates: Sequence[_SessionsBehind]) -> list[int]:
    """Return the positions of the sessions to fetch in bulk.

    `best[n]` is the cheapest path through the first n sessions: calls, sessions in bulk, and where
    its last step began. A step is a session without bulk (-1), or a run of sessions in bulk.
    """
    best = [(0, 0, -1)]
    for end in range(1, candidates[-1].at + 2 if candidates else 1):
        made_fresh = [each for each in candidates if each.at == end - 1]
        calls, bulk, _ = best[-1]
        best.append((calls + sum(e.since[-1] for e in made_fresh) * _CALLS_AN_ASSET, bulk, -1))
        for first in range(end):
            late = sum(e.since[first] for e in candidates if first <= e.at < end)
            run = (end - first) * CALLS_A_SESSION + late * _CALLS_AN_ASSET
            calls, bulk, _ = best[first]
            best[end] = min(best[end], (calls + run, bulk + end - first, first))
    chosen: list[int] = []
    end = len(best) - 1
    while end:
        first = best[end][2]
        chosen[:0] = range(first, end) if first >= 0 else ()
        end = first if first >= 0 else end - 1
    return chosen


def _suffices(bulk: Sequence[date], group: BacklogGroup, sessions: Sequence[date]) -> bool:
    """Whether all that a group lacks is among the sessions in bulk."""
    if group.cursor is None:
        return False
    first, end = (bisect_right(sessions, day) for day in (group.cursor, group.published))
    return set(sessions[first:end]) <= set(bulk)
