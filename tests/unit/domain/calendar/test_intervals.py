"""Weeks, months and runs of sessions: where each begins, by hand and as pandas has it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from data_nexus.domain.bars import days
from data_nexus.domain.calendar.intervals import Interval, parse_interval
from data_nexus.errors import UsageError


@pytest.mark.parametrize(
    ("text", "count", "unit"),
    [("1d", 1, "d"), ("5D", 5, "d"), (" 1w ", 1, "w"), ("2w", 2, "w"), ("12mo", 12, "mo")],
)
def test_an_interval_is_a_number_and_a_unit(text: str, count: int, unit: str) -> None:
    assert parse_interval(text) == Interval(count, unit)


@pytest.mark.parametrize("text", ["", "0d", "d", "1", "1m", "-1w", "1.5d", "1y", "10000d", "1d 1d"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"not an interval: .*write it like"):
        parse_interval(text)


@pytest.mark.parametrize(
    ("text", "day", "begin"),
    [
        ("1d", date(2024, 2, 29), date(2024, 2, 29)),
        ("5d", date(2024, 2, 29), None),
        ("1w", date(2024, 2, 25), date(2024, 2, 19)),
        ("1w", date(2024, 2, 26), date(2024, 2, 26)),
        ("1w", date(1969, 12, 31), date(1969, 12, 29)),
        ("1mo", date(2024, 2, 29), date(2024, 2, 1)),
        ("3mo", date(2024, 12, 31), date(2024, 10, 1)),
        ("12mo", date(1962, 5, 7), date(1962, 1, 1)),
    ],
)
def test_an_interval_begins_on_monday_or_on_the_first(
    text: str, day: date, begin: date | None
) -> None:
    assert parse_interval(text).begin(day) == begin
    assert parse_interval(text).begin(None) is None


@pytest.mark.parametrize(
    ("text", "rule"), [("1w", "W-SUN"), ("1mo", "M"), ("3mo", "Q-DEC"), ("12mo", "Y-DEC")]
)
def test_sessions_are_grouped_as_pandas_groups_them(text: str, rule: str) -> None:
    sessions = pd.bdate_range("1968-11-06", "1972-03-15")[::2]
    dates = np.array([days(day.date()) for day in sessions], np.int32)
    periods = sessions.to_period(rule)
    expected = [at for at in range(len(periods)) if at == 0 or periods[at] != periods[at - 1]]
    assert parse_interval(text).begins(dates).tolist() == expected


def test_sessions_are_counted_whatever_days_lie_between() -> None:
    dates = np.array([0, 1, 9, 10, 300, 301, 302], np.int32)
    assert parse_interval("3d").begins(dates).tolist() == [0, 3, 6]
    assert parse_interval("3d").begins(dates[:0]).tolist() == []
