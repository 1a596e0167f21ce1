"""What a minute may hold once its limit is cut: what was sent before, and what still may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from data_nexus.domain.limits.quota import Granted, Quota, reserve, with_minute_limit

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def quota(minute_limit: int) -> Quota:
    return Quota(NOON.date(), 0, 100_000, 0, minute_limit, NOON)


def granted(state: Quota, moment: datetime, most: int = 1) -> Granted:
    found = reserve(state, 1, moment, most=most)
    assert isinstance(found, Granted)
    return found


def most_in_a_minute(moments: list[datetime]) -> int:
    minute = timedelta(seconds=60)
    return max(sum(m <= each < m + minute for each in moments) for m in moments)


def test_a_cut_of_the_limit_waits_until_the_minute_has_room() -> None:
    cut = with_minute_limit(quota(minute_limit=1200), 600, 0, NOON)
    assert cut.minute_limit == 600
    assert cut.next_slot == NOON + timedelta(seconds=30)


def after(cut: Quota) -> float:
    """In how many seconds the next slot lies."""
    return round((cut.next_slot - NOON).total_seconds(), 6)


def test_a_minute_of_which_little_is_used_is_not_waited_for() -> None:
    """As at the first request of a run, whose limit is assumed until then."""
    assumed = quota(minute_limit=300)
    assert after(with_minute_limit(assumed, 60, 59, NOON)) == 1.0
    assert after(with_minute_limit(assumed, 60, 30, NOON)) == 30.0
    assert after(with_minute_limit(assumed, 60, 0, NOON)) == 48.0


def test_slots_that_are_handed_out_and_not_used_yet_count_as_used_after_a_cut() -> None:
    ahead = granted(quota(minute_limit=300), NOON, most=5).quota
    assert after(with_minute_limit(ahead, 60, 59, NOON)) == 6.0


def test_an_answer_under_the_old_limit_adds_to_the_wait_after_a_cut() -> None:
    first = with_minute_limit(quota(minute_limit=300), 60, 59, NOON)
    assert after(with_minute_limit(first, 60, 55, NOON, reserved_under=300)) == 5.0
    assert after(with_minute_limit(first, 60, 55, NOON, reserved_under=60)) == 1.0


def test_a_senseless_count_of_what_remains_waits_a_little_and_no_longer_than_a_minute() -> None:
    assert after(with_minute_limit(quota(minute_limit=300), 60, 9999, NOON)) == 1.0
    assert after(with_minute_limit(quota(minute_limit=300), 60, -5, NOON)) == 48.0


@given(
    limit=st.integers(2, 400),
    cut=st.integers(2, 400),
    sent=st.integers(0, 30),
    late=st.floats(0, 30),
)
@example(limit=13, cut=11, sent=12, late=5.0)
def test_no_minute_holds_more_than_a_cut_limit_if_the_vendor_counts(
    limit: int, cut: int, sent: int, late: float
) -> None:
    """One worker, whose limit is cut after some requests; the vendor counts the last minute."""
    state, moments, now = quota(minute_limit=limit), list[datetime](), NOON
    for _ in range(sent):
        found = granted(state, now)
        state, now = found.quota, found.slots[0]
        moments.append(now)
    now += timedelta(seconds=late)
    # What a minute held that was over before the cut was within the old limit.
    counted = [moment for moment in moments if moment > now - timedelta(seconds=60)]
    held = len(counted)
    state = with_minute_limit(state, cut, cut - held, now)
    is_over_already = held > cut
    moments = [] if is_over_already else counted
    for _ in range(2 * cut):
        found = granted(state, now)
        state, now = found.quota, found.slots[0]
        moments.append(now)
    assert most_in_a_minute(moments) <= cut
