"""The limits' arithmetic, and a day of it in virtual time."""

from __future__ import annotations

import bisect
import random
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.limits.quota import (
    FARTHEST_SLOT,
    MIDNIGHT_MARGIN,
    Granted,
    Quota,
    Spent,
    believed,
    exhausted,
    has_begun,
    is_credible,
    is_plausible,
    left_for_audit,
    on_day,
    paused,
    refund,
    reserve,
    step,
    with_account,
    with_minute_limit,
)
from tests.support.campaign import sized

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = NOON.date()
LATER = TODAY + timedelta(2)


def quota(
    *,
    spent: int = 0,
    day_limit: int | None = 1000,
    extra: int = 0,
    minute_limit: int = 1000,
    next_slot: datetime = NOON,
) -> Quota:
    return Quota(TODAY, spent, day_limit, extra, minute_limit, next_slot)


def granted(found: Granted | Spent) -> Granted:
    assert isinstance(found, Granted)
    return found


def test_a_reservation_is_charged_before_anything_is_sent() -> None:
    found = granted(reserve(quota(spent=10), 5, NOON, most=3))
    assert found.quota.spent == 25
    assert len(found.slots) == 3


def test_slots_never_go_back_in_time() -> None:
    late = NOON + timedelta(seconds=7)
    assert granted(reserve(quota(next_slot=late), 1, NOON)).slots == (late,)


def test_no_more_is_granted_than_the_day_holds() -> None:
    found = granted(reserve(quota(spent=998), 1, NOON, most=20))
    assert len(found.slots) == 2
    assert reserve(found.quota, 1, NOON) == Spent(found.quota, found.quota.resets_at)


def test_a_reserve_is_left_to_others() -> None:
    found = granted(reserve(quota(spent=940), 1, NOON, most=20, keep_share=0.05))
    assert found.quota.spent == 950


def test_the_audit_takes_its_share_of_a_day_and_no_call_more() -> None:
    found = granted(reserve(quota(spent=10), 1, NOON, most=30, audit_share=0.02))
    assert (found.quota.spent, found.quota.audited) == (30, 20)
    assert isinstance(reserve(found.quota, 1, NOON, audit_share=0.02), Spent)
    assert granted(reserve(found.quota, 1, NOON)).quota.audited == 20


def test_the_audit_leaves_the_reserve_and_extra_calls() -> None:
    shares = {"audit_share": 0.02, "keep_share": 0.05}
    nearly = quota(spent=945, extra=500)
    found = granted(reserve(nearly, 1, NOON, most=30, **shares))
    assert (found.quota.spent, found.quota.audited) == (950, 5)
    assert isinstance(reserve(found.quota, 1, NOON, **shares), Spent)  # type: ignore[arg-type]


def test_the_audit_s_share_of_an_unknown_limit_is_none() -> None:
    assert isinstance(reserve(quota(day_limit=None), 1, NOON, audit_share=0.02), Spent)


def test_nothing_is_left_for_the_audit_of_a_day_that_was_refused() -> None:
    assert left_for_audit(quota(), 0.02, 0.05) == 20
    assert left_for_audit(exhausted(quota()), 0.02, 0.05) == 0


def test_the_audit_may_ask_for_what_is_free() -> None:
    found = granted(reserve(quota(day_limit=None), 0, NOON, audit_share=0.02))
    assert found.quota.audited == 0


def test_a_new_day_is_a_new_share() -> None:
    spent = granted(reserve(quota(), 1, NOON, most=20, audit_share=0.02)).quota
    tomorrow = granted(reserve(spent, 1, NOON + timedelta(days=1), audit_share=0.02)).quota
    assert (tomorrow.spent, tomorrow.audited) == (1, 1)


def test_what_the_audit_never_sent_is_given_back_to_it() -> None:
    taken = granted(reserve(quota(), 1, NOON, most=20, audit_share=0.02)).quota
    after = refund(taken, 1, TODAY, is_audit=True)
    assert (after.spent, after.audited) == (19, 19)
    assert refund(after, 1, TODAY).audited == 19


def test_a_free_request_needs_no_calls() -> None:
    assert granted(reserve(quota(spent=1000), 0, NOON)).quota.spent == 1000


def test_extra_calls_are_drawn_when_the_day_is_spent_and_do_not_come_back() -> None:
    used = granted(reserve(quota(spent=1000, extra=30), 1, NOON, most=20)).quota
    assert used.left == 10
    tomorrow = granted(reserve(used, 1, NOON + timedelta(days=1))).quota
    assert (tomorrow.spent, tomorrow.extra) == (1, 10)


def test_a_crowded_minute_makes_everybody_wait() -> None:
    assert with_minute_limit(quota(), 1000, 0, NOON).next_slot == NOON + timedelta(seconds=2)


def test_a_raised_limit_holds_at_once() -> None:
    raised = with_minute_limit(quota(minute_limit=600), 1200, 100, NOON)
    assert (raised.minute_limit, raised.next_slot) == (1200, NOON)


def test_someone_else_spending_lowers_what_is_left() -> None:
    assert with_account(quota(spent=10), 300, TODAY, 1000, 0).left == 700


def test_the_lazy_counter_of_yesterday_counts_nothing() -> None:
    heard = with_account(quota(spent=10), 900, TODAY - timedelta(days=1), 1000, 5)
    assert (heard.spent, heard.left) == (10, 995)


def test_a_vendor_that_has_passed_midnight_is_believed() -> None:
    heard = with_account(quota(spent=1000), 3, TODAY + timedelta(days=1), 1000, 0)
    assert (heard.day, heard.spent) == (TODAY + timedelta(days=1), 3)


@pytest.mark.parametrize(
    ("spent", "is_believed"), [(1000, True), (3000, True), (3001, False), (500_000_000, False)]
)
def test_a_count_far_beyond_what_the_account_has_says_nothing(
    spent: int, *, is_believed: bool
) -> None:
    known = exhausted(quota(spent=40))
    heard = with_account(known, spent, TODAY, 1000, 0)
    assert is_plausible(known, spent, 1000, 0) is is_believed
    assert (heard.spent == 40, heard.refused) == (not is_believed, True)


def test_a_count_is_plausible_by_what_was_known_of_the_account_before() -> None:
    assert is_plausible(quota(extra=50_000), 51_000, 1000, 0)
    assert not is_plausible(quota(), 51_000, 1000, 0)
    assert not is_plausible(quota(), 400_000_000, 400_000_000, 0), "its own limit is absurd as well"
    assert is_plausible(quota(day_limit=None), 90_000, 100_000, 0), "no limit is known yet"


def test_a_day_has_begun_for_the_vendor_ten_minutes_before_midnight() -> None:
    late = datetime(2026, 3, 10, 23, 50, tzinfo=UTC)
    tomorrow = TODAY + timedelta(days=1)
    moments = [NOON, late - timedelta(seconds=1), late, late + timedelta(hours=1)]
    assert [has_begun(tomorrow, moment) for moment in moments] == [False, False, True, True]
    assert has_begun(TODAY, NOON)
    assert not has_begun(date.max, late)


def test_our_own_count_is_never_lowered_by_the_vendors() -> None:
    assert with_account(quota(spent=50), 20, TODAY, 1000, 0).spent == 50


def test_extra_calls_that_the_vendor_has_drawn_are_counted_once() -> None:
    # 30 of 100 extra calls are gone: the vendor shows 1030 used and 70 extra left.
    assert with_account(quota(), 1030, TODAY, 1000, 70).left == 70


def test_extra_calls_that_the_vendor_s_count_leaves_out_are_counted_once_too() -> None:
    known = quota(spent=1030, extra=100)
    assert with_account(known, 1000, TODAY, 1000, 70).left == 70
    assert (
        with_account(with_account(known, 1000, TODAY, 1000, 70), 1000, TODAY, 1000, 60).left == 60
    )


def test_a_refusal_ends_the_day() -> None:
    spent = exhausted(quota(spent=3, extra=7))
    assert spent.left == 0
    assert isinstance(reserve(spent, 1, NOON), Spent)


def test_a_refusal_is_taken_back_by_a_count_that_shows_calls_left_and_by_no_other() -> None:
    refused = exhausted(quota(spent=3, extra=7))
    assert with_account(refused, 1000, TODAY, 1000, 0).left == 0
    assert with_account(refused, 1000, TODAY, 1000, 2).left == 2
    assert with_account(refused, 400, TODAY, 1000, 0).left == 600


def test_a_refusal_holds_for_its_day_only() -> None:
    tomorrow = on_day(exhausted(quota(spent=3)), TODAY + timedelta(days=1))
    assert tomorrow.left == 1000


def test_a_pause_moves_the_next_slot() -> None:
    until = NOON + timedelta(seconds=40)
    assert granted(reserve(paused(quota(), until), 1, NOON)).slots == (until,)


def test_a_refund_of_yesterday_is_forgotten() -> None:
    assert refund(quota(spent=10), 1, TODAY) == quota(spent=9)
    assert refund(quota(spent=10), 1, TODAY - timedelta(days=1)) == quota(spent=10)


@pytest.mark.parametrize("seconds", [-30, -15, -0.001, 0, 0.001, 1, 15, 29, 29.999])
def test_nothing_is_sent_around_midnight(seconds: float) -> None:
    midnight = datetime(2026, 3, 11, tzinfo=UTC)
    late = midnight + timedelta(seconds=seconds)
    found = granted(reserve(quota(), 1, late, most=5))
    assert found.slots[0] == midnight + MIDNIGHT_MARGIN
    assert found.quota.day == date(2026, 3, 11)


@pytest.mark.parametrize("seconds", [-31, 30, 31])
def test_farther_from_midnight_all_is_as_ever(seconds: float) -> None:
    moment = datetime(2026, 3, 11, tzinfo=UTC) + timedelta(seconds=seconds)
    assert granted(reserve(quota(), 1, moment)).slots == (moment,)


def test_slots_of_one_reservation_stop_before_midnight() -> None:
    shortly = datetime(2026, 3, 10, 23, 59, 29, 900_000, tzinfo=UTC)
    found = granted(reserve(quota(next_slot=shortly), 1, shortly, most=20))
    assert (found.quota.day, found.quota.spent) == (TODAY, len(found.slots))
    assert 1 <= len(found.slots) < 20
    assert {slot.date() for slot in found.slots} == {TODAY}


@pytest.mark.parametrize(("day", "spent"), [(LATER, 9), (date.max, 9), (TODAY, 201_015)])
def test_a_remembered_day_that_no_clock_can_have_is_taken_back(day: date, spent: int) -> None:
    """A wrong date or count of the vendor's, or a clock that ran ahead, would end all work."""
    wrong = Quota(day, spent, 100_000, 7, 1000, NOON, refused=True, audited=3)
    assert believed(wrong, NOON) == Quota(TODAY, 0, 100_000, 7, 1000, NOON)


@pytest.mark.parametrize("days", [-3000, -1, 0, 1])
def test_a_remembered_day_up_to_tomorrow_is_kept(days: int) -> None:
    known = Quota(TODAY + timedelta(days), 3000, 1000, 0, 1000, NOON, refused=True, audited=3)
    assert believed(known, NOON) == known


def test_a_slot_beyond_the_longest_pause_is_one_of_now() -> None:
    paused_longest = paused(quota(), NOON + timedelta(minutes=15))
    assert believed(paused_longest, NOON) == paused_longest
    jumped = quota(next_slot=NOON + timedelta(days=10))
    assert granted(reserve(believed(jumped, NOON), 1, NOON)).slots == (NOON,)


@given(
    day=st.dates(),
    spent=st.integers(0, 2**31 - 1),
    day_limit=st.none() | st.integers(0, 500_000_000),
    next_slot=st.datetimes(timezones=st.just(UTC)),
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    calls=st.sampled_from([0, 1, 100]),
)
def test_whatever_is_remembered_work_goes_on_within_two_days(
    day: date,
    spent: int,
    day_limit: int | None,
    next_slot: datetime,
    moment: datetime,
    calls: int,
) -> None:
    remembered = Quota(day, spent, day_limit, 0, 1000, next_slot)
    found = reserve(believed(remembered, moment), calls, moment, most=5)
    if isinstance(found, Granted):
        assert moment <= found.slots[0] <= moment + FARTHEST_SLOT + 2 * MIDNIGHT_MARGIN
    else:
        assert moment < found.resets_at <= moment + timedelta(days=2, seconds=31)


def test_a_day_later_than_tomorrow_is_not_credible() -> None:
    days = [date.min, TODAY, TODAY + timedelta(1), TODAY + timedelta(2), date.max]
    assert [is_credible(day, NOON) for day in days] == [True, True, True, False, False]
    east = NOON.astimezone(timezone(timedelta(hours=14)))
    assert not is_credible(TODAY + timedelta(2), east)


@given(st.lists(st.tuples(*[st.integers(0, 500_000_000)] * 3), max_size=6))
def test_no_count_of_the_vendor_is_too_large_for_the_ledger(told: list[tuple[int, ...]]) -> None:
    known = quota()
    for spent, limit, extra in told:
        known = with_account(known, spent, TODAY, limit, extra)
        assert max(known.spent, known.extra, known.day_limit or 0) <= 2**31 - 1_000_000


def test_the_largest_minute_limit_still_tells_slots_apart() -> None:
    known = with_minute_limit(quota(), 2**31 - 1, 1, NOON)
    slots = granted(reserve(known, 1, NOON, most=20)).slots
    assert len(set(slots)) == 20


@given(st.integers(1, 5000))
def test_sixty_seconds_of_slots_never_exceed_the_limit(limit: int) -> None:
    assert timedelta(seconds=60) / step(limit) <= max(limit - 1, 1)


def most_in_a_minute(moments: list[float]) -> int:
    return max(bisect.bisect_left(moments, moment + 60) - n for n, moment in enumerate(moments))


@pytest.mark.sized(1, "day")
@pytest.mark.parametrize("seed", range(sized(6, 60)))
def test_a_day_of_a_hundred_thousand_calls(seed: int) -> None:
    """Eight workers over 24 hours across midnight: nothing overspent, at least 98 % used."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    day_limit, minute_limit = 50_000, 1000
    start = NOON + timedelta(seconds=chance.uniform(0, 3600))
    state = quota(day_limit=day_limit, minute_limit=minute_limit, next_slot=start)
    workers = [start] * 8
    sent: list[datetime] = []
    while (now := min(workers)) < start + timedelta(hours=24):
        worker = workers.index(now)
        found = reserve(state, 1, now, most=chance.randint(1, 20))
        state = found.quota
        if isinstance(found, Spent):
            workers[worker] = found.resets_at
            continue
        late = [timedelta(seconds=chance.expovariate(20)) for _ in found.slots]
        sent += [max(slot, now) + delay for slot, delay in zip(found.slots, late, strict=True)]
        workers[worker] = max(now, found.slots[-1]) + timedelta(seconds=chance.expovariate(50))
    sent.sort()
    assert most_in_a_minute([moment.timestamp() for moment in sent]) <= minute_limit
    by_day = {day: sum(moment.date() == day for moment in sent) for day in {m.date() for m in sent}}
    assert max(by_day.values()) <= day_limit
    assert sum(by_day.values()) >= 0.98 * 2 * day_limit
    first_minutes = [m for m in sent if m < start + timedelta(minutes=30)]
    assert len(first_minutes) >= 0.98 * 30 * minute_limit
