"""What is due, and when an asset without bars is requested again; answers found by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from data_nexus.domain.planning.bulk_or_single import BacklogGroup
from data_nexus.domain.planning.due import (
    MarketSegment,
    Queued,
    answered_before,
    behind_by_exchange,
    lacking_a_session,
    rest_days,
)

THURSDAY, SATURDAY = datetime(2025, 11, 20, 12, tzinfo=UTC), datetime(2025, 11, 22, 12, tzinfo=UTC)
BEFORE_THANKSGIVING = datetime(2025, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("exchange", "since", "at_least", "expected"),
    [
        ("US", THURSDAY, 1, 1),  # Friday noon, after Thursday's close
        ("US", THURSDAY, 2, 2),  # Saturday noon, after Friday's close
        ("US", THURSDAY, 3, 5),  # not Sunday, not Monday noon, but after Monday's close
        ("US", SATURDAY, 1, 3),
        ("US", SATURDAY, 8, 10),
        ("US", BEFORE_THANKSGIVING, 1, 1),
        ("US", BEFORE_THANKSGIVING, 2, 3),  # Thursday is a holiday, Friday closes at 18:00 UTC
        ("CC", SATURDAY, 1, 1),
    ],
)
def test_a_rest_ends_on_a_day_that_has_a_session(
    exchange: str, since: datetime, at_least: float, expected: float
) -> None:
    assert rest_days(exchange, since, at_least) == expected


def test_what_has_the_published_session_is_not_behind() -> None:
    monday, tuesday = date(2025, 11, 24), date(2025, 11, 25)
    traded, fund = MarketSegment("US", "NYSE", ""), MarketSegment("US", "", "FUND")
    quiet = MarketSegment("LSE", "", "")
    published = {traded: tuesday, fund: monday, quiet: tuesday}
    queued = [
        Queued(traded, monday, 5),
        Queued(traded, tuesday, 7),
        Queued(fund, monday, 9),
        Queued(quiet, tuesday, 3),
        Queued(quiet, None, 2),
    ]
    behind = behind_by_exchange(queued, published)
    assert behind == {
        "US": [BacklogGroup(monday, tuesday, 5)],
        "LSE": [BacklogGroup(None, tuesday, 2)],
    }
    assert lacking_a_session(behind) == {"US"}, "what was never loaded lacks no session of its own"


@pytest.mark.parametrize(
    ("hour", "minute", "traded_ago", "fund_ago"),
    [
        (21, 15, 0, 60),  # shares are out just now, funds since the morning
        (21, 40, 25, 60),
        (23, 30, 60, 60),
        (20, 0, 60, 60),  # of the day before
    ],
)
def test_an_asset_is_requested_once_its_session_is_out_and_again_after_an_hour(
    hour: int, minute: int, traded_ago: int, fund_ago: int
) -> None:
    """Whatever the time of the clock by which answers are dated."""
    traded, fund = MarketSegment("US", "NYSE", ""), MarketSegment("US", "", "FUND")
    now = datetime(2025, 11, 25, hour, minute, tzinfo=UTC)
    answers_are_dated = datetime(2031, 3, 1, tzinfo=UTC)
    found = answered_before({traded, fund}, now, answers_are_dated, timedelta(hours=1))
    assert {each: (answers_are_dated - found[each]) / timedelta(minutes=1) for each in found} == {
        traded: traded_ago,
        fund: fund_ago,
    }
