"""The arithmetic of the vendor's limits: which requests may be sent, and when. Pure.

Two limits bind a token (vendor documentation, API limits; `docs/DATA_FORMAT_SPEC.md`): calls a day,
weighted by endpoint, renewed at midnight GMT; and requests a minute, one each whatever they cost.
The minute is kept by pacing: each request gets a slot, one step after the slot before it, so that
no 60 seconds hold more than the limit wherever the vendor's window begins. The day is kept by
charging each request's calls to the day of its slot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from data_nexus.domain.limits.backoff import LONGEST_WAIT_SEC

MINUTE = timedelta(seconds=60)
# Nothing is sent so close to midnight: our clock and the vendor's may name different days.
MIDNIGHT_MARGIN = timedelta(seconds=30)
# What is left unused of the minute, for requests that reach the vendor later than their slot.
_SPARE_SHARE, _SPARE_REQUESTS = 0.007, 1
# How long nothing is sent when another client of the token has filled the minute.
_CROWDED = timedelta(seconds=2)
# No honest slot lies further ahead: the longest pause, the minute of a cut limit, a midnight.
FARTHEST_SLOT = timedelta(seconds=LONGEST_WAIT_SEC) + MINUTE + 2 * MIDNIGHT_MARGIN
_SHORTEST_STEP = timedelta(microseconds=1)
# By how much the vendor's clock may be ahead of the database's at midnight.
_AHEAD = timedelta(minutes=10)
# A count is believed up to so many times the calls of a day, and what requests may overshoot it by:
# extra calls that were drawn before anything was known of them are in it.
_MOST_TIMES, _OVERSHOT = 2, 1_000


@dataclass(frozen=True, slots=True)
class Quota:
    """What is known of a token's limits and what has been spent of them, at one moment.

    `spent` are the calls charged to the GMT day `day`, by us or, as the vendor reports, by anyone;
    `day_limit` is None until the vendor has reported it; `extra` are calls beyond the daily ones,
    which do not expire. `refused`: the vendor said that the day is spent, and has not reported
    otherwise since. `audited` of the spent calls went into the audit. No request goes out before
    `next_slot`.
    """

    day: date
    spent: int
    day_limit: int | None
    extra: int
    minute_limit: int
    next_slot: datetime
    refused: bool = False
    audited: int = 0

    @property
    def left(self) -> int | None:
        """Calls that may still be spent on `day`, extra ones included; None while unknown."""
        if self.refused:
            return 0
        if self.day_limit is None:
            return None
        return max(0, self.day_limit + self.extra - self.spent)

    @property
    def calls_a_day(self) -> int | None:
        """Calls of a day of which nothing is spent yet, extra ones included; None while unknown."""
        return None if self.day_limit is None else self.day_limit + self.extra

    @property
    def resets_at(self) -> datetime:
        """When the next day's calls may be spent."""
        return midnight_after(self.day) + MIDNIGHT_MARGIN


@dataclass(frozen=True, slots=True)
class Granted:
    """Permission to send: the moments at which requests may go out, and the quota after it."""

    quota: Quota
    slots: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Spent:
    """No permission: the day's calls are used up until `resets_at`."""

    quota: Quota
    resets_at: datetime


def midnight_after(day: date) -> datetime:
    """Return the moment at which a GMT day ends."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def step(minute_limit: int) -> timedelta:
    """Return the distance between two slots."""
    usable = minute_limit * (1 - _SPARE_SHARE) - _SPARE_REQUESTS
    return max(MINUTE / max(usable, 1.0), _SHORTEST_STEP)


def is_credible(day: date, moment: datetime) -> bool:
    """Return whether a GMT day may be today's at `moment`, or by a clock ahead tomorrow's."""
    return day.toordinal() - moment.astimezone(UTC).date().toordinal() <= 1


def has_begun(day: date, moment: datetime) -> bool:
    """Return whether the vendor may count a GMT day at `moment`: it is today, or about to begin."""
    return day <= (moment.astimezone(UTC) + _AHEAD).date()


def is_plausible(quota: Quota, spent: int, limit: int, extra: int) -> bool:
    """Return whether an account can have spent so much: not far more than it had.

    That is judged by the limit that was known before, as the answer's own may be absurd as well. A
    limit that has really risen is known to the next answer.
    """
    return spent <= _most_spent((quota.day_limit or limit) + max(extra, quota.extra))


def _most_spent(calls_a_day: int) -> int:
    return _MOST_TIMES * calls_a_day + _OVERSHOT


def believed(quota: Quota, moment: datetime) -> Quota:
    """Return a remembered quota without what cannot be so.

    Of a day later than tomorrow, which only a clock that ran ahead can have left, nothing is kept,
    nor of far more calls than the day has: how much of today is spent must be learned from the
    vendor. A slot further ahead than any pause is one of now.
    """
    of_day = quota.calls_a_day
    is_absurd = of_day is not None and quota.spent > _most_spent(of_day)
    if is_absurd or not is_credible(quota.day, moment):
        today = moment.astimezone(UTC).date()
        quota = replace(quota, day=today, spent=0, refused=False, audited=0)
    if quota.next_slot - moment > FARTHEST_SLOT:
        quota = replace(quota, next_slot=moment)
    return quota


def on_day(quota: Quota, day: date) -> Quota:
    """Return the quota as it stands on a day; time never runs backwards."""
    if day <= quota.day:
        return quota
    unused_extra = quota.extra
    if quota.day_limit is not None:
        unused_extra = max(0, quota.extra - max(0, quota.spent - quota.day_limit))
    return replace(quota, day=day, spent=0, extra=unused_extra, refused=False, audited=0)


def audit_calls(limit: int | None, share: float) -> int:
    """Return how many calls a day the audit may take at most; of an unknown limit none."""
    return int((limit or 0) * share)


def left_for_audit(quota: Quota, share: float, keep_share: float) -> int:
    """Return the calls that the audit may still take on the quota's day.

    It takes what is left over: neither calls reserved for others, nor extra calls, which do not
    expire.
    """
    if quota.day_limit is None or quota.refused:
        return 0
    left_over = quota.day_limit - int(quota.day_limit * keep_share) - quota.spent
    return max(0, min(left_over, audit_calls(quota.day_limit, share) - quota.audited))


def reserve(
    quota: Quota,
    calls: int,
    moment: datetime,
    *,
    most: int = 1,
    keep_share: float = 0.0,
    audit_share: float | None = None,
) -> Granted | Spent:
    """Grant up to `most` requests of `calls` each, or say when there will be calls again.

    `keep_share` of the day's limit is left for others (repair and interactive work). With
    `audit_share` the requests are the audit's, which takes no more than that share of the limit.
    """
    first = _outside_midnight(max(quota.next_slot, moment))
    quota = on_day(quota, first.date())
    left = quota.left
    if calls and audit_share is not None:
        most = min(most, left_for_audit(quota, audit_share, keep_share) // calls)
    elif left is not None and calls:
        kept = int((quota.day_limit or 0) * keep_share)
        most = min(most, (left - kept) // calls)
    if most < 1:
        return Spent(quota, quota.resets_at)
    distance = step(quota.minute_limit)
    last_moment = midnight_after(quota.day) - MIDNIGHT_MARGIN
    slots = tuple(
        slot for n in range(most) if (slot := first + n * distance) < last_moment or n == 0
    )
    charged = calls * len(slots)
    audited = quota.audited + (0 if audit_share is None else charged)
    spent, next_slot = quota.spent + charged, slots[-1] + distance
    return Granted(replace(quota, spent=spent, audited=audited, next_slot=next_slot), slots)


def refund(quota: Quota, calls: int, day: date, *, is_audit: bool = False) -> Quota:
    """Return the quota with the calls of requests that were certainly never sent."""
    if quota.day != day:
        return quota
    audited = quota.audited - calls if is_audit else quota.audited
    return replace(quota, spent=max(0, quota.spent - calls), audited=max(0, audited))


def with_minute_limit(
    quota: Quota, limit: int, remaining: int, moment: datetime, *, reserved_under: int = 0
) -> Quota:
    """Return the quota with the minute's limit from an answer's headers; wait if it is nearly full.

    After a cut the minute still holds what was sent under the old limit, as far as it was used:
    nothing is sent until there is room. `reserved_under` is the limit under which the answered
    request got its slot.
    """
    next_slot = max(quota.next_slot, moment)
    if limit < max(quota.minute_limit, reserved_under):
        next_slot = _after_cut(quota, limit, remaining, moment, reserved_under)
    if remaining <= 0:
        next_slot = max(next_slot, moment + _CROWDED)
    return replace(quota, minute_limit=max(limit, 1), next_slot=next_slot)


def _after_cut(
    quota: Quota, limit: int, remaining: int, moment: datetime, reserved_under: int
) -> datetime:
    """Return when the minute has room under a lower limit.

    The vendor's own count says how much of the minute is used; slots that are handed out and not
    used yet, one step after the other, come on top. It is never more than the old limit allowed.
    """
    next_slot = max(quota.next_slot, moment)
    used = max(1, min(limit, limit - remaining))
    if limit >= quota.minute_limit:
        # Others have learned of it before: what they were given lies ahead already.
        by_count = moment + MINUTE * (used / max(limit, 1))
        return max(next_slot, min(by_count, moment + MINUTE * (1 - limit / reserved_under)))
    used += math.ceil((next_slot - moment) / step(quota.minute_limit))
    by_count = max(next_slot, moment + MINUTE * (used / max(limit, 1)))
    return min(by_count, next_slot + MINUTE * (1 - limit / quota.minute_limit))


def with_account(
    quota: Quota, spent: int, counted_on: date | None, limit: int, extra: int
) -> Quota:
    """Return the quota with the day's figures of the vendor's own count.

    The vendor's counter is lazy: until the first request of a day it shows the day before
    (`apiRequestsDate`), and then counts nothing yet. Its count is the larger one or lags behind
    ours; calls that it shows as left override an earlier refusal. A count that is not plausible
    says nothing: what is known to be spent stays.
    """
    if not is_plausible(quota, spent, limit, extra):
        return replace(quota, day_limit=limit, extra=extra)
    if counted_on is not None and counted_on > quota.day:
        quota = on_day(quota, counted_on)
    theirs = spent if counted_on == quota.day else 0
    # Calls beyond the daily ones are taken off `extra`; whether `spent` counts them too is not
    # known, so either of the two figures may show them.
    drawn = max(0, spent - limit, quota.extra - extra) if theirs >= limit else 0
    total = min(theirs, limit) + drawn
    return replace(
        quota,
        spent=max(quota.spent, total),
        day_limit=limit,
        extra=extra + drawn,
        refused=quota.refused and total >= limit + extra + drawn,
    )


def exhausted(quota: Quota) -> Quota:
    """Return the quota after a 402: no calls left until the vendor's own count shows some."""
    return replace(quota, refused=True)


def paused(quota: Quota, until: datetime) -> Quota:
    """Return the quota with nothing to be sent before `until`, as the vendor demanded."""
    return replace(quota, next_slot=max(quota.next_slot, until))


def _outside_midnight(slot: datetime) -> datetime:
    midnight = midnight_after(slot.date())
    if midnight - slot <= MIDNIGHT_MARGIN:
        return midnight + MIDNIGHT_MARGIN
    today = datetime.combine(slot.date(), time(), UTC)
    return max(slot, today + MIDNIGHT_MARGIN)
