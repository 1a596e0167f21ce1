"""Bars are columns of one length that know their last date and their size."""

from __future__ import annotations

import datetime as dt

import numpy as np

from data_nexus.domain.bars import days
from tests.unit.eodhd.answers import DAY, GOOD, bars_of, record, records_of


def test_days_are_counted_from_1970() -> None:
    assert days(dt.date(1970, 1, 1)) == 0
    assert days(dt.date(1969, 12, 31)) == -1
    assert days(DAY) == 19360


def test_the_last_date_is_the_latest_and_not_the_last_row_s() -> None:
    earlier = record(date=DAY - dt.timedelta(days=1))
    assert bars_of(GOOD, earlier).last_date() == DAY
    assert bars_of().last_date() is None


def test_rows_are_chosen_by_mask_or_by_place() -> None:
    other = record(volume=1.0)
    bars = bars_of(GOOD, other)
    assert records_of(bars.take(np.array([False, True]))) == [other]
    assert records_of(bars.take(np.array([1, 0]))) == [other, GOOD]


def test_a_bar_weighs_52_bytes() -> None:
    assert (len(bars_of(GOOD, GOOD)), bars_of(GOOD, GOOD).nbytes) == (2, 104)
