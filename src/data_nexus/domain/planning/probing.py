"""Choose how many assets are read before the rest of an exchange is asked. Pure.

A few liquid assets show whether the exchange has traded on a day that its calendar lacks, and
whether a session of its calendar was held. Where assets are read individually they cost nothing:
they are due as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from data_nexus.domain.bars import days
from data_nexus.domain.calendar.learned import Calendars
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.domain.planning.bulk_or_single import BacklogGroup

PROBES = 3


def is_newest_unseen(backlog: Iterable[BacklogGroup], seen: date | None) -> bool:
    """Say whether no bar of the newest published session was seen of an exchange that has bars."""
    newest = _newest(backlog)
    return seen is not None and newest is not None and seen < newest


def unseen_sessions(
    calendars: Calendars, exchange: str, backlog: Iterable[BacklogGroup], seen: date | None
) -> list[date]:
    """Return the published sessions of which no bar was seen, ascending.

    `seen` is the last session of the exchange of which any bar is stored, None without any.
    """
    newest = _newest(backlog)
    if seen is None or newest is None or seen >= newest:
        return []
    sessions = calendars.of(exchange, newest)
    return [day_date(day) for day in sessions.between(seen + timedelta(days=1), newest).tolist()]


def needs_probes(unseen: Sequence[date], seen: date | None, *, in_bulk: bool) -> bool:
    """Say whether an exchange is probed before it is read.

    In bulk that is where several sessions are unseen, or a day between them is none: the prices of
    a single new session say themselves whether it is out.
    """
    if not unseen or seen is None:
        return False
    return not in_bulk or len(unseen) > 1 or days(unseen[0]) - days(seen) > 1


def first_questions(unseen: Sequence[date], synced: Iterable[datetime | None]) -> int:
    """Return how many probes are read at first; `synced` is when each was last answered.

    An exchange of which probes were asked after an unseen session, in vain, may be shut: one
    question is enough to see that it still is.
    """
    since = datetime.combine(unseen[0] + timedelta(days=1), time(), UTC)
    was_asked = any(moment and moment >= since for moment in synced)
    return 1 if len(unseen) > 1 and was_asked else PROBES


def _newest(backlog: Iterable[BacklogGroup]) -> date | None:
    """Return the last published session that an asset with bars lacks."""
    return max((group.published for group in backlog if group.cursor), default=None)
