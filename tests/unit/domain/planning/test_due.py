"""When an asset without bars is requested again; answers found in a calendar by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from data_nexus.domain.planning.due import rest_days

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
