"""What is requested, and which date cannot be in the future."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.calendar.window import EARLIEST, Window, latest_date, window_to_ask

NOON = dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC)
DATES = st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1))
MOMENTS = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2100, 1, 1))  # noqa: DTZ001
ZONES = st.integers(-12, 14).map(lambda hours: dt.timezone(dt.timedelta(hours=hours)))


@pytest.mark.parametrize(
    ("moment", "latest"),
    [
        ("2024-02-28T09:59:59+00:00", "2024-02-28"),
        ("2024-02-28T10:00:00+00:00", "2024-02-29"),
        ("2023-12-31T10:00:00+00:00", "2024-01-01"),
        ("2024-01-01T09:00:00-05:00", "2024-01-02"),
        ("2024-01-02T00:30:00+13:00", "2024-01-02"),
    ],
)
def test_the_latest_date_is_the_one_that_the_farthest_zone_has(moment: str, latest: str) -> None:
    assert latest_date(dt.datetime.fromisoformat(moment)) == dt.date.fromisoformat(latest)


@given(moment=MOMENTS, zone=ZONES)
def test_the_latest_date_depends_on_the_moment_and_not_on_how_it_is_written(
    moment: dt.datetime, zone: dt.tzinfo
) -> None:
    in_utc = moment.replace(tzinfo=dt.UTC)
    assert latest_date(in_utc.astimezone(zone)) == latest_date(in_utc)


@given(moment=MOMENTS, zone=ZONES)
def test_no_place_on_earth_is_ahead_of_the_latest_date(
    moment: dt.datetime, zone: dt.tzinfo
) -> None:
    in_utc = moment.replace(tzinfo=dt.UTC)
    assert in_utc.astimezone(zone).date() <= latest_date(in_utc)


def test_an_asset_without_a_cursor_is_asked_for_all_history() -> None:
    window = window_to_ask(None, 10, NOON)
    assert window == Window(EARLIEST, dt.date(2024, 3, 2))
    assert window.is_whole


def test_a_cursor_is_re_read_from_some_days_before_it() -> None:
    window = window_to_ask(dt.date(2024, 2, 28), 10, NOON)
    assert window == Window(dt.date(2024, 2, 18), dt.date(2024, 3, 2))
    assert not window.is_whole


@given(cursor=st.none() | DATES, reread_days=st.integers(0, 1000), moment=MOMENTS)
def test_a_window_never_ends_before_it_begins(
    cursor: dt.date | None, reread_days: int, moment: dt.datetime
) -> None:
    window = window_to_ask(cursor, reread_days, moment.replace(tzinfo=dt.UTC))
    assert window.first <= window.last
    assert cursor is None or window.first <= cursor
