"""Owns what is due by the calendar: which assets lack a session that is out by now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from data_nexus.domain.bars import days
from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.publication import kind_of, published_since, published_through
from data_nexus.domain.calendar.sessions import Sessions, day_date
from data_nexus.domain.planning.bulk_or_single import (
    CALLS_A_SESSION,
    BacklogGroup,
    FetchPlan,
    cheapest_plan,
    singly,
)

# An endpoint that was refused is tried again after so long: plans change.
PROBED_AFTER = timedelta(days=7)
# Exchanges stay shut for a week or two at the new year.
_LONGEST_CLOSURE_DAYS = 14


@dataclass(frozen=True, slots=True)
class Place:
    """What decides when an asset's sessions are out: where it is listed, and as what."""

    exchange: str
    venue: str
    asset_type: str


@dataclass(frozen=True, slots=True)
class Queued:
    """So many `assets` of a place that the queue may hand out, whose cursor is the same."""

    segment: Place
    cursor: date | None
    assets: int


def published_at(segments: Collection[Place], now: datetime) -> dict[Place, date]:
    """Return the last session that each place must have out by `now` (aware)."""
    return {
        segment: published_through(
            segment.exchange, kind_of(segment.venue, segment.asset_type), now
        )
        for segment in segments
    }


def out_since(segments: Collection[Place], now: datetime) -> dict[Place, datetime]:
    """Return since when the last session of each place is out by `now` (aware)."""
    return {
        segment: published_since(segment.exchange, kind_of(segment.venue, segment.asset_type), now)
        for segment in segments
    }


def behind_by_exchange(
    queued: Iterable[Queued], published: Mapping[Place, date]
) -> dict[str, list[BacklogGroup]]:
    """Return by exchange the assets that are due; an exchange where none is has no entry.

    A place where nothing was ever loaded needs no date in `published`.
    """
    backlog: dict[str, list[BacklogGroup]] = {}
    for group in queued:
        last = published.get(group.segment, date.max)
        if group.cursor is None or group.cursor < last:
            found = BacklogGroup(group.cursor, last, group.assets)
            backlog.setdefault(group.segment.exchange, []).append(found)
    return backlog


def lacking_a_session(backlog: Mapping[str, Collection[BacklogGroup]]) -> set[str]:
    """Return the exchanges of which a session is out that an asset loaded before lacks."""
    return {name for name, groups in backlog.items() if any(group.cursor for group in groups)}


def fetch_plans(
    backlog: Mapping[str, list[BacklogGroup]], refused: Collection[str], calls_a_day: int | None
) -> dict[str, FetchPlan]:
    """Return the cheapest way for each exchange.

    Nothing is asked for in bulk where bulk is `refused`, or if a whole day does not pay a session.
    """
    is_dear = calls_a_day is not None and calls_a_day < CALLS_A_SESSION
    return {
        exchange: singly(groups) if is_dear or exchange in refused else _way(exchange, groups)
        for exchange, groups in backlog.items()
    }


def session_before(exchange: str, session: date) -> date:
    """Return the session before one."""
    sessions = sessions_of(exchange, session)
    return sessions.session(int(sessions.days.searchsorted(days(session))) - 1)


def rest_days(exchange: str, since: datetime, days: float) -> float:
    """Return after how many days, at least so many, a rest ends on a night that has a session.

    Else who rests would be asked for on a Sunday, when there is nothing to be had.
    """
    sessions = sessions_of(exchange, (since + timedelta(days=days)).date())
    for more in range(_LONGEST_CLOSURE_DAYS):
        end = since + timedelta(days=days + more)
        if sessions.closed_by(end) > sessions.closed_by(end - timedelta(days=1)):
            return days + more
    return days


def sessions_up_to(exchange: str, session: date, before: int) -> list[date]:
    """Return a session and so many before it, ascending."""
    sessions = sessions_of(exchange, session)
    end = int(sessions.days.searchsorted(days(session) + 1))
    return [day_date(day) for day in sessions.days[max(0, end - before - 1) : end].tolist()]


def _way(exchange: str, backlog: list[BacklogGroup]) -> FetchPlan:
    last = max(group.published for group in backlog)
    cursors = [group.cursor for group in backlog if group.cursor is not None]
    if not cursors:
        return singly(backlog)
    sessions: Sessions = sessions_of(exchange, last)
    expected = sessions.between(min(cursors), last).tolist()
    return cheapest_plan(backlog, [day_date(day) for day in expected])
