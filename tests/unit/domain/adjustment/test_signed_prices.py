"""Closes of zero and below, of yields and commodities, are no prices that an action scales."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment.factors import (
    DIVIDEND_IS_OF_PRICES,
    SPLIT_IS_OF_PRICES,
    Finding,
    disagreements,
    factors,
)
from data_nexus.domain.bars import Bars, days

SESSIONS = [dt.date(2023, 1, 2) + dt.timedelta(n) for n in (0, 1, 2, 3, 4, 7, 8)]
DATES = np.array([days(day) for day in SESSIONS], np.int32)
YIELD = np.array([0.5, 0.4, -0.1, 0.0, 0.2, 0.3, 0.4])


def paid(day: dt.date) -> Dividend:
    return Dividend(date=day, value=0.1, unadjusted_value=0.1)


def test_a_history_below_zero_without_actions_is_not_scaled() -> None:
    found = factors(DATES, YIELD, [], [])
    assert found.total.tolist() == found.splits.tolist() == [1] * 7
    assert found.findings == ()


def test_an_action_after_a_close_of_zero_or_below_is_a_finding_and_one_before_is_applied() -> None:
    splits = [Split(SESSIONS[1], 2, 1), Split(SESSIONS[3], 4, 1)]
    found = factors(DATES, YIELD, splits, [paid(SESSIONS[2]), paid(SESSIONS[4])])
    assert found.splits.tolist() == [0.5] + [1] * 6
    assert found.total.tolist() == pytest.approx([0.375, 0.75] + [1] * 5)
    detail = f"-0.1 on {SESSIONS[2]}"
    assert found.findings == (
        Finding(SESSIONS[3], SPLIT_IS_OF_PRICES, detail),
        Finding(SESSIONS[4], DIVIDEND_IS_OF_PRICES, detail),
    )


def test_adjusted_closes_below_zero_agree_if_they_are_the_closes() -> None:
    oil = 100 * YIELD
    bars = Bars(DATES, oil, oil, oil, oil, oil, np.zeros(7))
    nothing = factors(DATES, oil, [], [])
    assert disagreements(bars, nothing) == ()
    # A price of zero has the same adjusted close either way.
    found = disagreements(replace(bars, adjusted_close=-oil), nothing)
    assert [(each.first, each.bars, each.worst) for each in found] == [
        (SESSIONS[0], 3, -2),
        (SESSIONS[4], 3, -2),
    ]
