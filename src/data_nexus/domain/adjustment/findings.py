"""Findings: where an asset's stored actions do not explain the vendor's adjusted closes. Pure.

Bars show whether there are actions at all: only where the vendor's `adjusted_close` is not what
raw closes and stored actions give, are its actions worth a call. What remains unexplained when
they have been read is a finding, and nothing is changed for its sake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from math import isfinite
from operator import attrgetter

import numpy as np

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment.factors import (
    DIVIDEND_IS_BELOW_PRICE,
    DIVIDEND_IS_IN_CURRENCY,
    DIVIDEND_IS_OF_PRICES,
    HALF_A_UNIT,
    SPLIT_IS_OF_PRICES,
    SPLIT_IS_USABLE,
    TOLERANCE,
    Disagreement,
    Factors,
    Finding,
    disagreements,
    factors,
)
from data_nexus.domain.bars import Bars

# Actions that were read and did not explain the bars are not requested again within this many days.
REREAD_AFTER_DAYS = 30
# After an answer that could not be used, the next request comes this many days later.
RETRY_AFTER_DAYS = 7

ADJUSTED_CLOSE_IS_EXPLAINED = "actions explain the adjusted close"
BARS_ARE_STILL_SENT = "stored bars are still sent"
ACTIONS_ARE_STILL_SENT = "stored actions are still sent"

# The rules that bars and actions are judged by together.
ADJUSTMENT_RULES = {
    ADJUSTED_CLOSE_IS_EXPLAINED: (
        "close times the factors of the stored splits and dividends is the vendor's adjusted close"
    ),
    SPLIT_IS_USABLE: "the split's ratio turns a price into a price",
    DIVIDEND_IS_IN_CURRENCY: "the dividend is paid in the currency of the bars, or a hundredth",
    DIVIDEND_IS_BELOW_PRICE: "what is paid is less than the close of the bar before the ex-date",
    SPLIT_IS_OF_PRICES: "no bar before a split has a close of 0 or below",
    DIVIDEND_IS_OF_PRICES: "no bar before a dividend has a close of 0 or below",
}
FINDING_RULES = ADJUSTMENT_RULES | {
    BARS_ARE_STILL_SENT: (
        "a whole answer has the stored bars of its range, or lacks so few that they were withdrawn"
    ),
    ACTIONS_ARE_STILL_SENT: (
        "an answer has the stored splits and dividends that the adjusted closes need"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFinding:
    """How an asset breaks one of `FINDING_RULES`, from the date `first` to `last`.

    `count` is of bars that disagree or are not sent, or of actions that are left out; `worst` the
    largest relative difference of a bar, signed, None if it cannot be computed.
    """

    rule: str
    first: date
    last: date
    count: int
    worst: float | None = None
    detail: str = ""

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """Stays equal as long as the bars and actions do."""
        return self.rule, self.first, self.last, self.count, self.worst


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownActions:
    """What is stored of an asset's actions; `currency` is that of its bars, "" if unknown.

    `unexplained` is the disagreement that remained when they were read last, on the day `read_on`
    (None: never); `is_recent` says that this is less than `REREAD_AFTER_DAYS` ago.
    """

    splits: tuple[Split, ...] = ()
    dividends: tuple[Dividend, ...] = ()
    currency: str = ""
    unexplained: AssetFinding | None = None
    is_recent: bool = False
    read_on: date | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no action is stored at all."""
        return not (self.splits or self.dividends)


NOTHING_KNOWN = KnownActions()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the stored actions explain a whole history.

    `wants_actions`: they do not, and are to be read from the vendor. False: they do. None: they do
    not, and have been read already. `findings` are those that apply unless they are read again.
    """

    wants_actions: bool | None
    findings: tuple[AssetFinding, ...] = ()

    @property
    def is_explained(self) -> bool:
        """Whether the stored actions explain the adjusted closes."""
        rules = {each.rule for each in self.findings}
        return not self.wants_actions and ADJUSTED_CLOSE_IS_EXPLAINED not in rules


def findings_of(bars: Bars, known: KnownActions) -> tuple[AssetFinding, ...]:
    """Return how bars (by date) and stored actions disagree, one finding a rule."""
    if known.is_empty and _is_unadjusted(bars):
        return ()
    computed, runs = _compared(bars, known)
    by_rule = attrgetter("rule")
    left_out = groupby(sorted(computed.findings, key=by_rule), by_rule)
    found = [_left_out(rule, [*actions]) for rule, actions in left_out]
    return (_unexplained(runs), *found) if runs else tuple(found)


def verdict(bars: Bars, known: KnownActions) -> Verdict:
    """Judge a whole history by the stored actions.

    An asset whose bars were never explained is read again only when they have changed and some
    time has passed, or at once if bars later than all unexplained ones disagree.
    """
    if known.is_empty and known.unexplained is None:
        # As on a first load: whether they disagree, not how.
        return Verdict(wants_actions=not _is_unadjusted(bars))
    found = findings_of(bars, known)
    unexplained = next((each for each in found if each.rule == ADJUSTED_CLOSE_IS_EXPLAINED), None)
    before = known.unexplained
    if unexplained is None:
        return Verdict(wants_actions=False, findings=found)
    if before is None or before.last < unexplained.last != bars.last_date():
        return Verdict(wants_actions=True)
    if before.fingerprint == unexplained.fingerprint or known.is_recent:
        return Verdict(wants_actions=None, findings=found)
    return Verdict(wants_actions=True)


def _is_unadjusted(bars: Bars) -> bool:
    """Whether every adjusted close is the close, to the tolerance of `disagreements`."""
    off = np.abs(bars.adjusted_close - bars.close) - TOLERANCE * np.abs(bars.close)
    return not len(bars) or bool(off.max() <= 2 * HALF_A_UNIT)


def _compared(bars: Bars, known: KnownActions) -> tuple[Factors, Sequence[Disagreement]]:
    """Compare with the last bar as the base, or as if the next ex-date had come already.

    The vendor adjusts on an ex-date, perhaps before its bar is there.
    """
    computed = _factors(bars, known, None)
    runs = disagreements(bars, computed)
    last = bars.last_date()
    dates = {split.date for split in known.splits} | {paid.date for paid in known.dividends}
    ahead = [day for day in dates if last and day > last]
    if not ahead or not runs or runs[-1].last != last:
        return computed, runs
    later = _factors(bars, known, min(ahead))
    return (computed, runs) if disagreements(bars, later) else (later, ())


def _factors(bars: Bars, known: KnownActions, through: date | None) -> Factors:
    return factors(
        bars.date,
        bars.close,
        known.splits,
        known.dividends,
        currency=known.currency,
        through=through,
    )


def _left_out(rule: str, actions: Sequence[Finding]) -> AssetFinding:
    ordered = sorted(actions, key=attrgetter("date"))
    last = ordered[-1]
    return AssetFinding(
        rule=rule,
        first=ordered[0].date,
        last=last.date,
        count=len(ordered),
        detail=f"{last.detail} on {last.date}",
    )


def _unexplained(runs: Sequence[Disagreement]) -> AssetFinding:
    """Sum up; the action in doubt has its ex-date after `last`, as bars before it are off as well.

    Runs are separate where two errors cancel each other, or where rounding hides them.
    """
    worst = max((run.worst for run in runs if isfinite(run.worst)), key=abs, default=None)
    difference = "whatever the factors are" if worst is None else f"by up to {100 * worst:+.4g} %"
    return AssetFinding(
        rule=ADJUSTED_CLOSE_IS_EXPLAINED,
        first=runs[0].first,
        last=runs[-1].last,
        count=sum(run.bars for run in runs),
        worst=worst,
        detail=f"adjusted closes differ {difference}",
    )
