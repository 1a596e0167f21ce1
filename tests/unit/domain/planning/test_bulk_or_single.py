"""The cheapest way to make an exchange fresh, compared with all ways there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.planning.bulk_or_single import (
    CALLS_A_SESSION,
    BacklogGroup,
    FetchPlan,
    all_individually,
    cheapest_plan,
)
from data_nexus.domain.planning.due import fetch_plans
from data_nexus.domain.planning.look_back import LookBack

MONDAY = date(2026, 11, 2)
# Two weeks of sessions, without their week-end.
SESSIONS = tuple(MONDAY + timedelta(days=n) for n in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11))
LAST = SESSIONS[-1]
FRIDAY = SESSIONS[4]


def behind(cursor: date | None, assets: int, published: date = LAST) -> BacklogGroup:
    return BacklogGroup(cursor, published, assets)


def test_the_price_of_a_session_is_three_bulk_requests() -> None:
    assert CALLS_A_SESSION == 300


def test_one_session_of_a_large_exchange_is_cheapest_in_bulk() -> None:
    way = cheapest_plan([behind(SESSIONS[-2], 50_000)], SESSIONS)
    assert way == FetchPlan((LAST,), 50_000, 0)
    assert way.calls == 300


def test_as_many_assets_as_a_session_costs_are_fetched_individually() -> None:
    assert cheapest_plan([behind(SESSIONS[-2], 300)], SESSIONS) == FetchPlan((), 0, 300)
    assert cheapest_plan([behind(SESSIONS[-2], 301)], SESSIONS) == FetchPlan((LAST,), 301, 0)


def test_what_was_never_loaded_is_fetched_individually() -> None:
    way = cheapest_plan([behind(None, 900), behind(SESSIONS[-2], 900)], SESSIONS)
    assert (way.sessions, way.in_bulk, way.individually, way.calls) == ((LAST,), 900, 900, 1200)


def test_a_backlog_is_taken_in_bulk_as_far_back_as_it_pays() -> None:
    backlog = [behind(SESSIONS[5], 40), behind(SESSIONS[6], 900), behind(SESSIONS[7], 500)]
    assert cheapest_plan(backlog, SESSIONS) == FetchPlan(SESSIONS[7:], 1400, 40)


def test_a_backlog_of_thirty_sessions_of_few_assets_is_fetched_individually() -> None:
    assert cheapest_plan([behind(SESSIONS[0], 2_000)], SESSIONS).sessions == ()


def test_a_cursor_on_a_day_without_a_session_counts_as_the_session_before() -> None:
    sunday = FRIDAY + timedelta(days=2)
    fetch_plans = [cheapest_plan([behind(day, 5_000)], SESSIONS) for day in (FRIDAY, sunday)]
    assert fetch_plans[0] == fetch_plans[1] == FetchPlan(SESSIONS[5:], 5_000, 0)


def test_assets_published_later_do_not_keep_the_others_from_bulk() -> None:
    """Funds are not out yet: they lack nothing, or the session before alone."""
    traded, funds = behind(SESSIONS[-2], 4_000), behind(SESSIONS[-3], 40, SESSIONS[-2])
    assert cheapest_plan([traded, funds], SESSIONS) == FetchPlan((LAST,), 4_000, 40)
    many = behind(SESSIONS[-3], 4_000, SESSIONS[-2])
    assert cheapest_plan([traded, many], SESSIONS) == FetchPlan(SESSIONS[-2:], 8_000, 0)


def test_nothing_behind_costs_nothing() -> None:
    assert cheapest_plan([], SESSIONS) == all_individually([]) == FetchPlan((), 0, 0)


def price(bulk: Sequence[date], groups: Sequence[BacklogGroup]) -> int:
    """The cost of these sessions in bulk, and of the assets that they do not cover individually."""
    others = [
        group.assets
        for group in groups
        if group.cursor is None
        or any(group.cursor < day <= group.published and day not in bulk for day in SESSIONS)
    ]
    return 300 * len(bulk) + sum(others)


cursors = st.one_of(st.none(), st.sampled_from([MONDAY - timedelta(days=1), *SESSIONS[:-1]]))


@given(
    st.lists(
        st.builds(
            BacklogGroup,
            cursor=cursors,
            published=st.sampled_from(SESSIONS),
            assets=st.integers(1, 1500),
        ),
        max_size=6,
    )
)
def test_no_other_way_is_cheaper(groups: list[BacklogGroup]) -> None:
    lacking = [group for group in groups if group.cursor is None or group.cursor < group.published]
    way = cheapest_plan(lacking, SESSIONS)
    fetch_plans = [bulk for n in range(len(SESSIONS) + 1) for bulk in combinations(SESSIONS, n)]
    assert way.calls == price(way.sessions, lacking) == min(price(b, lacking) for b in fetch_plans)
    assert way.in_bulk + way.individually == sum(group.assets for group in lacking)


def test_where_a_whole_day_does_not_pay_a_session_each_asset_is_asked_for_by_itself() -> None:
    behind = {"US": [BacklogGroup(date(2026, 11, 6), date(2026, 11, 9), 900)]}
    assert len(fetch_plans(behind, (), 300)["US"].sessions) == 1
    assert len(fetch_plans(behind, (), None)["US"].sessions) == 1
    assert fetch_plans(behind, (), 299)["US"].sessions == ()


def test_where_nothing_of_a_place_was_ever_loaded_its_date_is_not_looked_up() -> None:
    """As when the first fund is listed where 900 shares lack a session."""
    lacking, never_loaded = (
        BacklogGroup(FRIDAY, date(2026, 11, 9), 900),
        BacklogGroup(None, date.max, 1),
    )
    found = fetch_plans({"US": [lacking, never_loaded]}, (), None)["US"]
    assert found == FetchPlan((date(2026, 11, 9),), 900, 1, LookBack())
