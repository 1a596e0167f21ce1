"""A whole history is judged by the stored actions: explained, to be fetched, or a finding."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment.factors import DIVIDEND_IS_IN_CURRENCY, SPLIT_IS_USABLE
from data_nexus.domain.adjustment.findings import (
    ADJUSTED_CLOSE_IS_EXPLAINED,
    FINDING_RULES,
    NOTHING_KNOWN,
    AssetFinding,
    KnownActions,
    Verdict,
    findings_of,
    verdict,
)
from data_nexus.domain.bars import Bars, Floats, days

DAYS = [dt.date(2023, 1, 2) + dt.timedelta(n) for n in range(10)]
CLOSE = np.linspace(100.0, 109.0, 10)
FLAT = np.ones(10)
SPLIT = Split(DAYS[4], 2.0, 1.0)
PAID = Dividend(date=DAYS[7], value=1.07, unadjusted_value=1.06, currency="USD")
BY_SPLIT = np.where(np.arange(10) < 4, 0.5, 1.0)
UNEXPLAINED = AssetFinding(
    rule=ADJUSTED_CLOSE_IS_EXPLAINED,
    first=DAYS[0],
    last=DAYS[3],
    count=4,
    worst=-0.5,
    detail="adjusted closes differ by up to -50 %",
)


def bars_by(factors: Floats) -> Bars:
    """Ten bars whose adjusted closes are the closes by these factors."""
    adjusted = np.round(CLOSE * factors, 4)
    return Bars(
        np.array([*map(days, DAYS)], np.int32), CLOSE, CLOSE, CLOSE, CLOSE, adjusted, FLAT * 1000
    )


def test_bars_that_were_never_adjusted_want_nothing() -> None:
    assert verdict(bars_by(FLAT), NOTHING_KNOWN) == Verdict(wants_actions=False)


def test_yields_below_zero_that_were_never_adjusted_want_nothing() -> None:
    close = np.linspace(0.5, -0.4, 10)
    bars = replace(bars_by(FLAT), close=close, adjusted_close=close)
    assert verdict(bars, NOTHING_KNOWN) == Verdict(wants_actions=False)
    odd = replace(bars, adjusted_close=-close)
    assert verdict(odd, NOTHING_KNOWN) == Verdict(wants_actions=True)


def test_bars_that_no_stored_action_explains_want_actions() -> None:
    assert verdict(bars_by(BY_SPLIT), NOTHING_KNOWN) == Verdict(wants_actions=True)


def test_an_action_that_the_vendor_does_not_adjust_for_is_asked_about_as_well() -> None:
    assert verdict(bars_by(FLAT), KnownActions(splits=(SPLIT,))) == Verdict(wants_actions=True)


def test_bars_that_the_stored_actions_explain_want_nothing() -> None:
    total = BY_SPLIT * np.where(np.arange(10) < 7, 0.99, 1.0)
    known = KnownActions(splits=(SPLIT,), dividends=(PAID,), currency="USD")
    assert verdict(bars_by(total), known) == Verdict(wants_actions=False)
    assert verdict(bars_by(total), replace(known, splits=())) == Verdict(wants_actions=True)


def test_a_finding_sums_up_what_disagrees() -> None:
    assert findings_of(bars_by(BY_SPLIT), NOTHING_KNOWN) == (UNEXPLAINED,)


def test_actions_that_are_left_out_are_findings_one_a_rule() -> None:
    pounds = [replace(PAID, date=day, currency="GBP") for day in (DAYS[8], DAYS[2], DAYS[5])]
    known = KnownActions(splits=(Split(DAYS[6], 1.0, 1e12),), dividends=(*pounds,), currency="USD")
    assert findings_of(bars_by(FLAT), known) == (
        AssetFinding(
            rule=DIVIDEND_IS_IN_CURRENCY,
            first=DAYS[2],
            last=DAYS[8],
            count=3,
            detail="GBP for bars in USD on 2023-01-10",
        ),
        AssetFinding(
            rule=SPLIT_IS_USABLE,
            first=DAYS[6],
            last=DAYS[6],
            count=1,
            detail="1 for 1e+12 on 2023-01-08",
        ),
    )
    assert verdict(bars_by(FLAT), known).wants_actions is False


def test_what_was_asked_for_in_vain_is_not_asked_for_again_while_nothing_changes() -> None:
    known = KnownActions(unexplained=replace(UNEXPLAINED, detail="said otherwise"))
    assert verdict(bars_by(BY_SPLIT), known) == Verdict(None, (UNEXPLAINED,))


@pytest.mark.parametrize(("is_recent", "wants"), [(True, None), (False, True)])
def test_when_it_has_changed_it_is_asked_for_again_after_some_time(
    *, is_recent: bool, wants: bool | None
) -> None:
    known = KnownActions(unexplained=replace(UNEXPLAINED, worst=-0.4), is_recent=is_recent)
    assert verdict(bars_by(BY_SPLIT), known).wants_actions is wants


def test_what_lies_behind_all_that_was_unexplained_is_asked_for_at_once() -> None:
    known = KnownActions(unexplained=UNEXPLAINED, is_recent=True)
    paid_out = np.where(np.arange(10) < 8, 0.99, 1.0)
    assert verdict(bars_by(BY_SPLIT * paid_out), known) == Verdict(wants_actions=True)


def test_bars_that_disagree_up_to_the_last_one_are_no_new_action() -> None:
    """Each new bar would seem to be one: the vendor's closes are on another basis altogether."""
    known = KnownActions(unexplained=UNEXPLAINED, is_recent=True)
    assert verdict(bars_by(FLAT / 100), known).wants_actions is None


def test_the_next_ex_date_counts_before_its_bar_if_the_vendor_counts_it() -> None:
    tomorrow = Split(DAYS[9] + dt.timedelta(1), 3.0, 1.0)
    later = Split(DAYS[9] + dt.timedelta(9), 7.0, 1.0)
    known = KnownActions(splits=(SPLIT, tomorrow, later))
    assert findings_of(bars_by(BY_SPLIT / 3), known) == ()
    assert findings_of(bars_by(BY_SPLIT), known) == ()
    (found,) = findings_of(bars_by(BY_SPLIT / 21), known)
    assert (found.first, found.last, found.count) == (DAYS[0], DAYS[9], 10)


def test_no_bars_are_no_finding() -> None:
    nothing = bars_by(FLAT).take(np.zeros(10, np.bool_))
    assert findings_of(nothing, KnownActions(splits=(SPLIT,), dividends=(PAID,))) == ()


RATIO = st.floats(1e-9, 1e9, allow_nan=False)
DAY = st.dates(DAYS[0] - dt.timedelta(3), DAYS[9] + dt.timedelta(3))
AMOUNT = st.floats(0, 1e308, allow_nan=False)


@given(
    splits=st.lists(st.builds(Split, DAY, RATIO, RATIO), max_size=80),
    dividends=st.lists(
        st.builds(
            Dividend,
            date=DAY,
            value=AMOUNT,
            unadjusted_value=st.none() | AMOUNT,
            currency=st.sampled_from([None, "USD", "GBX"]),
        ),
        max_size=5,
    ),
)
def test_whatever_the_vendor_sends_the_findings_can_be_stored(
    splits: list[Split], dividends: list[Dividend]
) -> None:
    known = KnownActions(splits=(*splits,), dividends=(*dividends,), currency="GBP")
    found = findings_of(bars_by(BY_SPLIT), known)
    assert len({each.rule for each in found}) == len(found)
    for each in found:
        assert each.rule in FINDING_RULES
        assert each.first <= each.last
        assert each.count > 0
        assert each.worst is None or abs(each.worst) < np.inf
        assert len(each.detail) < 80


@pytest.mark.parametrize("ratio", [(9e8, 1.0), (1.0, 9e8)])
def test_factors_beyond_all_numbers_explain_nothing(ratio: tuple[float, float]) -> None:
    many = tuple(Split(DAYS[5], *ratio) for _ in range(60))
    reported = Dividend(date=DAYS[2], value=1.0)
    found = findings_of(bars_by(FLAT), KnownActions(splits=many, dividends=(reported,)))
    assert found[0].rule == ADJUSTED_CLOSE_IS_EXPLAINED
    assert found[0].count == 5
    assert found[0].worst in (None, -1.0)
