"""A moment is read as people write it, in UTC unless it says otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data_nexus.domain.dates import aware, given_day, given_moment, parse_day, parse_moment
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


TOKYO = timezone(timedelta(hours=9))
# The same day in every type that a program may have it in.
DAYS = {
    "a text": "2026-11-01",
    "a text with a time": "2026-11-01T00:00",
    "date": date(2026, 11, 1),
    "datetime": datetime(2026, 11, 1),  # noqa: DTZ001 - as programs have it
    "datetime with a time": NOON.replace(tzinfo=None),
    "aware datetime": datetime(2026, 11, 1, 1, tzinfo=TOKYO),
    "Timestamp": pd.Timestamp("2026-11-01"),
    "Timestamp with a zone": pd.Timestamp("2026-11-01", tz="America/New_York"),
    "datetime64[D]": np.datetime64("2026-11-01"),
    "datetime64[ns]": np.datetime64("2026-11-01T13:00", "ns"),
    "date32": pa.array([date(2026, 11, 1)])[0],
    "timestamp": pa.scalar(NOON.replace(tzinfo=None), pa.timestamp("us")),
}
NO_DATES = [
    pd.NaT,
    np.datetime64("NaT"),
    pa.scalar(None, pa.date32()),
    20261101,
    1.5,
    b"2026-11-01",
]


@pytest.mark.parametrize("value", DAYS.values(), ids=DAYS.keys())
def test_a_day_is_read_from_any_type_of_date(value: Any) -> None:  # noqa: ANN401
    day = given_day(value)
    assert (day, type(day)) == (date(2026, 11, 1), date)


@pytest.mark.parametrize("value", NO_DATES, ids=repr)
def test_what_is_no_date_is_refused_with_an_example(value: Any) -> None:  # noqa: ANN401
    with pytest.raises(UsageError, match=r"not a date: .*; write it like 2019-06-28"):
        given_day(value)
    with pytest.raises(UsageError, match=r"not a moment: .*; write 2026-11-01T12:00, in UTC"):
        given_moment(value)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-01T12:00",
        NOON,
        NOON.astimezone(TOKYO),
        NOON.replace(tzinfo=None),
        pd.Timestamp("2026-11-01 12:00"),
        pd.Timestamp(NOON.astimezone(TOKYO)),
        np.datetime64("2026-11-01T12:00"),
        pa.scalar(NOON, pa.timestamp("us", "UTC")),
    ],
    ids=repr,
)
def test_a_moment_is_read_from_any_type_of_moment(value: Any) -> None:  # noqa: ANN401
    moment = given_moment(value)
    assert (moment, type(moment), moment.tzinfo) == (NOON, datetime, UTC)


def test_a_date_alone_is_its_first_instant() -> None:
    assert given_moment(date(2026, 11, 1)) == NOON.replace(hour=0)
    assert given_moment(np.datetime64("2026-11-01")) == NOON.replace(hour=0)


TODAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", TODAY),
        ("Yesterday", date(2026, 11, 29)),
        ("7d", date(2026, 11, 23)),
        ("2w", date(2026, 11, 16)),
        ("1m", date(2026, 10, 31)),
        ("2y", date(2024, 11, 30)),
        (" 2026-01-31 ", date(2026, 1, 31)),
    ],
)
def test_a_day_may_be_written_as_people_say_it(text: str, day: date) -> None:
    assert parse_day(text, TODAY) == day


@pytest.mark.parametrize(
    "text", ["tomorrow", "-7d", "7", "999999d", "0001-01-01", "9999-12-31", "2026-02-30", ""]
)
def test_a_day_that_no_market_has_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(UsageError, match=r"not a date.*write"):
        parse_day(text, TODAY)


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", "1699-12-31"])
def test_a_moment_that_no_market_has_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a date of a market"):
        parse_moment(text)
    with pytest.raises(UsageError, match="not a date of a market"):
        given_day(text)
