"""Each rule is broken by the smallest row that can break it, and by nothing less."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from data_nexus.domain.bars import PRICES
from data_nexus.domain.validation.check import Reject, check, check_session
from data_nexus.domain.validation.price_kinds import PriceKind
from data_nexus.domain.validation.rules import BAR_RULES, ROW_RULES, Grade
from tests.unit.eodhd.answers import GOOD, UNREAD, WINDOW, Record, bars_of, record, records_of

ONE_DAY = dt.timedelta(days=1)
# For each rule the smallest answer that breaks it: every row of it, and no other rule.
BREAKERS: dict[str, tuple[Record, ...]] = {
    "row is readable JSON": (record(date=UNREAD),),
    "date is readable": (record(date=None),),
    "date is not in the future": (record(date=WINDOW.last + ONE_DAY),),
    "date lies in the window": (record(date=WINDOW.first - ONE_DAY),),
    "prices are present": (record(open=math.nan),),
    "prices are finite": (record(high=math.inf),),
    "prices are plausible": (record(high=1e300),),
    "prices are not negative": (record(low=-0.0001),),
    "close is above zero": (record(close=0.0),),
    "no price is the placeholder": (record(high=999999.9999),),
    "volume is not negative": (record(volume=-1.0),),
    "volume is finite": (record(volume=math.inf),),
    "volume is plausible": (record(volume=1.01e18),),
    "date has one bar": (GOOD, record(close=GOOD[4] + 0.01)),
    "bar comes once": (record(volume=GOOD[-1] - 1), GOOD),
    "prices are above zero": (record(low=-0.0001),),
    "open is above zero": (record(open=0.0),),
    "low is above zero": (record(low=0.0),),
    "adjusted close is above zero": (record(adjusted_close=0.0),),
    "high is highest": (record(high=264.32),),
    "low is lowest": (record(low=263.54),),
    "volume is above zero": (record(volume=0.0),),
}
REJECTING = [rule.name for rule in BAR_RULES if rule.grade is Grade.REJECT]
FLAGGING = [rule.name for rule in BAR_RULES if rule.grade is Grade.FLAG]
KINDS = {rule.name: rule.kind or PriceKind.POSITIVE for rule in BAR_RULES}
# Odd enough to be looked at twice, and yet a bar in order.
IN_ORDER = {
    "first day of the window": record(date=WINDOW.first),
    "last day of the window": record(date=WINDOW.last),
    "all prices equal": record(open=1.0, high=1.0, low=1.0, close=1.0),
    "next to the placeholder": record(high=999999.9998),
    "a fraction of a share": record(volume=0.01),
    "an adjusted close above the close": record(adjusted_close=26433.0),
    "the smallest price": record(open=1e-12, low=1e-12),
    "a price of a crypto currency": record(
        open=1.2e-9, high=1.3e-9, low=1.1e-9, close=1.2e-9, adjusted_close=1.2e-9
    ),
    "the largest volume": record(volume=1e18),
}


def test_every_rule_has_a_row_that_breaks_it() -> None:
    assert [rule.name for rule in BAR_RULES] == list(BREAKERS)


def test_a_good_row_breaks_no_rule() -> None:
    checked = check(bars_of(GOOD), WINDOW)
    assert (checked.rejects, checked.flags, checked.repeats) == ((), {}, 0)
    assert records_of(checked.kept) == [GOOD]


@pytest.mark.parametrize("name", REJECTING)
def test_a_row_that_cannot_be_a_bar_is_rejected_with_its_rule(name: str) -> None:
    checked = check(bars_of(*BREAKERS[name]), WINDOW)
    assert checked.rejects == tuple(Reject(row, name) for row in range(len(BREAKERS[name])))
    assert (len(checked.kept), checked.flags, checked.repeats) == (0, {}, 0)


@pytest.mark.parametrize("name", FLAGGING)
def test_an_odd_row_is_kept_as_sent_and_counted(name: str) -> None:
    *others, kept = BREAKERS[name]
    checked = check(bars_of(*BREAKERS[name]), WINDOW, KINDS[name])
    assert (checked.rejects, checked.flags, checked.repeats) == ((), {name: 1}, len(others))
    assert records_of(checked.kept) == [kept]


@pytest.mark.parametrize("price", PRICES)
@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (math.nan, "prices are present"),
        (math.inf, "prices are finite"),
        (-math.inf, "prices are finite"),
        (5e-324, "prices are plausible"),
        (9.9e-13, "prices are plausible"),
        (1.1e12, "prices are plausible"),
        (-0.0001, "prices are not negative"),
        (999999.9999, "no price is the placeholder"),
    ],
)
def test_a_rule_about_prices_looks_at_all_five(price: str, value: float, rule: str) -> None:
    checked = check(bars_of(record(**{price: value})), WINDOW)
    assert checked.rejects == (Reject(0, rule),)


@pytest.mark.parametrize("bar", IN_ORDER.values(), ids=IN_ORDER.keys())
def test_a_bar_at_the_edge_of_a_rule_breaks_none(bar: Record) -> None:
    checked = check(bars_of(bar), WINDOW)
    assert (checked.rejects, checked.flags) == ((), {})


@pytest.mark.parametrize(
    ("bar", "flags"),
    [
        (record(open=0.0, low=259.51), {"open is above zero"}),
        (record(high=0.0), {"high is highest", "low is lowest"}),
        (record(high=250.0, low=270.0), {"high is highest", "low is lowest"}),
        (record(open=0.0, high=264.0), {"open is above zero", "high is highest"}),
        (record(open=1.0, close=1.0, high=2.0, low=3.0), {"high is highest", "low is lowest"}),
        (record(open=3.0, close=3.0, high=1.0, low=2.0), {"high is highest", "low is lowest"}),
        (record(open=300.0), {"high is highest"}),
        (record(open=200.0), {"low is lowest"}),
    ],
)
def test_high_and_low_bracket_the_others_of_which_an_open_of_zero_is_none(
    bar: Record, flags: set[str]
) -> None:
    assert check(bars_of(bar), WINDOW).flags == dict.fromkeys(flags, 1)


@pytest.mark.parametrize(
    "bar",
    [
        record(open=17.73, high=17.85, low=-40.32, close=-37.63, adjusted_close=-37.63),
        record(open=-0.45, high=-0.43, low=-0.5, close=-0.45, adjusted_close=-0.45),
        record(open=0.001, high=0.01, low=-0.01, close=0.0, adjusted_close=0.0),
        record(open=0.0, high=0.0, low=0.0, close=0.0, adjusted_close=0.0),
    ],
    ids=["oil", "a yield", "a yield of zero", "zero all day"],
)
def test_yields_and_commodities_may_be_zero_or_negative_and_are_flagged(bar: Record) -> None:
    checked = check(bars_of(bar), WINDOW, PriceKind.SIGNED)
    assert records_of(checked.kept) == [bar]
    assert (checked.rejects, checked.flags) == ((), {"prices are above zero": 1})
    (strict,) = check(bars_of(bar), WINDOW).rejects
    assert strict.rule in ("prices are not negative", "close is above zero")


@pytest.mark.parametrize(
    ("bar", "rule"),
    [
        (record(close=-1.1e12), "prices are plausible"),
        (record(low=-math.inf), "prices are finite"),
        (record(volume=-1.0), "volume is not negative"),
        (record(high=999999.9999), "no price is the placeholder"),
    ],
)
def test_what_is_no_number_of_the_market_is_rejected_of_every_kind(bar: Record, rule: str) -> None:
    assert check(bars_of(bar), WINDOW, PriceKind.SIGNED).rejects == (Reject(0, rule),)


def test_the_rows_of_a_session_are_judged_each_by_the_kind_of_its_asset() -> None:
    below = record(open=-0.4, high=-0.3, low=-0.5, close=-0.4, adjusted_close=-0.4)
    is_signed = np.array([True, False, True, False])
    checked = check_session(bars_of(below, below, GOOD, GOOD), WINDOW, is_signed)
    broken = [ROW_RULES[at].name if at >= 0 else None for at in checked.reasons]
    assert broken == [None, "prices are not negative", None, None]
    assert {rule: rows.tolist() for rule, rows in checked.flags.items() if rows.any()} == {
        "prices are above zero": [True, False, False, False]
    }


def test_a_row_is_rejected_for_the_first_rule_that_it_breaks() -> None:
    bar = record(date=None, close=-1.0, volume=-1.0)
    assert check(bars_of(bar), WINDOW).rejects == (Reject(0, "date is readable"),)


def test_a_rejected_row_contradicts_none() -> None:
    checked = check(bars_of(record(close=0.0), GOOD), WINDOW)
    assert records_of(checked.kept) == [GOOD]
    assert checked.rejects == (Reject(0, "close is above zero"),)


def test_a_rule_s_name_and_meaning_are_said_once_and_in_plain_words() -> None:
    assert len({rule.name for rule in BAR_RULES}) == len(BAR_RULES)
    assert len({rule.meaning for rule in BAR_RULES}) == len(BAR_RULES)
    assert all(rule.name[0].islower() and rule.name.isprintable() for rule in BAR_RULES)
