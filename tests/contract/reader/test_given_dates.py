"""Dates of any type are read as the days that they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

import data_nexus as nexus
from data_nexus.errors import UsageError
from tests.support.files.exports import Bar, Share, put

FIRST = date(2024, 1, 2)


def bars(closes: list[float]) -> dict[date, Bar]:
    """Bars of consecutive days whose prices are equal."""
    days = (FIRST + timedelta(n) for n in range(len(closes)))
    return {
        day: (close, close, close, close, close, 1000.0)
        for day, close in zip(days, closes, strict=True)
    }


@pytest.fixture
def db(database_url: str) -> Iterator[nexus.Nexus]:
    with nexus.connect(database_url) as opened:
        yield opened


def test_dates_of_any_type_and_a_frame_by_date(database_url: str, db: nexus.Nexus) -> None:
    put(database_url, Share("A", bars([1, 2, 3, 4])))
    expected = db.bars("A.US", "2024-01-03", "2024-01-04")
    assert len(expected) == 2
    pairs = [
        (date(2024, 1, 3), pd.Timestamp("2024-01-04 15:30")),
        (pd.Timestamp("2024-01-03", tz="UTC"), np.datetime64("2024-01-04")),
        (expected["date"][0], datetime(2024, 1, 4, 12, tzinfo=UTC)),
    ]
    for start, end in pairs:
        assert db.bars("A.US", start, end).equals(expected)
        assert len(db.calendar("US", start, end)) == 2
    later = pd.Timestamp.now() + pd.Timedelta(days=1)
    for moment in (later, later.to_datetime64(), later.date()):
        assert db.bars("A.US", "2024-01-03", "2024-01-04", as_of=moment).equals(expected)
    odd: list[Any] = [pd.NaT, 20240103]
    for given in odd:
        with pytest.raises(UsageError, match="not a date"):
            db.bars("A.US", given)
        with pytest.raises(UsageError, match="not a moment"):
            db.bars("A.US", as_of=given)
    assert nexus.to_frame(expected).loc["2024-01-03":, "close"].to_list() == [2, 3]
