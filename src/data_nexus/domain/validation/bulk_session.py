"""`BulkSession`, one session of a whole exchange, and its classification by asset. Pure.

A bulk session advances only assets without a break: those without a reported action, whose stored
bars reach the session before, and whose adjustment the new bar continues. The others are fetched
individually, as one bar says nothing about the bars before it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import Bars, Floats, Mask, days
from data_nexus.domain.validation.leaps import is_leap
from data_nexus.domain.validation.price_kinds import NO_CODES, SignedCodes

# The vendor states four decimals.
_ROUNDING = 0.00005
_TOLERANCE = 1e-6
# If a smaller share of the assets that traded before has a bar, the session is not published yet,
# or there was none.
_LEAST_SHARE = 0.5
# A day on which at most this share has a bar was not a session: vendors send odd bars on holidays.
_ODD_SHARE = 0.05
# Few prices move by more than this factor from one bar to the next.
_LARGEST_MOVE = 3.0

Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class RejectedBulkRow:
    """A rejected row of a bulk answer: its code ("" if that cannot be read) and the reason."""

    code: str
    rule: str
    excerpt: str


@dataclass(frozen=True, eq=False)
class BulkSession:
    """A session of an exchange as the vendor sent it, by code.

    `position` is the row of a code's bar in `bars`; `rejected` has the rule and the excerpt of a
    rejected row, for codes without a bar; `rejected_rows` has all rejected rows; `flags` has the
    odd rows by rule. For `named` codes the bar alone cannot be trusted: they have actions, or rows
    that contradict each other. The prices of `signed` codes may be zero or negative.
    """

    session: dt.date
    position: Mapping[str, int]
    bars: Bars
    rejected: Mapping[str, tuple[str, str]]
    flags: Mapping[str, Mask]
    named: frozenset[str]
    body_sha256: str
    rejected_rows: tuple[RejectedBulkRow, ...] = ()
    signed: SignedCodes = NO_CODES

    @cached_property
    def is_odd(self) -> Mask:
        """Which rows break any flag rule."""
        odd: Mask = np.zeros(len(self.bars), np.bool_)
        for broken in self.flags.values():
            odd |= broken
        return odd

    def flagged(self, row: int) -> str:
        """Return the flag rules that a row breaks as JSON, each with the count 1."""
        return json.dumps({rule: 1 for rule, broken in self.flags.items() if broken[row]})


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Assets that lack a session and none before it, ascending by id, with their last bar.

    Without a last bar `last_day` is the lowest number and the prices are NaN. `is_damaged` are
    those whose last stored bar is not the one that was stored last: bars of them are lost.
    """

    asset_ids: NDArray[np.int32]
    codes: tuple[str, ...]
    fences: NDArray[np.int64]
    last_day: NDArray[np.int32]
    close: Floats
    adjusted_close: Floats
    is_damaged: Mask

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """What happens to each candidate, as positions in `Candidates`.

    `rows` has the rows of the `stored` ones in the bulk session. `absent` have no row, `rejected` a
    rejected one. Those `to_fetch` are fetched individually, the codes `to_reload` with their whole
    history. `leaping` are stored ones whose price may have made the step of a split.
    """

    stored: Positions
    rows: Positions
    absent: Positions
    rejected: Positions
    to_fetch: Positions
    to_reload: frozenset[str]
    leaping: Positions = field(default_factory=lambda: np.zeros(0, np.intp))

    @property
    def advanced(self) -> Positions:
        """Those that the session advances: stored, absent and rejected ones, ascending."""
        return np.sort(np.concatenate((self.stored, self.absent, self.rejected)))

    def without(self, lost: Mask) -> Classified:
        """Return this without the assets that a worker has leased meanwhile."""
        kept = ~lost
        return replace(
            self,
            stored=self.stored[kept[self.stored]],
            rows=self.rows[kept[self.stored]],
            absent=self.absent[kept[self.absent]],
            rejected=self.rejected[kept[self.rejected]],
            leaping=self.leaping[kept[self.leaping]],
        )

    def only_stored(self) -> Classified:
        """Return this with nothing but the bars to store."""
        none = self.stored[:0]
        stored = replace(self, absent=none, rejected=none, to_fetch=none, leaping=none)
        return replace(stored, to_reload=frozenset())


def classify(bulk_session: BulkSession, candidates: Candidates, reference: int) -> Classified:
    """Decide what a bulk session means for the assets that lack it.

    `reference` is the day up to which an asset without a break has bars, as `reference_day`
    returns.
    """
    rows = np.array([bulk_session.position.get(code, -1) for code in candidates.codes], np.intp)
    is_named = np.array([code in bulk_session.named for code in candidates.codes], np.bool_)
    is_named |= candidates.is_damaged
    is_refused = np.array([code in bulk_session.rejected for code in candidates.codes], np.bool_)
    is_signed = np.array([code in bulk_session.signed for code in candidates.codes], np.bool_)
    has_bar = rows >= 0
    bars = bulk_session.bars.take(rows[has_bar])
    continues = np.zeros(len(candidates), np.bool_)
    continues[has_bar] = is_continued(candidates, bars, has_bar, is_signed[has_bar])
    reaches_up = (reference <= candidates.last_day) & (
        candidates.last_day < days(bulk_session.session)
    )
    is_stored = has_bar & continues & reaches_up & ~is_named
    is_changed = is_named | (has_bar & ~continues & ~np.isnan(candidates.close))
    is_rejected = ~has_bar & is_refused & ~is_named
    is_absent = ~has_bar & ~is_refused & ~is_named
    stored = np.flatnonzero(is_stored)
    leaps = is_leap(candidates.close[stored], bulk_session.bars.close[rows[stored]])
    return Classified(
        stored=stored,
        rows=rows[stored],
        absent=np.flatnonzero(is_absent),
        rejected=np.flatnonzero(is_rejected),
        to_fetch=np.flatnonzero(~(is_stored | is_absent | is_rejected)),
        to_reload=frozenset(candidates.codes[at] for at in np.flatnonzero(is_changed)),
        leaping=stored[leaps & ~is_signed[stored]],
    )


def is_continued(candidates: Candidates, bars: Bars, chosen: Mask, is_signed: Mask) -> Mask:
    """Say of which of the chosen assets a new bar continues the last stored one.

    Its adjustment is the same, as far as four decimals can show, and its price is of the same
    order: a large move may be a split that no feed reported, or another company under the same
    code. Prices that may be zero or negative, `is_signed`, move by any factor, and most of their
    histories are not adjusted at all. False for assets without a stored bar.
    """
    before, after = candidates.close[chosen], bars.close
    adjusted_before, adjusted_after = candidates.adjusted_close[chosen], bars.adjusted_close
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = adjusted_after / after
        difference = np.abs(adjusted_before / before - factor)
        rounding = _ROUNDING / np.abs(before) + _ROUNDING / np.abs(after)
        is_alike = difference <= _TOLERANCE * np.abs(factor) + rounding
    is_near: Mask = (after <= _LARGEST_MOVE * before) & (before <= _LARGEST_MOVE * after)
    is_raw = _is_unadjusted(before, adjusted_before) & _is_unadjusted(after, adjusted_after)
    return np.where(is_signed, is_raw | is_alike, is_alike & is_near)


def _is_unadjusted(close: Floats, adjusted_close: Floats) -> Mask:
    unadjusted: Mask = np.abs(adjusted_close - close) <= 2 * _ROUNDING + _TOLERANCE * np.abs(close)
    return unadjusted


def reference_day(last_bars: Collection[dt.date | None]) -> dt.date | None:
    """Return the last day on which more than a handful of an exchange's assets have a bar.

    Normally the session before. If that was not a session after all, or was never published, the
    one before it, so that no asset is fetched individually because of it.
    """
    known = sorted(day for day in last_bars if day is not None)
    return known[-1 - int(_ODD_SHARE * len(known))] if known else None


def is_out(bulk_session: BulkSession, expected: Sequence[str]) -> bool:
    """Say whether a session is published, judged by the codes that traded in the last one.

    Rejected rows do not count: otherwise their gaps would not be found later.
    """
    if not expected:
        return bool(bulk_session.position)
    return sum(code in bulk_session.position for code in expected) >= _LEAST_SHARE * len(expected)


def flag_counts(bulk_session: BulkSession, rows: Positions) -> Counter[str]:
    """Count the flagged rows among some rows, by rule."""
    return Counter({rule: n for rule, b in bulk_session.flags.items() if (n := int(b[rows].sum()))})
