"""Adjustment factors from raw bars and actions, and their comparison with the vendor's. Pure.

The factor of a bar is the product of the steps of all later ex-dates: `denominator / numerator`
for a split, `1 - D / P` for dividends, where D is the cash paid and P the raw close of the last
bar before the ex-date: the method of CRSP. What it reproduces is in
docs/explanation/adjustment.md. The last bar is the base: its factor is 1.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf, log, prod

import numpy as np

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import EPOCH, Bars, Days, Floats, days

# London quotes in pence, Johannesburg in cents, Tel Aviv in agorot: hundredths (the vendor's FAQ).
MINOR_UNITS = {"GBX": "GBP", "ZAC": "ZAR", "ILA": "ILS"}
# The vendor states `close` and `adjusted_close` with four decimals.
HALF_A_UNIT = 0.5e-4
# Amounts have five decimals: a hundred dividends on a share of 5 may be off by this much together.
TOLERANCE = 1e-4
# One for a million has been seen.
_LARGEST_STEP = 1e9

SPLIT_IS_USABLE = "split moves a price to a price"
DIVIDEND_IS_IN_CURRENCY = "dividend is in the currency of the bars"
DIVIDEND_IS_BELOW_PRICE = "dividend is below the close before it"
SPLIT_IS_OF_PRICES = "closes before a split are above zero"
DIVIDEND_IS_OF_PRICES = "closes before a dividend are above zero"


@dataclass(frozen=True, slots=True)
class Finding:
    """An action that could not be applied: its ex-date, the rule that it breaks, the figures."""

    date: dt.date
    rule: str
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """What each bar's prices are multiplied by: for splits alone, and for dividends as well.

    `findings` are the actions that are left out of both.
    """

    splits: Floats
    total: Floats
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A run of `bars` bars whose adjusted close is not what raw bars and actions give.

    `worst` is the largest relative difference, signed: sent / computed - 1. The action in doubt
    has its ex-date after `last`, or the run is a fault of the bars themselves.
    """

    first: dt.date
    last: dt.date
    bars: int
    worst: float


class VolumeBasis(StrEnum):
    """What a history's volumes are counted in, as far as its splits show."""

    SPLIT_ADJUSTED = "split-adjusted"
    AS_TRADED = "as traded"
    UNKNOWN = "unknown"


def factors(
    dates: Days,
    close: Floats,
    splits: Sequence[Split],
    dividends: Sequence[Dividend],
    *,
    currency: str = "",
    through: dt.date | None = None,
) -> Factors:
    """Return the factors of bars with the given dates (ascending) and raw closes.

    `currency` is that of the bars, "" if unknown: a dividend in another one is a finding, not
    applied. Actions count up to `through`, by default the last bar's date. One without a bar on
    its ex-date works from the next bar on; one not later than the first bar changes nothing. A
    close of zero or below, of a yield or a commodity, is not a price that an action can scale: one
    after it is a finding.
    """
    last = days(through) if through else _last(dates)
    splits, dividends, of_none = _of_prices(dates, close, splits, dividends)
    usable, findings = usable_splits(splits)
    split_steps = np.ones(len(dates) + 1)
    for split in usable:
        if days(split.date) <= last:
            at = _position(dates, split.date)
            split_steps[at] = float(split_steps[at]) * split.factor
    cash: dict[int, list[tuple[Dividend, float]]] = defaultdict(list)
    for dividend in dividends:
        paid = cash_paid(dividend, usable, currency)
        if paid is None:
            detail = f"{dividend.currency} for bars in {currency}"
            findings.append(Finding(dividend.date, DIVIDEND_IS_IN_CURRENCY, detail))
        elif days(dividend.date) <= last:
            cash[_position(dates, dividend.date)].append((dividend, paid))
    dividend_steps, too_large = _dividend_steps(close, cash)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        shares = _after(split_steps)
        total = shares * _after(dividend_steps)
    return Factors(shares, total, (*findings, *too_large, *of_none))


def disagreements(
    bars: Bars, computed: Factors, tolerance: float = TOLERANCE
) -> tuple[Disagreement, ...]:
    """Return where the vendor's `adjusted_close` differs from close * total factor.

    `tolerance` is relative; beside it, both closes may be off by half a unit of their fourth
    decimal. Consecutive bars that disagree are one disagreement.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        expected = bars.close * computed.total
        allowed = tolerance * np.abs(expected) + HALF_A_UNIT * (1 + computed.total)
        off = ~(np.abs(bars.adjusted_close - expected) <= allowed) | np.isinf(expected)
        quotients = bars.adjusted_close / expected
    edges = np.flatnonzero(np.diff(np.concatenate(([False], off, [False]))))
    return tuple(
        _disagreement(bars.date[first:end], quotients[first:end])
        for first, end in zip(edges[::2], edges[1::2], strict=True)
    )


def volume_basis(bars: Bars, splits: Sequence[Split]) -> VolumeBasis:
    """Infer from the bars around splits whether volumes are adjusted for them.

    As-traded volumes step with the number of shares, adjusted ones do not. The medians of up to
    20 traded bars on both sides are compared. Volume also varies on its own, so a verdict needs
    splits that together make three shares of one, and steps clearly nearer to one answer.
    """
    evidence = weight = 0.0
    for split in usable_splits(splits)[0]:
        shares = -log(split.factor)
        at = _position(bars.date, split.date)
        before, after = bars.volume[max(at - 20, 0) : at], bars.volume[at : at + 20]
        before, after = before[before > 0], after[after > 0]
        if abs(shares) < log(1.5) or min(len(before), len(after)) < 5:
            continue
        step = log(float(np.median(after)) / float(np.median(before)))
        evidence += abs(step) - abs(step - shares)
        weight += abs(shares)
    if weight < log(3) or abs(evidence) <= weight / 2:
        return VolumeBasis.UNKNOWN
    return VolumeBasis.AS_TRADED if evidence > 0 else VolumeBasis.SPLIT_ADJUSTED


def usable_splits(splits: Iterable[Split]) -> tuple[list[Split], list[Finding]]:
    """Separate the splits that would turn a price into 0, infinity or nonsense."""
    usable, findings = [], []
    for split in splits:
        is_ratio = split.numerator > 0 and split.denominator > 0
        if is_ratio and 1 / _LARGEST_STEP < split.factor < _LARGEST_STEP:
            usable.append(split)
        else:
            detail = f"{split.numerator:g} for {split.denominator:g}"
            findings.append(Finding(split.date, SPLIT_IS_USABLE, detail))
    return usable, findings


def cash_paid(dividend: Dividend, splits: Iterable[Split], currency: str) -> float | None:
    """Return what was paid for one share, in the bars' currency; None if that needs a rate."""
    if dividend.unadjusted_value:
        paid = dividend.unadjusted_value
    else:
        scale = prod(s.factor for s in splits if s.date > dividend.date)
        paid = dividend.value / scale if scale else inf
    paid_in = dividend.currency or currency
    if not currency or paid_in == currency:
        return paid
    if MINOR_UNITS.get(currency) == paid_in:
        return paid * 100
    return paid / 100 if MINOR_UNITS.get(paid_in) == currency else None


def _of_prices(
    dates: Days, close: Floats, splits: Sequence[Split], dividends: Sequence[Dividend]
) -> tuple[Sequence[Split], Sequence[Dividend], list[Finding]]:
    """Leave out the actions with a close of zero or below before them."""
    not_prices = np.flatnonzero(close <= 0)
    if not len(not_prices):
        return splits, dividends, []
    first = int(not_prices[0])
    day = EPOCH + dt.timedelta(days=int(dates[first]))
    detail = f"{float(close[first]):g} on {day}"
    findings = [
        Finding(action.date, rule, detail)
        for actions, rule in ((splits, SPLIT_IS_OF_PRICES), (dividends, DIVIDEND_IS_OF_PRICES))
        for action in actions
        if action.date > day
    ]
    return (
        [split for split in splits if split.date <= day],
        [dividend for dividend in dividends if dividend.date <= day],
        findings,
    )


def _dividend_steps(
    close: Floats, cash: dict[int, list[tuple[Dividend, float]]]
) -> tuple[Floats, list[Finding]]:
    """Return the step at each position; what is paid out of one close is added up."""
    steps, findings = np.ones(len(close) + 1), []
    for at, paid in cash.items():
        if at == 0:
            continue
        amount, before = sum(each for _, each in paid), float(close[at - 1])
        if 0 <= amount < before:
            steps[at] = 1 - amount / before
        else:
            detail = f"{amount:g} against {before:g}"
            findings.append(Finding(paid[0][0].date, DIVIDEND_IS_BELOW_PRICE, detail))
    return steps, findings


def _last(dates: Days) -> int:
    return int(dates[-1]) if len(dates) else 0


def _position(dates: Days, day: dt.date) -> int:
    """Return how many bars precede a day."""
    return int(np.searchsorted(dates, days(day)))


def _after(steps: Floats) -> Floats:
    """Return for each bar the product of the steps behind it; there is one step more than bars."""
    products: Floats = np.multiply.accumulate(steps[::-1])[::-1][1:]
    return products


def _disagreement(dates: Days, quotients: Floats) -> Disagreement:
    differences = quotients - 1
    worst = differences[np.argmax(np.abs(differences))]
    first, last = (EPOCH + dt.timedelta(days=int(dates[at])) for at in (0, -1))
    return Disagreement(first, last, len(dates), float(worst))
