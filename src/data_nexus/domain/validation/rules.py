"""The rules that a bar must keep, as a table. Pure.

A rule's name is what `rejected_rows.rule` stores, what the sync log counts and what the docs list.
Two grades: a row that breaks a `REJECT` rule cannot be a bar and is stored as a rejected row with
its reason; one that breaks a `FLAG` rule is odd, may be all that the vendor has, and is stored as
sent and counted. Some rules hold for one kind of prices only: a yield may be negative, a share's
price may not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce

import numpy as np

from data_nexus.domain.bars import NO_DATE, NO_ROW, Bars, Floats, Mask, days
from data_nexus.domain.calendar.window import Window
from data_nexus.domain.validation.duplicates import HIGHEST_VOLUME, one_row_each
from data_nexus.domain.validation.price_kinds import PriceKind

# What the vendor sends where it has no price; seen in public clients' issue threads.
PLACEHOLDER = 999_999.9999
# The vendor states four decimals, which a double cannot hold beyond this.
HIGHEST_PRICE = 1e12
# Crypto currencies have prices of 1.2e-9, and what a subtraction of prices leaves is about 1e-14.
LOWEST_PRICE = 1e-12
ROW_IS_READABLE = "row is readable JSON"
BAR_COMES_ONCE = "bar comes once"


class Grade(StrEnum):
    """What happens to a row that breaks the rule."""

    REJECT = "reject"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule about each bar: `holds` returns a mask of the rows that keep it.

    `kind` is the kind of prices that it is about; None is every kind.
    """

    name: str
    grade: Grade
    meaning: str
    holds: Callable[[Bars, Window], Mask]
    kind: PriceKind | None = None

    def concerns(self, kind: PriceKind) -> bool:
        """Say whether it is about prices of a kind."""
        return self.kind in (None, kind)


def _all_prices(bars: Bars, holds: Callable[[Floats], Mask]) -> Mask:
    return reduce(np.logical_and, [holds(price) for price in bars.prices()])


def _one_bar_per_date(bars: Bars, _: Window) -> Mask:
    """Rows for one date whose prices differ contradict each other: none can be trusted."""
    holds: Mask = np.ones(len(bars), np.bool_)
    holds[one_row_each(bars.date, bars).contradicted] = False
    return holds


def _comes_once(bars: Bars, _: Window) -> Mask:
    """Of rows for one date that agree, the one that is kept breaks the rule for all."""
    found = one_row_each(bars.date, bars)
    holds: Mask = np.ones(len(bars), np.bool_)
    holds[found.kept[found.is_merged]] = False
    return holds


def _open_or_close(
    bars: Bars, choose: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Choose between open and close; an open of 0 counts as missing (it has a rule of its own)."""
    return choose(np.where(bars.open != 0, bars.open, bars.close), bars.close)


def _is_plausible(price: Floats) -> Mask:
    """A price of 0 is judged by the rules for each price."""
    size = np.abs(price)
    mask: Mask = (size <= HIGHEST_PRICE) & ((size >= LOWEST_PRICE) | (size == 0))
    return mask


BAR_RULES = (
    Rule(
        ROW_IS_READABLE,
        Grade.REJECT,
        "the row is a JSON object, or nearly: numbers of any length, `NaN`, raw control characters"
        " and bytes that are not UTF-8 are read, and concern the value alone",
        lambda b, _: b.date != NO_ROW,
    ),
    Rule(
        "date is readable",
        Grade.REJECT,
        "there is a date, written like 2024-01-31",
        lambda b, _: b.date != NO_DATE,
    ),
    Rule(
        "date is not in the future",
        Grade.REJECT,
        "the date is not later than today's, anywhere on Earth",
        lambda b, w: b.date <= days(w.last),
    ),
    Rule(
        "date lies in the window",
        Grade.REJECT,
        "the date is not earlier than the window that was requested",
        lambda b, w: b.date >= days(w.first),
    ),
    Rule(
        "prices are present",
        Grade.REJECT,
        "open, high, low, close and adjusted close are numbers, neither null nor text",
        lambda b, _: _all_prices(b, lambda p: ~np.isnan(p)),
    ),
    Rule(
        "prices are finite",
        Grade.REJECT,
        "no price is beyond what a double can hold",
        lambda b, _: _all_prices(b, lambda p: ~np.isinf(p)),
    ),
    Rule(
        "prices are plausible",
        Grade.REJECT,
        "no price is beyond 1,000,000,000,000, and none but 0 is nearer to 0 than 0.000000000001",
        lambda b, _: _all_prices(b, _is_plausible),
    ),
    Rule(
        "prices are not negative",
        Grade.REJECT,
        "no price is below zero",
        lambda b, _: _all_prices(b, lambda p: ~(p < 0)),
        PriceKind.POSITIVE,
    ),
    Rule(
        "close is above zero",
        Grade.REJECT,
        "the close is not 0",
        lambda b, _: b.close != 0,
        PriceKind.POSITIVE,
    ),
    Rule(
        "no price is the placeholder",
        Grade.REJECT,
        "no price is 999999.9999, which the vendor sends where it has none",
        lambda b, _: _all_prices(b, lambda p: p != PLACEHOLDER),
    ),
    Rule(
        "volume is not negative",
        Grade.REJECT,
        "the volume is not below zero",
        lambda b, _: ~(b.volume < 0),
    ),
    Rule(
        "volume is finite",
        Grade.REJECT,
        "the volume is a number that a double can hold, or its text, or missing",
        lambda b, _: ~np.isinf(b.volume),
    ),
    Rule(
        "volume is plausible",
        Grade.REJECT,
        "the volume is not beyond 1,000,000,000,000,000,000",
        lambda b, _: ~(b.volume > HIGHEST_VOLUME),
    ),
    Rule(
        "date has one bar",
        Grade.REJECT,
        "no other row has other prices for the same date",
        _one_bar_per_date,
    ),
    Rule(
        BAR_COMES_ONCE,
        Grade.FLAG,
        "no other row of its date (in bulk: of its code) has the same prices, to a millionth, and"
        " another volume; of such rows the one with the larger volume is kept",
        _comes_once,
    ),
    Rule(
        "prices are above zero",
        Grade.FLAG,
        "no price is 0 or below",
        lambda b, _: _all_prices(b, lambda p: p > 0),
        PriceKind.SIGNED,
    ),
    Rule(
        "open is above zero",
        Grade.FLAG,
        "the open is not 0; old bars often have none",
        lambda b, _: b.open > 0,
        PriceKind.POSITIVE,
    ),
    Rule(
        "low is above zero",
        Grade.FLAG,
        "the low is not 0",
        lambda b, _: b.low > 0,
        PriceKind.POSITIVE,
    ),
    Rule(
        "adjusted close is above zero",
        Grade.FLAG,
        "the adjusted close is not 0; long histories may be rounded down to it",
        lambda b, _: b.adjusted_close > 0,
        PriceKind.POSITIVE,
    ),
    Rule(
        "high is highest",
        Grade.FLAG,
        "the high is at least the open (unless that is 0), the close and the low",
        lambda b, _: b.high >= np.maximum(_open_or_close(b, np.maximum), b.low),
    ),
    Rule(
        "low is lowest",
        Grade.FLAG,
        "the low is at most the open (unless that is 0), the close and the high",
        lambda b, _: b.low <= np.minimum(_open_or_close(b, np.minimum), b.high),
    ),
    Rule(
        "volume is above zero",
        Grade.FLAG,
        "something was traded; a missing volume is stored as 0",
        lambda b, _: b.volume > 0,
    ),
)
# The rules that need one row only: for rows of different assets, of one date.
_ABOUT_DATES = (_one_bar_per_date, _comes_once)
ROW_RULES = tuple(rule for rule in BAR_RULES if rule.holds not in _ABOUT_DATES)
