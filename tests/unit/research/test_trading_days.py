"""Which days an export's calendar has: sessions, and days on which many assets traded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from data_nexus.domain.bars import days
from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.research.exports.trading_days import calendar_days, traded_days

# New York was shut on Monday, 2024-01-15; 13 and 14 are a weekend.
FRIDAY, SATURDAY, HOLIDAY = date(2024, 1, 12), date(2024, 1, 13), date(2024, 1, 15)
TUESDAY, WEDNESDAY = date(2024, 1, 16), date(2024, 1, 17)
USUAL = (FRIDAY, TUESDAY, WEDNESDAY)


def found(exchange: str, *histories: Sequence[date]) -> list[date]:
    """The days of the calendar of assets with bars on these dates."""
    held = [np.array([days(day) for day in each], np.int32) for each in histories]
    sessions = sessions_of(exchange, WEDNESDAY)
    return [day_date(day) for day in calendar_days(sessions, traded_days(held)).tolist()]


def test_a_stray_bar_on_a_holiday_is_no_day_of_the_calendar() -> None:
    stray = (FRIDAY, HOLIDAY, TUESDAY, WEDNESDAY)
    assert found("US", USUAL, USUAL, stray) == [*USUAL]
    assert found("US", USUAL, stray) == [*USUAL]


def test_a_day_on_which_more_than_half_traded_is_one_whatever_the_calendar_says() -> None:
    more = (FRIDAY, SATURDAY, TUESDAY, WEDNESDAY)
    assert found("US", USUAL, more, more) == [*more]
    assert found("US", more) == [*more]


def test_assets_that_came_later_or_have_left_do_not_count() -> None:
    more = (FRIDAY, SATURDAY, TUESDAY)
    left, later = [(FRIDAY,)] * 3, [(TUESDAY, WEDNESDAY)] * 3
    assert SATURDAY in found("US", more, more, *left, *later)


def test_a_session_without_any_bar_is_a_day_of_it() -> None:
    assert found("US", (FRIDAY, WEDNESDAY)) == [*USUAL]


def test_where_holidays_are_not_known_any_weekday_with_a_bar_counts() -> None:
    stray = (FRIDAY, SATURDAY, HOLIDAY, WEDNESDAY)
    assert found("COMM", USUAL, USUAL, stray) == [FRIDAY, HOLIDAY, TUESDAY, WEDNESDAY]


def test_before_the_first_known_session_every_day_with_a_bar_counts() -> None:
    early = (date(1930, 1, 4), date(1930, 1, 6))
    assert found("US", early, early[1:]) == [*early]


def test_without_bars_there_are_no_days() -> None:
    assert found("US") == found("US", ()) == []
