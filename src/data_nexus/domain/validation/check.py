"""Check one answer: which rows are kept, which are rejected and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import Bars, Days, Mask
from data_nexus.domain.calendar.window import Window
from data_nexus.domain.validation.duplicates import one_row_each
from data_nexus.domain.validation.price_kinds import PriceKind
from data_nexus.domain.validation.rules import BAR_COMES_ONCE, BAR_RULES, ROW_RULES, Grade, Rule


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be a bar: its position in the answer and the first rule that it breaks."""

    row: int
    rule: str


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """An answer's rows after the check: received = kept + repeats + rejects.

    `kept` is sorted by date, one bar a date, its missing volumes stored as 0; `flags` counts the
    kept rows that break a flag rule, by the rule's name; `repeats` are rows that say the same as a
    kept one: equal, or of equal prices and a smaller volume.
    """

    kept: Bars
    rejects: tuple[Reject, ...]
    flags: dict[str, int]
    repeats: int

    @property
    def received(self) -> int:
        """The number of rows that the answer held."""
        return len(self.kept) + self.repeats + len(self.rejects)

    def rejected_dates(self, answered: Bars) -> Days:
        """Return the dates of the rejected rows of the answer that was checked."""
        return answered.date[[reject.row for reject in self.rejects]]


@dataclass(frozen=True, slots=True, eq=False)
class CheckedSession:
    """A session's rows, each of another asset, and what is wrong with them, by position.

    `reasons` is the index in `ROW_RULES` of the first reject rule that the row breaks, -1 for none;
    `flags` has the rows that break a flag rule, by its name. Missing volumes are 0.
    """

    bars: Bars
    reasons: NDArray[np.int8]
    flags: dict[str, Mask]


def check(bars: Bars, window: Window, kind: PriceKind = PriceKind.POSITIVE) -> Checked:
    """Separate an answer's rows into kept and rejected, and count the flags of the kept.

    `kind` is that of the asset's prices.
    """
    rows: NDArray[np.intp] = np.arange(len(bars))
    rejects: list[Reject] = []
    for rule in _rules(Grade.REJECT, kind):
        holds = rule.holds(bars, window)
        if not holds.all():
            rejects += [Reject(int(row), rule.name) for row in rows[~holds]]
            rows, bars = rows[holds], bars.take(holds)
    kept, merged = _one_row_per_date(bars)
    flags = {
        rule.name: int(broken)
        for rule in _rules(Grade.FLAG, kind)
        if (broken := np.count_nonzero(~rule.holds(kept, window)))
    }
    if merged:
        flags[BAR_COMES_ONCE] = merged
    return Checked(_with_volume(kept), tuple(rejects), flags, len(bars) - len(kept))


def check_session(bars: Bars, window: Window, is_signed: Mask | None = None) -> CheckedSession:
    """Check the rows of a session, each of another asset; the rows keep their positions.

    `is_signed` are those of assets whose prices may be zero or negative; None: of none.
    """
    reasons: NDArray[np.int8] = np.full(len(bars), -1, np.int8)
    flags: dict[str, Mask] = {}
    signed = np.zeros(len(bars), np.bool_) if is_signed is None else is_signed
    exempt = {PriceKind.POSITIVE: signed, PriceKind.SIGNED: ~signed}
    for index, rule in enumerate(ROW_RULES):
        holds = rule.holds(bars, window)
        if rule.kind is not None:
            holds = holds | exempt[rule.kind]
        if rule.grade is Grade.REJECT:
            reasons[~holds & (reasons < 0)] = index
        elif not holds.all():
            flags[rule.name] = ~holds & (reasons < 0)
    return CheckedSession(_with_volume(bars), reasons, flags)


def _rules(grade: Grade, kind: PriceKind) -> Iterator[Rule]:
    return (rule for rule in BAR_RULES if rule.grade is grade and rule.concerns(kind))


def _one_row_per_date(bars: Bars) -> tuple[Bars, int]:
    """Return the bars, one a date, and how many of them stand for rows that are not equal."""
    if len(bars) < 2 or bool((bars.date[1:] > bars.date[:-1]).all()):
        return bars, 0
    found = one_row_each(bars.date, bars)
    return bars.take(found.kept), int(found.is_merged.sum())


def _with_volume(bars: Bars) -> Bars:
    if not np.isnan(bars.volume).any():
        return bars
    return replace(bars, volume=np.nan_to_num(bars.volume, nan=0.0))
