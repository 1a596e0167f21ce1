"""Raw bars and actions give factors; what cannot be applied is reported, and nothing crashes."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment.factors import (
    DIVIDEND_IS_BELOW_PRICE,
    DIVIDEND_IS_IN_CURRENCY,
    SPLIT_IS_USABLE,
    Disagreement,
    Factors,
    Finding,
    VolumeBasis,
    disagreements,
    factors,
    volume_basis,
)
from data_nexus.domain.bars import Bars, Floats, days

MONDAY = dt.date(2023, 1, 2)
# Monday to Friday, then Monday and Tuesday: two days without a bar between the fifth and sixth.
SESSIONS = [MONDAY + dt.timedelta(n) for n in (0, 1, 2, 3, 4, 7, 8)]
DATES = np.array([days(day) for day in SESSIONS], np.int32)
CLOSE = np.array([100.0, 110.0, 120.0, 130.0, 140.0, 150.0, 160.0])
SATURDAY, SECOND_MONDAY = MONDAY + dt.timedelta(5), SESSIONS[5]
FOR_ONE = Split(SESSIONS[3], 4.0, 1.0)


def cash(day: dt.date, amount: float, **facts: object) -> Dividend:
    """A dividend as paid, with some facts replaced."""
    paid = Dividend(date=day, value=amount, unadjusted_value=amount)
    return replace(paid, **facts)  # type: ignore[arg-type]


def computed(*actions: Split | Dividend, **facts: object) -> Factors:
    """The factors of the seven bars."""
    splits = [action for action in actions if isinstance(action, Split)]
    dividends = [action for action in actions if isinstance(action, Dividend)]
    return factors(DATES, CLOSE, splits, dividends, **facts)  # type: ignore[arg-type]


def bars_with(adjusted_close: Floats, volume: Floats | None = None) -> Bars:
    """The seven bars, with an open, high and low of their own."""
    shares = np.full(7, 1000.0) if volume is None else volume
    return Bars(DATES, CLOSE - 1, CLOSE + 2, CLOSE - 3, CLOSE, adjusted_close, shares)


# Hand-made: the ex-date, the steps of bars before and after it.
SPLITS = {
    "four for one": ([FOR_ONE], [0.25] * 3 + [1] * 4),
    "one for ten": ([Split(SESSIONS[6], 1, 10)], [10] * 6 + [1]),
    "1398 for 1000": ([Split(SESSIONS[1], 1398, 1000)], [1000 / 1398] + [1] * 6),
    "two splits": ([FOR_ONE, Split(SESSIONS[5], 2, 1)], [0.125] * 3 + [0.5] * 2 + [1] * 2),
    "two on one day": ([FOR_ONE, Split(FOR_ONE.date, 3, 1)], [1 / 12] * 3 + [1] * 4),
    "on a day without a bar": ([Split(SATURDAY, 2, 1)], [0.5] * 5 + [1] * 2),
    "on the first bar's day": ([Split(MONDAY, 2, 1)], [1] * 7),
    "before the first bar": ([Split(dt.date(1999, 1, 4), 2, 1)], [1] * 7),
    "after the last bar": ([Split(dt.date(2023, 1, 11), 2, 1)], [1] * 7),
    "none": ([], [1] * 7),
}
DIVIDENDS = {
    "one": ([cash(SESSIONS[2], 11)], [0.9] * 2 + [1] * 5),
    "two": (
        [cash(SESSIONS[2], 11), cash(SESSIONS[4], 13)],
        [0.9 * 0.9] * 2 + [0.9] * 2 + [1] * 3,
    ),
    "regular and special": ([cash(SESSIONS[2], 1), cash(SESSIONS[2], 10)], [0.9] * 2 + [1] * 5),
    "out of one close": ([cash(SATURDAY, 4), cash(SECOND_MONDAY, 10)], [0.9] * 5 + [1] * 2),
    "on a day without a bar": ([cash(SATURDAY, 14)], [0.9] * 5 + [1] * 2),
    "on the first bar's day": ([cash(MONDAY, 11)], [1] * 7),
    "before the first bar, above its price": ([cash(dt.date(1999, 1, 4), 900)], [1] * 7),
    "after the last bar": ([cash(dt.date(2023, 1, 11), 16)], [1] * 7),
}


@pytest.mark.parametrize(("splits", "expected"), SPLITS.values(), ids=SPLITS)
def test_a_split_scales_the_prices_before_its_ex_date(
    splits: list[Split], expected: list[float]
) -> None:
    found = computed(*splits)
    assert found.splits.tolist() == pytest.approx(expected, rel=1e-15)
    assert found.total.tolist() == found.splits.tolist()
    assert found.findings == ()


@pytest.mark.parametrize(("dividends", "expected"), DIVIDENDS.values(), ids=DIVIDENDS)
def test_a_dividend_takes_its_share_of_the_close_before_its_ex_date(
    dividends: list[Dividend], expected: list[float]
) -> None:
    found = computed(*dividends)
    assert found.total.tolist() == pytest.approx(expected, rel=1e-15)
    assert found.splits.tolist() == [1.0] * 7
    assert found.findings == ()


def test_splits_and_dividends_multiply() -> None:
    found = computed(FOR_ONE, cash(SESSIONS[2], 11))
    assert found.total.tolist() == pytest.approx([0.225] * 2 + [0.25] + [1] * 4, rel=1e-15)


def test_an_action_after_the_last_bar_counts_when_it_is_asked_for() -> None:
    late = dt.date(2023, 1, 11)
    found = computed(Split(late, 2, 1), cash(late, 16), through=late)
    assert found.total.tolist() == pytest.approx([0.45] * 7, rel=1e-15)


def test_an_action_that_was_not_yet_known_does_not_count() -> None:
    found = computed(FOR_ONE, Split(SESSIONS[5], 2, 1), through=SESSIONS[4])
    assert found.splits.tolist() == [0.25] * 3 + [1.0] * 4


@pytest.mark.parametrize("unadjusted", [None, 0.0])
def test_an_amount_that_is_only_known_adjusted_is_undone_by_later_splits(
    unadjusted: float | None,
) -> None:
    later = [Split(SESSIONS[3], 4, 1), Split(SESSIONS[5], 1, 2)]
    earlier = Split(SESSIONS[1], 3, 1)
    reported = cash(SESSIONS[2], 11 / 2, unadjusted_value=unadjusted)
    assert computed(*later, earlier, reported).total.tolist() == pytest.approx(
        computed(*later, earlier, cash(SESSIONS[2], 11)).total.tolist(), rel=1e-15
    )


def test_a_split_on_its_own_ex_date_is_in_an_amount_already() -> None:
    """Who holds the new shares on that day is paid for each of them."""
    reported = cash(FOR_ONE.date, 11, unadjusted_value=None)
    expected = computed(FOR_ONE, cash(FOR_ONE.date, 11)).total.tolist()
    assert computed(FOR_ONE, reported).total.tolist() == pytest.approx(expected, rel=1e-15)


BAD_SPLITS = [(0, 1), (1, 0), (0, 0), (-1, 2), (nan, 1), (1, nan), (inf, 1), (1, inf), (1, 1e-300)]


@pytest.mark.parametrize(("numerator", "denominator"), BAD_SPLITS)
def test_a_split_that_is_no_ratio_is_a_finding(numerator: float, denominator: float) -> None:
    bad = Split(SESSIONS[2], numerator, denominator)
    found = computed(bad, FOR_ONE, cash(SESSIONS[1], 10, unadjusted_value=None, value=2.5))
    assert found.splits.tolist() == [0.25] * 3 + [1.0] * 4
    assert found.total[0] == pytest.approx(0.25 * 0.9)
    assert found.findings == (
        Finding(bad.date, SPLIT_IS_USABLE, f"{numerator:g} for {denominator:g}"),
    )


@pytest.mark.parametrize("amount", [110.0, 110.5, 1e9, nan, inf])
def test_a_dividend_not_below_the_price_is_a_finding(amount: float) -> None:
    found = computed(cash(SESSIONS[2], amount), cash(SESSIONS[1], 10))
    assert found.total.tolist() == pytest.approx([0.9] + [1] * 6)
    assert found.findings == (
        Finding(SESSIONS[2], DIVIDEND_IS_BELOW_PRICE, f"{amount:g} against 110"),
    )


@pytest.mark.parametrize(
    ("paid_in", "quoted_in", "amount"),
    [
        *[("GBP", "GBX", 0.11), ("GBX", "GBP", 1100.0), ("ZAR", "ZAC", 0.11)],
        *[(None, "EUR", 11.0), ("EUR", "", 11.0), ("EUR", "EUR", 11.0)],
    ],
)
def test_a_dividend_in_pence_or_pounds_is_the_same_dividend(
    paid_in: str | None, quoted_in: str, amount: float
) -> None:
    found = computed(cash(SESSIONS[2], amount, currency=paid_in), currency=quoted_in)
    assert found.total[0] == pytest.approx(0.9)
    assert found.findings == ()


@pytest.mark.parametrize(("paid_in", "quoted_in"), [("USD", "AUD"), ("USD", "GBX"), ("GBX", "EUR")])
def test_a_dividend_in_another_currency_is_a_finding(paid_in: str, quoted_in: str) -> None:
    found = computed(cash(SESSIONS[2], 11, currency=paid_in), currency=quoted_in)
    assert found.total.tolist() == [1.0] * 7
    assert found.findings == (
        Finding(SESSIONS[2], DIVIDEND_IS_IN_CURRENCY, f"{paid_in} for bars in {quoted_in}"),
    )


def test_no_bars_have_no_factors() -> None:
    none = np.empty(0)
    found = factors(np.empty(0, np.int32), none, [FOR_ONE], [cash(MONDAY, 1)])
    assert (len(found.splits), len(found.total), found.findings) == (0, 0, ())


CENTS = st.integers(1, 9_999).map(lambda cents: cents / 100)
DAYS = st.integers(-5, 15).map(lambda n: MONDAY + dt.timedelta(n))
RATIOS = st.tuples(st.integers(1, 2000), st.integers(1, 2000))
MANY_SPLITS = st.lists(st.builds(lambda day, r: Split(day, *r), DAYS, RATIOS), max_size=6)
MANY_DIVIDENDS = st.lists(st.builds(cash, DAYS, CENTS), max_size=6)


@given(day=DAYS, ratio=RATIOS)
def test_a_split_and_its_inverse_cancel_each_other(day: dt.date, ratio: tuple[int, int]) -> None:
    found = computed(Split(day, *ratio), Split(day, *reversed(ratio)))
    assert found.splits.tolist() == pytest.approx([1] * 7, rel=1e-15)


@given(splits=MANY_SPLITS, dividends=MANY_DIVIDENDS)
def test_factors_are_1_from_the_last_action_on(
    splits: list[Split], dividends: list[Dividend]
) -> None:
    found = computed(*splits, *dividends)
    reported = [split.date for split in splits] + [dividend.date for dividend in dividends]
    last = max((day for day in reported if day <= SESSIONS[-1]), default=MONDAY)
    later = [factor for day, factor in zip(SESSIONS, found.total, strict=True) if day >= last]
    assert later == [1.0] * len(later)
    assert found.total[-1] == 1.0


@given(splits=MANY_SPLITS, dividends=MANY_DIVIDENDS)
def test_dividends_only_ever_lower_a_price_and_never_to_nothing(
    splits: list[Split], dividends: list[Dividend]
) -> None:
    found = computed(*splits, *dividends)
    assert (found.total <= found.splits).all()
    assert (found.total > 0).all()


@given(splits=MANY_SPLITS, dividends=MANY_DIVIDENDS)
def test_the_order_in_which_actions_are_reported_does_not_matter(
    splits: list[Split], dividends: list[Dividend]
) -> None:
    one, other = computed(*splits, *dividends), computed(*splits[::-1], *dividends[::-1])
    assert one.total.tolist() == pytest.approx(other.total.tolist(), rel=1e-12)


@given(splits=MANY_SPLITS, dividends=MANY_DIVIDENDS)
def test_an_adjusted_close_made_of_the_same_factors_agrees(
    splits: list[Split], dividends: list[Dividend]
) -> None:
    found = computed(*splits, *dividends)
    assert disagreements(bars_with(np.round(CLOSE * found.total, 4)), found) == ()


@given(dividends=MANY_DIVIDENDS)
def test_returns_of_the_total_view_are_those_of_an_owner_who_reinvests(
    dividends: list[Dividend],
) -> None:
    prices = CLOSE * computed(*dividends).total
    for at in range(1, 7):
        paid = sum(each.value for each in dividends if SESSIONS[at - 1] < each.date <= SESSIONS[at])
        if paid < CLOSE[at - 1]:
            expected = CLOSE[at] / (CLOSE[at - 1] - paid)
            assert prices[at] / prices[at - 1] == pytest.approx(expected, rel=1e-12)


def test_bars_that_disagree_in_a_row_are_one_disagreement() -> None:
    found = computed(FOR_ONE)
    sent = CLOSE * found.total
    sent[[0, 1]] *= [1.001, 1.002]
    sent[4] *= 0.5
    runs = [
        replace(run, worst=round(run.worst, 9)) for run in disagreements(bars_with(sent), found)
    ]
    assert runs == [
        Disagreement(SESSIONS[0], SESSIONS[1], 2, 0.002),
        Disagreement(SESSIONS[4], SESSIONS[4], 1, -0.5),
    ]


def test_a_missing_dividend_is_found_before_its_ex_date() -> None:
    sent = CLOSE * computed(FOR_ONE, cash(SESSIONS[5], 1)).total
    (run,) = disagreements(bars_with(sent), computed(FOR_ONE))
    assert (run.first, run.last, run.bars) == (SESSIONS[0], SESSIONS[4], 5)
    assert run.worst == pytest.approx(-1 / 140)


@pytest.mark.parametrize(("off", "found"), [(0.99, 0), (1.01, 1)])
def test_the_tolerance_is_relative_with_half_a_unit_for_each_close(off: float, found: int) -> None:
    sent = CLOSE.copy()
    sent[3] += off * (0.01 * CLOSE[3] + 1e-4)
    assert len(disagreements(bars_with(sent), computed(), 0.01)) == found


def test_prices_rounded_down_to_next_to_nothing_agree() -> None:
    reverse = computed(Split(SESSIONS[6], 1, 100))
    tiny = replace(bars_with(CLOSE), close=np.full(7, 0.003))
    sent = np.array([0.298] * 6 + [0.003])
    assert disagreements(replace(tiny, adjusted_close=sent), reverse) == ()


def test_a_missing_adjusted_close_disagrees() -> None:
    sent = CLOSE.copy()
    sent[2] = nan
    (found,) = disagreements(bars_with(sent), computed())
    assert (found.first, found.last, found.bars) == (SESSIONS[2], SESSIONS[2], 1)


def traded(before: float, after: float) -> Bars:
    """Forty bars, one a day, whose volume steps after the twentieth."""
    volume = np.array([before] * 20 + [after] * 20)
    dates = np.arange(40, dtype=np.int32) + days(MONDAY)
    price = np.full(40, 10.0)
    return Bars(dates, price, price, price, price, price, volume)


TWENTIETH = MONDAY + dt.timedelta(20)
VOLUMES = {
    "steps with the shares": (4.0, 1000, 4000, VolumeBasis.AS_TRADED),
    "steps nearly so": (4.0, 1000, 3500, VolumeBasis.AS_TRADED),
    "does not step": (4.0, 1000, 1000, VolumeBasis.SPLIT_ADJUSTED),
    "falls with a reverse split": (0.05, 20_000, 1000, VolumeBasis.AS_TRADED),
    "does not fall with it": (0.05, 1000, 900, VolumeBasis.SPLIT_ADJUSTED),
    "steps by half of it": (4.0, 1000, 2000, VolumeBasis.UNKNOWN),
    "one small split": (2.0, 1000, 2000, VolumeBasis.UNKNOWN),
    "next to no split": (1.1, 1000, 1100, VolumeBasis.UNKNOWN),
    "nothing traded": (4.0, 0, 0, VolumeBasis.UNKNOWN),
    "nothing traded before": (4.0, 0, 4000, VolumeBasis.UNKNOWN),
}


@pytest.mark.parametrize(("ratio", "before", "after", "basis"), VOLUMES.values(), ids=VOLUMES)
def test_volumes_show_what_they_are_counted_in(
    ratio: float, before: float, after: float, basis: VolumeBasis
) -> None:
    assert volume_basis(traded(before, after), [Split(TWENTIETH, ratio, 1.0)]) is basis


def test_without_a_split_inside_the_bars_their_volumes_show_nothing() -> None:
    outside = [Split(dt.date(1999, 1, 4), 4, 1), Split(dt.date(2030, 1, 4), 4, 1)]
    assert volume_basis(traded(1000, 1000), outside) is VolumeBasis.UNKNOWN
