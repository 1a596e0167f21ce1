"""What is due, and when an asset without bars is requested again; answers found by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from data_nexus.domain.planning.bulk_or_single import BacklogGroup
from data_nexus.domain.planning.due import (
    MarketSegment,
    Queued,
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
