"""Gaps are looked into in bulk where that costs less than one call each."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.planning.gaps import DEEPEST, Rechecks, recheck_gaps

# More days before the present session than are ever rechecked.
DAYS = [date(2026, 3, 1) + timedelta(days=n) for n in range(DEEPEST + 5)]
NEWEST, BEFORE, OLDER = DAYS[-1], DAYS[-2], DAYS[-3]


def test_without_gaps_nothing_is_looked_at() -> None:
    assert recheck_gaps([], DAYS, set()) == Rechecks((), NEWEST)
    assert recheck_gaps([NEWEST] * 500, DAYS, set()) == Rechecks((), NEWEST)


def test_as_many_gaps_as_a_look_costs_are_rechecked_individually() -> None:
    assert recheck_gaps([BEFORE] * 100, DAYS, set()) == Rechecks((), NEWEST)
    assert recheck_gaps([BEFORE] * 101, DAYS, set()) == Rechecks((NEWEST,), BEFORE)


def test_gaps_that_reach_further_back_take_another_look() -> None:
    assert recheck_gaps([OLDER] * 201, DAYS, set()) == Rechecks((BEFORE, NEWEST), OLDER)


def test_the_newest_session_is_rechecked_for_later_updates() -> None:
    """Tomorrow the gaps that end then are one session shorter."""
    gaps = [DAYS[-4]] * 101
    assert recheck_gaps(gaps, DAYS, set()) == Rechecks((NEWEST,), BEFORE)
    assert recheck_gaps(gaps, DAYS, {BEFORE, OLDER}) == Rechecks((NEWEST,), DAYS[-4])


def test_a_settled_session_needs_no_look() -> None:
    assert recheck_gaps([BEFORE] * 500, DAYS, {NEWEST}) == Rechecks((), BEFORE)
    assert recheck_gaps([OLDER] * 101, DAYS, {NEWEST}) == Rechecks((BEFORE,), OLDER)


def test_long_gaps_over_settled_sessions_cost_nothing() -> None:
    """The ordinary update of an exchange on which many names seldom trade."""
    settled = set(DAYS) - {NEWEST}
    found = recheck_gaps(DAYS[-DEEPEST:-1] * 20, DAYS, settled)
    assert found == Rechecks((NEWEST,), DAYS[-DEEPEST - 1])


def test_gaps_older_than_all_that_is_looked_at_stay_for_single_calls() -> None:
    found = recheck_gaps([DAYS[0]] * 5_000, DAYS, set(DAYS))
    assert found.sessions == ()
    assert found.still_open > DAYS[0]


@pytest.mark.parametrize("length", [1, 2, DEEPEST, DEEPEST + 1])
def test_few_known_sessions_suffice(length: int) -> None:
    earlier = DAYS[-length:]
    found = recheck_gaps([DAYS[0]] * 101, earlier, set())
    assert found.still_open in earlier
    assert set(found.sessions) < set(earlier)


@given(
    st.lists(st.sampled_from(DAYS), max_size=400),
    st.sets(st.sampled_from(DAYS)),
    st.integers(1, 25),
)
def test_it_never_costs_more_than_a_look_beside_one_call_for_each_gap(
    last_bars: list[date], settled: set[date], length: int
) -> None:
    earlier = DAYS[-length:]
    found = recheck_gaps(last_bars, earlier, settled)
    assert not settled.intersection(found.sessions)
    assert list(found.sessions) == [
        day for day in earlier if day > found.still_open and day not in settled
    ]
    oldest = earlier[max(0, length - DEEPEST - 1)]
    gaps = sum(
        day < oldest or any(o > day and o not in settled for o in earlier if o > oldest)
        for day in last_bars
    )
    price = 100 * len(found.sessions) + sum(day < found.still_open for day in last_bars)
    assert price <= gaps + 100
