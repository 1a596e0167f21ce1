"""What a look back costs, and what gives way where calls are short."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from data_nexus.domain.planning.look_back import (
    MOST_COMPARED,
    NO_LOOK_BACK,
    LookBack,
    Unsettled,
    affordable,
    sessions_to_compare,
)

PRICES, FULL = LookBack(actions=0), LookBack(actions=2)


def test_a_session_of_prices_costs_one_bulk_request_and_one_of_actions_two() -> None:
    assert (NO_LOOK_BACK.calls, PRICES.calls, FULL.calls) == (0, 100, 500)


@pytest.mark.parametrize(
    ("calls", "us", "lse"),
    [
        (None, FULL, FULL),
        (1000, FULL, FULL),
        (999, FULL, LookBack(actions=1)),
        (600, LookBack(actions=1), LookBack(actions=1)),
        (400, LookBack(actions=1), PRICES),
        (399, PRICES, PRICES),
        (200, PRICES, PRICES),
        (199, PRICES, NO_LOOK_BACK),
        (0, NO_LOOK_BACK, NO_LOOK_BACK),
        (-50, NO_LOOK_BACK, NO_LOOK_BACK),
    ],
)
def test_older_actions_give_way_first_and_prices_last(
    calls: int | None, us: LookBack, lse: LookBack
) -> None:
    granted = affordable({"US": FULL, "LSE": FULL}, calls)
    expected = {"US": us, "LSE": lse}
    assert granted == expected
    assert calls is None or sum(each.calls for each in granted.values()) <= max(calls, 0)


def test_prices_of_older_sessions_are_compared_with_what_is_left() -> None:
    wanted = {"US": LookBack(3, 1), "LSE": LookBack(1, 2)}
    assert affordable(wanted, None) == wanted
    assert affordable(wanted, 1000) == wanted
    assert affordable(wanted, 999) == {"US": LookBack(2, 1), "LSE": LookBack(1, 2)}
    assert affordable(wanted, 799) == {"US": LookBack(1, 1), "LSE": LookBack(1, 1)}


BEFORE = [date(2026, 11, 2) + timedelta(days) for days in range(MOST_COMPARED + 1)]


def open_since(sessions: int, assets: int) -> Unsettled:
    """Assets that were not compared at the last sessions but one, so many of them."""
    return Unsettled("US", BEFORE[-2 - sessions], assets)


@pytest.mark.parametrize(
    ("unsettled", "sessions"),
    [
        ([], 1),
        ([open_since(0, 50_000)], 1),
        ([open_since(0, 50_000), open_since(1, 100)], 1),
        ([open_since(1, 101)], 2),
        ([open_since(1, 101), open_since(2, 50)], 2),
        ([open_since(2, 150)], 1),
        ([open_since(2, 201)], 3),
        ([open_since(1, 60), open_since(2, 160)], 3),
        ([Unsettled("US", date(2026, 10, 1), 50_000)], 1),
    ],
)
def test_older_sessions_are_compared_where_that_costs_less_than_the_histories(
    unsettled: list[Unsettled], sessions: int
) -> None:
    assert sessions_to_compare(BEFORE, unsettled) == sessions
