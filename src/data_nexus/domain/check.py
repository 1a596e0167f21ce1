"""Owns the check of one answer: which rows are kept, which are rejected and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import Bars
from data_nexus.domain.rules import BAR_RULES, Grade
from data_nexus.domain.window import Window


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be a bar: its position in the answer and the rule that it broke first."""

    row: int
    rule: str


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """An answer's rows, sorted out: received = kept + repeats + rejects.

    `kept` is sorted by date, one bar a date, its missing volumes stored as 0; `flags` counts the
    kept rows that break a flag rule, by the rule's name; `repeats` are rows equal to a kept one.
    """

    kept: Bars
    rejects: tuple[Reject, ...]
    flags: dict[str, int]
    repeats: int

    @property
    def received(self) -> int:
        """The number of rows that the answer held."""
        return len(self.kept) + self.repeats + len(self.rejects)


def check(bars: Bars, window: Window) -> Checked:
    """Sort an answer's rows into kept and rejected, and count the odd ones among the kept."""
    rows: NDArray[np.intp] = np.arange(len(bars))
    rejects: list[Reject] = []
    for rule in (r for r in BAR_RULES if r.grade is Grade.REJECT):
        holds = rule.holds(bars, window)
        if not holds.all():
            rejects += [Reject(int(row), rule.name) for row in rows[~holds]]
            rows, bars = rows[holds], bars.take(holds)
    kept = _one_row_per_date(bars)
    flags = {
        rule.name: int(broken)
        for rule in BAR_RULES
        if rule.grade is Grade.FLAG and (broken := np.count_nonzero(~rule.holds(kept, window)))
    }
    return Checked(_with_volume(kept), tuple(rejects), flags, len(bars) - len(kept))


def _one_row_per_date(bars: Bars) -> Bars:
    if len(bars) < 2 or bool((bars.date[1:] > bars.date[:-1]).all()):
        return bars
    _, first = np.unique(bars.date, return_index=True)
    return bars.take(first)


def _with_volume(bars: Bars) -> Bars:
    if not np.isnan(bars.volume).any():
        return bars
    return replace(bars, volume=np.nan_to_num(bars.volume, nan=0.0))
