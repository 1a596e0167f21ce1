"""Owns `BulkSession`, a session of a whole exchange, and what it means for each asset. Pure.

A sheet carries on only what is unbroken: an asset of which no action is told, whose stored bars
reach up to the session before, and whose adjustment the new bar continues. The others are asked
for by themselves, for a bar alone says nothing of the bars before it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import Bars, Floats, Mask, days

# The vendor states four decimals.
_ROUNDING = 0.00005
_TOLERANCE = 1e-6
# A session of which fewer of those that traded before have a bar is not out yet, or was none.
_LEAST_SHARE = 0.5
# A day on which no more than these have a bar was no session: vendors state odd bars on holidays.
_HANDFUL = 0.05
# From one bar to the next few prices move by more than this factor.
_LEAP = 3.0

Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class RejectedBulkRow:
    """A row of a bulk answer that is put aside: whose it is ("" if that cannot be read) and why."""

    code: str
    rule: str
    excerpt: str


@dataclass(frozen=True, eq=False)
class BulkSession:
    """A session of an exchange as the vendor tells it, by code.

    `position` is where in `bars` a code's bar stands; `rejected` has the rule and the excerpt of a
    row that is no bar, for codes without one; `aside` has all rows that are none; `flags` has the
    odd rows by rule. Of `named` codes the bar alone is not to be trusted: actions, or rows that
    contradict each other.
    """

    session: dt.date
    position: Mapping[str, int]
    bars: Bars
    rejected: Mapping[str, tuple[str, str]]
    flags: Mapping[str, Mask]
    named: frozenset[str]
    body_sha256: str
    aside: tuple[RejectedBulkRow, ...] = ()

    @cached_property
    def is_odd(self) -> Mask:
        """Which rows break any flag rule."""
        odd: Mask = np.zeros(len(self.bars), np.bool_)
        for broken in self.flags.values():
            odd |= broken
        return odd

    def flagged(self, row: int) -> str:
        """Return the odd things about a row as JSON: the rules that it breaks, each once."""
        return json.dumps({rule: 1 for rule, broken in self.flags.items() if broken[row]})


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Assets that lack a session and none before it, ascending, with what their last bar says.

    Without a last bar `last_day` is the lowest number and the prices are NaN.
    """

    asset_ids: NDArray[np.int32]
    codes: tuple[str, ...]
    fences: NDArray[np.int64]
    last_day: NDArray[np.int32]
    close: Floats
    adjusted_close: Floats

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """What becomes of assets that lack a session, as positions among them.

    `rows` is where the bars of the `stored` ones stand in the sheet. `absent` have no row,
    `rejected` one that is no bar; who is `left` is asked for by itself, of the `changed` ones all.
    """

    stored: Positions
    rows: Positions
    absent: Positions
    rejected: Positions
    left: Positions
    changed: frozenset[str]

    @property
    def settled(self) -> Positions:
        """Whom the session carries on: the stored, the absent and the rejected ones, ascending."""
        return np.sort(np.concatenate((self.stored, self.absent, self.rejected)))

    def without(self, lost: Mask) -> Classified:
        """Return the fates without the assets that somebody has leased meanwhile."""
        kept = ~lost
        return replace(
            self,
            stored=self.stored[kept[self.stored]],
            rows=self.rows[kept[self.stored]],
            absent=self.absent[kept[self.absent]],
            rejected=self.rejected[kept[self.rejected]],
        )

    def only_stored(self) -> Classified:
        """Return the fates with nothing but the bars that are to be stored."""
        none = self.stored[:0]
        return replace(self, absent=none, rejected=none, left=none, changed=frozenset())


def classify(bulk_session: BulkSession, candidates: Candidates, reference: int) -> Classified:
    """Decide what a sheet means for assets that lack its session.

    `reference` is the day up to which an unbroken asset has bars, as `reference_day` tells.
    """
    rows = np.array([bulk_session.position.get(code, -1) for code in candidates.codes], np.intp)
    is_named = np.array([code in bulk_session.named for code in candidates.codes], np.bool_)
    is_refused = np.array([code in bulk_session.rejected for code in candidates.codes], np.bool_)
    has_bar = rows >= 0
    continues = np.zeros(len(candidates), np.bool_)
    continues[has_bar] = is_continued(candidates, bulk_session.bars.take(rows[has_bar]), has_bar)
    reaches_up = (reference <= candidates.last_day) & (
        candidates.last_day < days(bulk_session.session)
    )
    is_stored = has_bar & continues & reaches_up & ~is_named
    is_changed = is_named | (has_bar & ~continues & ~np.isnan(candidates.close))
    is_rejected = ~has_bar & is_refused & ~is_named
    is_absent = ~has_bar & ~is_refused & ~is_named
    stored = np.flatnonzero(is_stored)
    return Classified(
        stored=stored,
        rows=rows[stored],
        absent=np.flatnonzero(is_absent),
        rejected=np.flatnonzero(is_rejected),
        left=np.flatnonzero(~(is_stored | is_absent | is_rejected)),
        changed=frozenset(candidates.codes[at] for at in np.flatnonzero(is_changed)),
    )


def is_continued(candidates: Candidates, bars: Bars, chosen: Mask) -> Mask:
    """Say of which of the chosen assets a new bar continues the last stored one.

    It is adjusted alike, as far as four decimals can tell, and its price is of the same order: a
    leap may be a split that no feed has told, or another company under the same code. Not of
    those without a stored bar.
    """
    before, after = candidates.close[chosen], bars.close
    factor = bars.adjusted_close / after
    difference = np.abs(candidates.adjusted_close[chosen] / before - factor)
    is_alike = difference <= _TOLERANCE * factor + _ROUNDING / before + _ROUNDING / after
    is_near: Mask = (after <= _LEAP * before) & (before <= _LEAP * after)
    return is_alike & is_near


def reference_day(last_bars: Collection[dt.date | None]) -> dt.date | None:
    """Return up to which day an exchange's bars reach: more than a handful of assets do.

    Ordinarily the session before. When that was no session after all, or has never come, the one
    before it: then nobody is to be asked for by himself because of it.
    """
    known = sorted(day for day in last_bars if day is not None)
    return known[-1 - int(_HANDFUL * len(known))] if known else None


def is_out(bulk_session: BulkSession, expected: Sequence[str]) -> bool:
    """Say whether a session is out, judged by those that traded at the last one.

    Rows that are no bars count for nothing: were they to pass, the gaps would be no gaps later.
    """
    if not expected:
        return bool(bulk_session.position)
    return sum(code in bulk_session.position for code in expected) >= _LEAST_SHARE * len(expected)


def flag_counts(bulk_session: BulkSession, rows: Positions) -> Counter[str]:
    """Count the odd ones among some rows, by rule."""
    return Counter({rule: n for rule, b in bulk_session.flags.items() if (n := int(b[rows].sum()))})
