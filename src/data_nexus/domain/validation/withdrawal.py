"""Decide whether bars that the vendor sends no more were withdrawn, or the answer is partial. Pure.

A bar of a holiday that was none is withdrawn. An answer that lacks all before or after a date, or
many bars, is rather cut, the window of a plan, or the history of an asset that was split off: such
bars stay, and the asset has a finding. So do last bars until they have been lacking for a week: an
answer that ends before them may come from a copy of the vendor that is behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import numpy as np

from data_nexus.domain.adjustment.findings import BARS_ARE_STILL_SENT, AssetFinding
from data_nexus.domain.bars import EPOCH, NO_DATE, NO_ROW, Bars, Days, days
from data_nexus.domain.calendar.window import Window

# As many may go at once anywhere: at the ends of a history, and of however short a one.
A_FEW = 3
# More than this part of the stored bars may not.
SMALL_SHARE = 0.01
# The free plan shows the last year (the vendor's pricing page); its first session may come later.
PLAN_DAYS, PLAN_SLACK_DAYS = 365, 10


class WithdrawalDoubt(StrEnum):
    """Why bars that an answer lacks are not believed to be withdrawn."""

    UNDATED = "the answer has rows without a readable date"
    PLAN = "the plan may show the last year only"
    CUT_BEFORE = "all before a date are lacking"
    CUT_AFTER = "all after a date are lacking"
    MANY = "too many are lacking"
    BEHIND = "the answer ends before them and may be old"
    ANOTHER = "the answer's prices move like another asset's"


@dataclass(frozen=True, slots=True, eq=False)
class SentDates:
    """The dates of an answer's rows, rejected ones as well; of `undated` rows they are unknown.

    `has_notice`: the vendor has sent a notice with it, as the free plan does.
    """

    window: Window
    dates: Days
    undated: int = 0
    has_notice: bool = False

    def lacking(self, stored: Days) -> Days:
        """Return which of the stored dates since the window's begin the answer lacks, ascending.

        No answer holds one after the window's end, which is a day to come: it was never sent.
        """
        return np.setdiff1d(stored[stored >= days(self.window.first)], self.dates)

    def ends_before(self, day: int) -> bool:
        """Whether the answer ends before a day (since 1970-01-01) that its window holds."""
        return day <= days(self.window.last) and int(self.dates.max(initial=NO_DATE)) < day


def sent_dates(
    window: Window, kept: Days, rejected: Days, *, has_notice: bool = False
) -> SentDates:
    """Return the dates of an answer's rows from those of kept and of rejected ones."""
    is_dated = (rejected != NO_DATE) & (rejected != NO_ROW)
    dates = np.concatenate([kept, rejected[is_dated]])
    return SentDates(window, dates, int(np.count_nonzero(~is_dated)), has_notice)


def doubt(
    stored: Days, lacking: Days, sent: SentDates, *, is_confirmed: bool
) -> WithdrawalDoubt | None:
    """Return why an answer's lack of some stored bars is not believed; None: they are withdrawn.

    `stored` are the dates of all stored bars of the asset. `is_confirmed`: answers of the days
    before ended before the last one as well.
    """
    kept = np.setdiff1d(stored, lacking)
    if sent.undated:
        return WithdrawalDoubt.UNDATED
    if not len(kept):
        return WithdrawalDoubt.MANY
    if why := _doubt_of_ends(lacking[lacking < kept[0]], lacking[lacking > kept[-1]], sent):
        return why
    if len(lacking) > max(A_FEW, SMALL_SHARE * len(stored)):
        return WithdrawalDoubt.MANY
    is_behind = sent.ends_before(int(lacking[-1])) and not is_confirmed
    return WithdrawalDoubt.BEHIND if is_behind else None


def lack_finding(lacking: Days, why: WithdrawalDoubt) -> AssetFinding:
    """Return the finding of bars that stay although the vendor sends them no more."""
    first, last = (EPOCH + timedelta(days=int(day)) for day in (lacking[0], lacking[-1]))
    return AssetFinding(
        rule=BARS_ARE_STILL_SENT, first=first, last=last, count=len(lacking), detail=why.value
    )


def another_finding(stored: Bars) -> AssetFinding:
    """Return the finding of bars that stay, as those of the answer look like another asset's."""
    return lack_finding(stored.date, WithdrawalDoubt.ANOTHER)


def _doubt_of_ends(before: Days, after: Days, sent: SentDates) -> WithdrawalDoubt | None:
    """Return the doubt about bars that an answer lacks before its first one, or after its last."""
    if len(before) and _is_of_plan(sent):
        return WithdrawalDoubt.PLAN
    if len(before) > A_FEW:
        return WithdrawalDoubt.CUT_BEFORE
    if len(after) > A_FEW:
        return WithdrawalDoubt.CUT_AFTER
    return None


def _is_of_plan(sent: SentDates) -> bool:
    """Whether an answer may begin where the window of a plan does."""
    if sent.has_notice or not len(sent.dates):
        return sent.has_notice
    begin = days(sent.window.last) - PLAN_DAYS
    return abs(int(sent.dates.min()) - begin) <= PLAN_SLACK_DAYS
