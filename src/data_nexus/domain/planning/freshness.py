"""Count by exchange which assets are fresh, settled, complete and due, and how far they lag. Pure.

What is said of an asset here and by `assets_by_state`, which `nexus status` reads, is the same; a
test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from data_nexus.domain.calendar.learned import Calendars
from data_nexus.domain.planning.due import (
    LastSessions,
    MarketSegment,
    Queued,
    behind_by_exchange,
    last_published_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeAssets:
    """A number of `assets` that are alike in all that their state depends on.

    `is_ended`: delisted, or replaced by another one; `is_wanted`: followed and not paused;
    `is_queued`: the queue may hand them out; `is_doubted`: to be read again for a suspicion. Of
    ended ones no cursor is given.
    """

    exchange: str
    venue: str
    asset_type: str
    has_bars: bool
    is_ended: bool
    is_wanted: bool
    is_queued: bool
    is_parked: bool
    is_damaged: bool
    is_provisional: bool
    is_doubted: bool
    synced_through: date | None
    settled_through: date | None
    assets: int
    suspected: int
    with_findings: int

    @property
    def segment(self) -> MarketSegment:
        """Where they are listed, and as what."""
        return MarketSegment(self.exchange, self.venue, self.asset_type)


@dataclass(slots=True, kw_only=True)
class ExchangeFreshness:
    """The assets of an exchange, counted by state; those from `fresh` to `complete` have bars.

    `lag_sessions` are the published sessions that the oldest asset lacks which a person wants and
    which is not parked; `last_session` is the last one that is published.
    """

    total: int = 0
    with_data: int = 0
    fresh: int = 0
    stale: int = 0
    settled: int = 0
    provisional: int = 0
    complete: int = 0
    parked: int = 0
    damaged: int = 0
    suspected: int = 0
    with_findings: int = 0
    due: int = 0
    lag_sessions: int = 0
    last_session: date | None = None


def states_by_exchange(
    groups: Iterable[AlikeAssets], now: datetime, calendars: Calendars
) -> dict[str, ExchangeFreshness]:
    """Return the state of each exchange's assets at `now` (aware)."""
    found = list(groups)
    out = last_published_of({each.segment for each in found if each.has_bars}, now, calendars)
    states: dict[str, ExchangeFreshness] = {}
    for group in found:
        state = states.setdefault(group.exchange, ExchangeFreshness())
        _count(state, group)
        if group.has_bars:
            _count_loaded(state, group, out, calendars)
    queued = (Queued(g.segment, g.synced_through, g.assets) for g in found if g.is_queued)
    published = {segment: each.last for segment, each in out.items()}
    for exchange, behind in behind_by_exchange(queued, published).items():
        states[exchange].due = sum(each.assets for each in behind)
    return states


def _count(state: ExchangeFreshness, group: AlikeAssets) -> None:
    state.total += group.assets
    state.parked += group.assets * group.is_parked
    state.damaged += group.assets * group.is_damaged
    state.suspected += group.suspected
    state.with_findings += group.with_findings


def _count_loaded(
    state: ExchangeFreshness, group: AlikeAssets, out: LastSessions, calendars: Calendars
) -> None:
    """Count assets with bars, by what is published in their segment."""
    published = out[group.segment]
    is_complete = _has_reached(group, group.synced_through, published.last)
    is_settled = _has_reached(group, group.settled_through, published.before)
    is_fresh = is_complete and is_settled and (group.is_ended or not group.is_doubted)
    state.with_data += group.assets
    state.fresh += group.assets * is_fresh
    state.stale += group.assets * (group.is_wanted and not is_fresh)
    state.settled += group.assets * is_settled
    state.provisional += group.assets * group.is_provisional
    state.complete += group.assets * is_complete
    state.last_session = max(state.last_session or date.min, published.last)
    if group.is_wanted and not (group.is_parked or group.is_ended) and group.synced_through:
        sessions = calendars.of(group.exchange, published.last)
        first = group.synced_through + timedelta(days=1)
        lacking = len(sessions.between(first, published.last))
        state.lag_sessions = max(state.lag_sessions, lacking)


def _has_reached(group: AlikeAssets, cursor: date | None, session: date) -> bool:
    """Return whether assets are sound, and need no session more or have reached one."""
    return not group.is_damaged and (group.is_ended or (cursor is not None and cursor >= session))


def total_state(states: Mapping[str, ExchangeFreshness]) -> dict[str, int]:
    """Return the sum of all exchanges' counts, by the names of `nexus status --json`."""
    names = ("total", "with_data", "fresh", "stale", "settled", "provisional", "parked", "damaged")
    more = ("suspected", "with_findings")
    return {
        name: sum(getattr(state, name) for state in states.values()) for name in (*names, *more)
    }
