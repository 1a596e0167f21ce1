"""A moment is read as people write it, in UTC unless it says otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from data_nexus.domain.dates import aware, given_day, parse_moment
from data_nexus.errors import UsageError

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01T12:00", NOON),
        ("2026-11-01 12:00:00", NOON),
        ("2026-11-01T12:00Z", NOON),
        ("2026-11-01T07:00-05:00", NOON),
        ("2026-11-01", NOON.replace(hour=0)),
    ],
)
def test_a_moment_is_read_in_utc_unless_it_says_otherwise(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment
    assert parse_moment(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "12:00"])
def test_another_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="2026-11-01T12:00"):
        parse_moment(text)


def test_a_moment_without_a_zone_is_taken_as_utc() -> None:
    assert aware(NOON.replace(tzinfo=None)) == NOON
    assert aware(NOON.astimezone(timezone(timedelta(hours=9)))) == NOON


def test_a_day_is_a_date_or_its_text_and_nothing_else() -> None:
    assert given_day("2026-11-01") == given_day(date(2026, 11, 1)) == date(2026, 11, 1)
    assert given_day(None) is None
    with pytest.raises(UsageError, match="write it like 2019-06-28"):
        given_day("2026-13-01")
