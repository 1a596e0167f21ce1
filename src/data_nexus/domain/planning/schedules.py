"""When a job is to run: after each session of an exchange, after another job, or by cron. Pure.

A schedule is due at the same moments for everyone who asks, whenever and wherever: so two daemons
agree on which of them does a run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from data_nexus.domain.calendar.publication import (
    PublicationKind,
    next_publication,
    published_count,
    published_since,
)
from data_nexus.domain.symbol import exchange_code
from data_nexus.errors import UsageError

_FORMS = (
    "'after US', 'after US fund' (the day after, for funds and over-the-counter shares), 'after job"
    " update-US' (each time that one is done), or cron's five fields and perhaps a time zone:"
    " 'cron 30 6 * * 1-5 Europe/Berlin'"
)
_CRON_FIELDS = 5
# How far back the last due time is looked for: mostly it lies near, and the rarest, a 29 February
# that is a Sunday, within 40 years.
_LOOK_BACK = tuple(timedelta(days=each) for each in (0.1, 2, 70, 800, 40 * 366))
_ANY_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
# More missed due times than these are not counted one by one.
MOST_MISSED = 10_000


@dataclass(frozen=True, slots=True)
class AfterSession:
    """After the publication of each session of an exchange, for assets of a kind."""

    exchange: str
    kind: PublicationKind = PublicationKind.TRADED

    def __str__(self) -> str:
        kind = "" if self.kind is PublicationKind.TRADED else f" {self.kind}"
        return f"after {self.exchange}{kind}"

    def last_due(self, now: datetime) -> datetime | None:
        """Return the last due time by `now` (aware), in UTC; None if there was none."""
        if not self.count(None, now):
            return None
        return published_since(self.exchange, self.kind, now)

    def next_due(self, now: datetime) -> datetime:
        """Return the first due time after `now` (aware), in UTC."""
        return next_publication(self.exchange, self.kind, now)

    def count(self, after: datetime | None, until: datetime) -> int:
        """Return how often it is due after a moment (None: ever) and by another."""
        before = 0 if after is None else published_count(self.exchange, self.kind, after)
        return published_count(self.exchange, self.kind, until) - before


@dataclass(frozen=True, slots=True)
class Cron:
    """By cron's five fields, in a time zone.

    Where a clock is put forward or back, a time of day that is left out or comes twice is due once,
    as with Debian's cron; what runs every so many minutes or hours goes by the time that passes.
    """

    fields: str
    zone: str = "UTC"

    def __str__(self) -> str:
        return f"cron {self.fields}" + ("" if self.zone == "UTC" else f" {self.zone}")

    def last_due(self, now: datetime) -> datetime | None:
        """Return the last due time by `now` (aware), in UTC; None if there was none."""
        for back in _LOOK_BACK:
            past = deque(
                takewhile(lambda due_at: due_at <= now, self._due_times(now - back)), maxlen=1
            )
            if past:
                return past[0]
        return None

    def next_due(self, now: datetime) -> datetime:
        """Return the first due time after `now` (aware), in UTC."""
        return next(self._due_times(now))

    def count(self, after: datetime | None, until: datetime) -> int:
        """Return how often it is due after a moment and by another, `MOST_MISSED` at most.

        Without a first moment it is one if there is any at all.
        """
        if after is None:
            return int(self.last_due(until) is not None)
        found = takewhile(lambda due_at: due_at <= until, self._due_times(after))
        return sum(1 for _ in islice(found, MOST_MISSED))

    def _due_times(self, after: datetime) -> Iterator[datetime]:
        start = after.astimezone(ZoneInfo(self.zone)).replace(microsecond=0)
        for due_at in CronSim(self.fields, start):
            if (moment := due_at.astimezone(UTC)) > after:
                yield moment


@dataclass(frozen=True, slots=True)
class AfterJob:
    """After each run of another job that is done; when that will be is not known before."""

    job: str

    def __str__(self) -> str:
        return f"after job {self.job}"


Timed = AfterSession | Cron
Schedule = Timed | AfterJob


def parse_schedule(text: str) -> Schedule:
    """Return the schedule that a text means.

    Raises `UsageError` for a text that is none, for fields that cron does not know or that never
    come true, and for an unknown time zone.
    """
    word, _, rest = " ".join(text.split()).partition(" ")
    if word.lower() == "after" and rest.lower().startswith("job "):
        return AfterJob(rest[len("job ") :])
    if word.lower() == "after" and rest:
        return _after(rest, text)
    if word.lower() == "cron" and rest:
        return _cron(rest, text)
    raise UsageError(f"not a schedule: {text!r}; it is {_FORMS}")


def _after(rest: str, text: str) -> AfterSession:
    code, _, kind = rest.partition(" ")
    if kind.lower() not in ("", *PublicationKind):
        raise UsageError(f"not a schedule: {text!r}; it is {_FORMS}")
    return AfterSession(
        exchange_code(code), PublicationKind(kind.lower()) if kind else PublicationKind.TRADED
    )


def _cron(rest: str, text: str) -> Cron:
    words = rest.split()
    zones = words[_CRON_FIELDS:]
    if len(words) < _CRON_FIELDS or len(zones) > 1:
        raise UsageError(f"not a schedule: {text!r}; cron has five fields, and perhaps a time zone")
    found = Cron(" ".join(words[:_CRON_FIELDS]), *zones)
    try:
        ZoneInfo(found.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"no time zone {found.zone!r}; its name is like 'Europe/Berlin' or 'UTC'"
        ) from None
    try:
        found.next_due(_ANY_MOMENT)
    except CronSimError as error:
        raise UsageError(f"not a schedule: {text!r}; cron's fields: {error}") from None
    except StopIteration:
        raise UsageError(f"not a schedule: {text!r}; that never comes true") from None
    return found


@dataclass(frozen=True, slots=True)
class DueRun:
    """When a run was due, and how many before it were missed: this one makes up for them."""

    due_at: datetime
    missed: int


def due_run(
    schedule: Schedule,
    since: datetime,
    now: datetime,
    done_at: Mapping[str, datetime] = MappingProxyType({}),
) -> DueRun | None:
    """Return the run that is due by `now` and was not by `since`; None if there is none.

    It is the last of them alone: what was missed runs once. `done_at` is when jobs were last done.
    """
    if isinstance(schedule, AfterJob):
        last, missed = done_at.get(schedule.job), 0
    else:
        last = schedule.last_due(now)
        missed = schedule.count(since, last) - 1 if last and last > since else 0
    return DueRun(last, missed) if last and since < last <= now else None


def next_due(schedule: Schedule, now: datetime) -> datetime | None:
    """Return the first due time after `now` (aware), in UTC; None if it is not known."""
    return None if isinstance(schedule, AfterJob) else schedule.next_due(now)
