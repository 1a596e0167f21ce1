"""Bars of weeks, months and several sessions, by hand from those of sessions."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from data_nexus.errors import UsageError
from data_nexus.research.views import View, view_bars
from tests.support.postgres.stored import actions_of, split, stored_bars

MONDAY = date(2023, 1, 2)
# Two weeks: Monday to Friday, no second Monday, Tuesday to Friday.
SESSIONS = [MONDAY + timedelta(n) for n in (0, 1, 2, 3, 4, 8, 9, 10, 11)]
CLOSES = [100.0, 110.0, 150.0, 130.0, 140.0, 90.0, 160.0, 170.0, 180.0]
STORED = stored_bars({name: dict(zip(SESSIONS, CLOSES, strict=True)) for name in ("A.US", "B.US")})
FIRST_WEEK = ("2023-01-06", 99.0, 152.0, 99.0, 140.0, 5000.0)
SECOND_WEEK = ("2023-01-13", 89.0, 182.0, 89.0, 180.0, 4000.0)


def seen(table: pa.Table, ticker: str = "A.US") -> list[tuple[Any, ...]]:
    """Date, open, high, low, close and volume of an asset's bars."""
    names = ("open", "high", "low", "close", "volume")
    rows = [row for row in table.to_pylist() if row["ticker"] == ticker]
    return [(str(row["date"]), *(row[name] for name in names)) for row in rows]


def viewed(*actions: dict[str, Any], **view: Any) -> pa.Table:  # noqa: ANN401
    return view_bars(STORED, actions_of(*actions), View(**view))


@pytest.mark.parametrize("ticker", ["A.US", "B.US"])
def test_a_week_is_open_of_the_first_close_of_the_last_and_the_extremes(ticker: str) -> None:
    assert seen(viewed(interval="1w"), ticker) == [FIRST_WEEK, SECOND_WEEK]


def test_a_month_and_runs_of_sessions_are_made_alike() -> None:
    month = ("2023-01-13", 99.0, 182.0, 89.0, 180.0, 9000.0)
    assert seen(viewed(interval="1mo")) == [month]
    fours = [row[0] for row in seen(viewed(interval="4d"))]
    assert fours == ["2023-01-05", "2023-01-12", "2023-01-13"]


def test_the_first_interval_is_whole_and_the_last_one_ends_with_the_window() -> None:
    assert seen(viewed(interval="1w", first=SESSIONS[2])) == [FIRST_WEEK, SECOND_WEEK]
    # After its last session a week is over.
    assert seen(viewed(interval="1w", first=date(2023, 1, 7))) == [SECOND_WEEK]
    cut = seen(viewed(interval="1w", last=SESSIONS[6]))
    assert cut == [FIRST_WEEK, ("2023-01-11", 89.0, 162.0, 89.0, 160.0, 2000.0)]
    # Runs are counted from the first bar of the history, wherever the window begins.
    fours = seen(viewed(interval="4d", first=SESSIONS[5]))
    assert fours == seen(viewed(interval="4d"))[1:]


def test_sessions_are_adjusted_before_they_become_one_bar() -> None:
    """Two for one on the Wednesday of the first week."""
    table = viewed(split(SESSIONS[2], 2, 1), interval="1w", adjust="splits")
    assert seen(table)[0] == ("2023-01-06", 49.5, 152.0, 49.5, 140.0, pytest.approx(5000.0))


def test_columns_and_layout_are_those_of_daily_bars() -> None:
    wide = viewed(interval="1w", layout="wide", columns=["close"])
    assert wide.to_pydict() == {
        "date": [date(2023, 1, 6), date(2023, 1, 13)],
        "A.US": [140.0, 180.0],
        "B.US": [140.0, 180.0],
    }
    none = view_bars(STORED.slice(0, 0), actions_of(), View(interval="1w"))
    assert (len(none), none.column_names) == (0, viewed().column_names)


def test_an_unknown_interval_is_refused() -> None:
    with pytest.raises(UsageError, match="not an interval: '1y'"):
        View(interval="1y")
