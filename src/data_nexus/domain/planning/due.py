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
    Behind,
    Way,
    cheapest_way,
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

    place: Place
    cursor: date | None
    assets: int


def published_at(places: Collection[Place], now: datetime) -> dict[Place, date]:
    """Return the last session that each place must have out by `now` (aware)."""
    return {
        place: published_through(place.exchange, kind_of(place.venue, place.asset_type), now)
        for place in places
    }


def out_since(places: Collection[Place], now: datetime) -> dict[Place, datetime]:
    """Return since when the last session of each place is out by `now` (aware)."""
    return {
        place: published_since(place.exchange, kind_of(place.venue, place.asset_type), now)
        for place in places
    }


def behind_by_exchange(
    queued: Iterable[Queued], published: Mapping[Place, date]
) -> dict[str, list[Behind]]:
    """Return by exchange the assets that are due; an exchange where none is has no entry.

    A place where nothing was ever loaded needs no date in `published`.
    """
    behind: dict[str, list[Behind]] = {}
    for group in queued:
        last = published.get(group.place, date.max)
        if group.cursor is None or group.cursor < last:
            found = Behind(group.cursor, last, group.assets)
            behind.setdefault(group.place.exchange, []).append(found)
    return behind


def lacking_a_session(behind: Mapping[str, Collection[Behind]]) -> set[str]:
    """Return the exchanges of which a session is out that an asset loaded before lacks."""
    return {name for name, groups in behind.items() if any(group.cursor for group in groups)}


def ways(
    behind: Mapping[str, list[Behind]], refused: Collection[str], calls_a_day: int | None
) -> dict[str, Way]:
    """Return the cheapest way for each exchange.

    Nothing is asked for in bulk where bulk is `refused`, or if a whole day does not pay a session.
    """
    is_dear = calls_a_day is not None and calls_a_day < CALLS_A_SESSION
    return {
        exchange: singly(groups) if is_dear or exchange in refused else _way(exchange, groups)
        for exchange, groups in behind.items()
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


def _way(exchange: str, behind: list[Behind]) -> Way:
    last = max(group.published for group in behind)
    cursors = [group.cursor for group in behind if group.cursor is not None]
    if not cursors:
        return singly(behind)
    sessions: Sessions = sessions_of(exchange, last)
    expected = sessions.between(min(cursors), last).tolist()
    return cheapest_way(behind, [day_date(day) for day in expected])
