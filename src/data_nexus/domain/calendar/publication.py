"""When the vendor publishes a session, and so which sessions it must have by now. Pure.

Source: the vendor's documents on its update times, as collected in `docs/DATA_FORMAT_SPEC.md`,
section 2: the United States about 15 minutes after the close, other exchanges two to three hours,
US funds and over-the-counter shares from 3 to 6 in the morning of the next day, New York time. The
late end of each range is taken: a request that is too early costs calls and brings nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from data_nexus.domain.calendar.exchanges import LIBRARY, NEW_YORK
from data_nexus.domain.calendar.learned import NOTHING_LEARNED, Calendars
from data_nexus.domain.calendar.sessions import Hours, Sessions
from data_nexus.domain.calendar.window import EARLIEST


class PublicationKind(StrEnum):
    """What decides, within an exchange, when an asset's bars are published."""

    TRADED = "traded"  # on the exchange itself; currencies and crypto too
    FUND = "fund"
    OTC = "otc"


@dataclass(frozen=True, slots=True)
class AfterClose:
    """Published a while after the session's close."""

    delay: timedelta

    def moment(self, session: date, close: datetime) -> datetime:  # noqa: ARG002
        """Return when a session with this close is published."""
        return close + self.delay


@dataclass(frozen=True, slots=True)
class NextMorning:
    """Published in the morning after the session's date, whether or not that is a session."""

    zone: str
    at: time

    def moment(self, session: date, close: datetime) -> datetime:  # noqa: ARG002
        """Return when a session is published, in UTC."""
        morning = datetime.combine(session + timedelta(days=1), self.at, ZoneInfo(self.zone))
        return morning.astimezone(UTC)


Delay = AfterClose | NextMorning

US_DELAYS: dict[PublicationKind, Delay] = {
    PublicationKind.TRADED: AfterClose(timedelta(minutes=15)),
    PublicationKind.FUND: NextMorning("America/New_York", time(6)),
    PublicationKind.OTC: NextMorning("America/New_York", time(6)),
}
OTHER_DELAY = AfterClose(timedelta(hours=3))

_FUND_TYPES = frozenset({"FUND", "MUTUAL FUND"})
_FUND_VENUES = frozenset({"NMFQS"})
_OTC_VENUES = ("OTC", "PINK")


def kind_of(venue: str, asset_type: str) -> PublicationKind:
    """Return an asset's kind, from its venue and its type as the symbol list spells them."""
    if asset_type.upper() in _FUND_TYPES or venue.upper() in _FUND_VENUES:
        return PublicationKind.FUND
    return PublicationKind.OTC if venue.upper().startswith(_OTC_VENUES) else PublicationKind.TRADED


def delay_of(exchange: str, kind: PublicationKind) -> Delay:
    """Return how long after a session the vendor publishes it; by kind in the US only."""
    return US_DELAYS[kind] if LIBRARY.get(exchange) == NEW_YORK else OTHER_DELAY


def published_through(
    exchange: str,
    kind: PublicationKind,
    now: datetime,
    hours: Hours | None = None,
    calendars: Calendars = NOTHING_LEARNED,
) -> date:
    """Return the last session that the vendor must have published by `now`.

    `exchange` is the vendor's code, `hours` are its own from exchange-details, for exchanges that
    have no calendar here. Raises `ValueError` if `now` has no time zone or precedes every known
    session.
    """
    sessions, count = _published(exchange, kind, now, hours, calendars)
    if not count:
        raise ValueError(f"no session of {exchange} is known to be published by {now}")
    return sessions.session(count - 1)


def published_since(
    exchange: str,
    kind: PublicationKind,
    now: datetime,
    calendars: Calendars = NOTHING_LEARNED,
) -> datetime:
    """Return since when, in UTC, the vendor must have the last session that is published by `now`.

    Raises `ValueError` as `published_through` does.
    """
    sessions, count = _published(exchange, kind, now, None, calendars)
    if not count:
        raise ValueError(f"no session of {exchange} is known to be published by {now}")
    last = count - 1
    return delay_of(exchange, kind).moment(sessions.session(last), sessions.close(last))


def published_count(exchange: str, kind: PublicationKind, now: datetime) -> int:
    """Return how many sessions the vendor must have published by `now`; counted from the first one.

    Raises `ValueError` if `now` has no time zone.
    """
    return _published(exchange, kind, now, None, NOTHING_LEARNED)[1]


@dataclass(frozen=True, slots=True)
class Published:
    """The last session that is published, the one `before` it, and the one before that."""

    last: date
    before: date
    earlier: date


def last_published(
    exchange: str,
    kind: PublicationKind,
    now: datetime,
    calendars: Calendars = NOTHING_LEARNED,
) -> Published:
    """Return the last sessions that the vendor must have published by `now`.

    Before the first known session there is `EARLIEST`. Raises `ValueError` as `published_through`
    does.
    """
    sessions, count = _published(exchange, kind, now, None, calendars)
    if not count:
        raise ValueError(f"no session of {exchange} is known to be published by {now}")
    found = [sessions.session(at) for at in range(count - 1, max(count - 4, -1), -1)]
    return Published(*found, *[EARLIEST] * (3 - len(found)))


def next_publication(
    exchange: str, kind: PublicationKind, now: datetime, hours: Hours | None = None
) -> datetime:
    """Return the moment after `now`, in UTC, at which `published_through` moves on.

    Raises `ValueError` if `now` has no time zone.
    """
    sessions, count = _published(exchange, kind, now, hours, NOTHING_LEARNED)
    return delay_of(exchange, kind).moment(sessions.session(count), sessions.close(count))


def _published(
    exchange: str,
    kind: PublicationKind,
    now: datetime,
    hours: Hours | None,
    calendars: Calendars,
) -> tuple[Sessions, int]:
    """The exchange's sessions, and how many of them are published by `now`."""
    if now.utcoffset() is None:
        raise ValueError("a moment needs a time zone")
    # A year beyond, so that the next session is found however long an exchange stays closed.
    sessions = calendars.of(exchange, now.date() + timedelta(days=366), hours)
    delay = delay_of(exchange, kind)
    count = sessions.closed_by(now)
    while count and delay.moment(sessions.session(count - 1), sessions.close(count - 1)) > now:
        count -= 1
    return sessions, count
