"""What is due by the calendar: which assets lack a session that is published by now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from data_nexus.domain.bars import days
from data_nexus.domain.calendar.learned import NOTHING_LEARNED, Calendars
from data_nexus.domain.calendar.publication import (
    Published,
    kind_of,
    last_published,
    published_since,
    published_through,
)
from data_nexus.domain.calendar.sessions import Sessions, day_date
from data_nexus.domain.planning.bulk_or_single import (
    CALLS_A_SESSION,
    BacklogGroup,
    FetchPlan,
    all_individually,
    cheapest_plan,
)
from data_nexus.domain.planning.look_back import (
    MOST_COMPARED,
    NO_LOOK_BACK,
    SESSIONS,
    LookBack,
    Unsettled,
    affordable,
    sessions_to_compare,
)

# After how long a refused endpoint is tried again: subscriptions change.
PROBED_AFTER = timedelta(days=7)
# Exchanges close for a week or two at the new year.
LONGEST_CLOSURE_DAYS = 14


@dataclass(frozen=True, slots=True)
class MarketSegment:
    """What decides when an asset's sessions are published: where it is listed, and as what."""

    exchange: str
    venue: str
    asset_type: str


# The last sessions that are published of each segment.
LastSessions = Mapping[MarketSegment, Published]


@dataclass(frozen=True, slots=True)
class Queued:
    """A number of `assets` of a segment that the queue may hand out, with the same cursor."""

    segment: MarketSegment
    cursor: date | None
    assets: int


def published_at(
    segments: Collection[MarketSegment], now: datetime, calendars: Calendars = NOTHING_LEARNED
) -> dict[MarketSegment, date]:
    """Return the last session that each segment must have published by `now` (aware)."""
    return {
        segment: published_through(
            segment.exchange,
            kind_of(segment.venue, segment.asset_type),
            now,
            calendars=calendars,
        )
        for segment in segments
    }


def last_published_of(
    segments: Collection[MarketSegment], now: datetime, calendars: Calendars = NOTHING_LEARNED
) -> LastSessions:
    """Return the last sessions that each segment must have published by `now` (aware)."""
    return {
        segment: last_published(
            segment.exchange, kind_of(segment.venue, segment.asset_type), now, calendars
        )
        for segment in segments
    }


def answered_before(
    segments: Collection[MarketSegment],
    now: datetime,
    moment: datetime,
    again_after: timedelta,
    calendars: Calendars = NOTHING_LEARNED,
) -> dict[MarketSegment, datetime]:
    """Return before which moment an asset of a segment was answered if it may be requested.

    For its last session it is requested once that is published, and `again_after` an answer without
    it. `now` is the run's moment, `moment` that of the clock by which answers are dated.
    """
    since = {
        segment: published_since(
            segment.exchange, kind_of(segment.venue, segment.asset_type), now, calendars
        )
        for segment in segments
    }
    return {each: moment - min(now - since[each], again_after) for each in segments}


def settled_at(
    segments: Collection[MarketSegment], now: datetime, calendars: Calendars = NOTHING_LEARNED
) -> dict[MarketSegment, date]:
    """Return the last session of each segment whose values can be final at `now` (aware)."""
    found = last_published_of(segments, now, calendars)
    return {segment: each.before for segment, each in found.items()}


def behind_by_exchange(
    queued: Iterable[Queued], published: Mapping[MarketSegment, date]
) -> dict[str, list[BacklogGroup]]:
    """Return the due assets by exchange; an exchange without any has no entry.

    A segment where nothing was ever loaded needs no date in `published`.
    """
    backlog: dict[str, list[BacklogGroup]] = {}
    for group in queued:
        last = published.get(group.segment, date.max)
        if group.cursor is None or group.cursor < last:
            found = BacklogGroup(group.cursor, last, group.assets)
            backlog.setdefault(group.segment.exchange, []).append(found)
    return backlog


def lacking_a_session(backlog: Mapping[str, Collection[BacklogGroup]]) -> set[str]:
    """Return the exchanges with a published session that an already loaded asset lacks."""
    return {name for name, groups in backlog.items() if any(group.cursor for group in groups)}


def fetch_plans(
    backlog: Mapping[str, list[BacklogGroup]],
    refused: Collection[str],
    calls_a_day: int | None,
    left: int | None = None,
    look_back: int = SESSIONS,
    unsettled: Collection[Unsettled] = (),
    calendars: Calendars = NOTHING_LEARNED,
) -> dict[str, FetchPlan]:
    """Return the cheapest fetch plan of each exchange.

    Nothing is fetched in bulk where bulk is `refused`, or if a whole day cannot pay for a session.
    Where it is, the sessions before are compared again, with the actions of `look_back` of them, as
    far as the calls suffice that are `left` today and that new sessions do not need. Among them are
    sessions that many `unsettled` assets were not compared at.
    """
    is_unaffordable = calls_a_day is not None and calls_a_day < CALLS_A_SESSION
    full = LookBack(actions=look_back)
    plans = {
        exchange: all_individually(groups)
        if is_unaffordable or exchange in refused
        else _cheapest(calendars, exchange, groups, full)
        for exchange, groups in backlog.items()
    }
    rest = None if left is None else left - sum(plan.calls for plan in plans.values())
    wanted = {
        name: replace(full, prices=_compared(calendars, name, plan.sessions[0], unsettled))
        for name, plan in plans.items()
        if plan.sessions
    }
    granted = affordable(wanted, rest)
    return {
        exchange: replace(plan, look_back=granted.get(exchange, NO_LOOK_BACK))
        for exchange, plan in plans.items()
    }


def session_before(exchange: str, session: date, calendars: Calendars = NOTHING_LEARNED) -> date:
    """Return the session before one."""
    sessions = calendars.of(exchange, session)
    return sessions.session(int(sessions.days.searchsorted(days(session))) - 1)


def rest_days(
    exchange: str, since: datetime, days: float, calendars: Calendars = NOTHING_LEARNED
) -> float:
    """Return how many days to wait, at least `days`, so that the wait ends on a day with a session.

    Otherwise an asset would be requested on a Sunday, when there is nothing to get.
    """
    sessions = calendars.of(exchange, (since + timedelta(days=days)).date())
    for more in range(LONGEST_CLOSURE_DAYS):
        end = since + timedelta(days=days + more)
        if sessions.closed_by(end) > sessions.closed_by(end - timedelta(days=1)):
            return days + more
    return days


def sessions_up_to(
    exchange: str, session: date, before: int, calendars: Calendars = NOTHING_LEARNED
) -> list[date]:
    """Return a session and the `before` sessions before it, ascending."""
    sessions = calendars.of(exchange, session)
    end = int(sessions.days.searchsorted(days(session) + 1))
    return [day_date(day) for day in sessions.days[max(0, end - before - 1) : end].tolist()]


def _compared(
    calendars: Calendars, exchange: str, first: date, unsettled: Collection[Unsettled]
) -> int:
    """Return of how many sessions before a `first` new one the prices are to be compared."""
    before = sessions_up_to(exchange, first, MOST_COMPARED + 1, calendars)[:-1]
    return sessions_to_compare(before, [each for each in unsettled if each.exchange == exchange])


def _cheapest(
    calendars: Calendars, exchange: str, backlog: list[BacklogGroup], look_back: LookBack
) -> FetchPlan:
    cursors = [group.cursor for group in backlog if group.cursor is not None]
    if not cursors:
        return all_individually(backlog)
    # What was never loaded may have no date: all its sessions are fetched at once.
    last = max(group.published for group in backlog if group.cursor is not None)
    sessions: Sessions = calendars.of(exchange, last)
    expected = sessions.between(min(cursors), last).tolist()
    plan = cheapest_plan(backlog, [day_date(day) for day in expected])
    if plan.sessions:
        before = session_before(exchange, plan.sessions[0], calendars)
        plan = replace(plan, shut=calendars.shut_days(exchange, before, plan.sessions[-1]))
    single = all_individually(backlog)
    return single if plan.calls + look_back.calls >= single.calls else plan
