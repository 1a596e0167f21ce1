"""The overlap: do the stored bars before the cursor still match what the vendor sends? Pure.

Each re-read begins some bars before the last stored one. A split or dividend changes
`adjusted_close` of every earlier bar, and a split their volumes; a restatement changes raw values;
bars may be lost here, or withdrawn there. Each shows in the overlap, and then nothing older can be
trusted either.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from data_nexus.domain.bars import NO_BARS, Bars, Days, days
from data_nexus.domain.validation.withdrawal import SentDates, doubt

# Of so many common days or more, closes that move differently by so much on so many of them, in
# all or in any so many in a row. In two real deliveries nothing that was revised came above a tenth
# of thirty days, and of two companies taken by chance one pair in a hundred below a half.
_LEAST_STEPS, _OTHER_STEP, _OTHER_SHARE, _STRETCH = 10, 0.002, 0.5, 30


class Break(StrEnum):
    """How stored bars and an answer disagree."""

    REBASED = "its adjusted closes were re-based"
    RESTATED = "its bars were restated"
    WITHDRAWN = "stored bars of it are not sent any more"
    MISSING = "bars of it are not stored"


def overlap_break(
    stored: Bars, answered: Bars, last_bar: dt.date, rejected: Days = NO_BARS.date
) -> Break | None:
    """Return how the answer breaks with the stored bars of its window; None if it continues them.

    The window holds `last_bar`, up to which bars were stored: that it is not there any more, that
    the answer has bars before it that are stored nowhere, or lacks one that is stored, is a break
    too; of the date of a `rejected` row it lacks none. Raw values of the last stored bar may change
    alone: the vendor corrects a session's prices and volume in the days after it (its
    documentation; `docs/DATA_FORMAT_SPEC.md`).
    """
    if not len(stored) or stored.date.max() != days(last_bar):
        return Break.MISSING
    _, old, new = np.intersect1d(
        stored.date, answered.date, assume_unique=True, return_indices=True
    )
    if not len(old):
        return Break.WITHDRAWN
    before, after = stored.take(old), answered.take(new)
    earlier = before.date < stored.date.max()
    if _factors_differ(before, after, earlier):
        return Break.REBASED
    if (_raw_differs(before, after) & earlier).any():
        return Break.RESTATED
    if len(np.setdiff1d(stored.date, np.concatenate([answered.date, rejected]))):
        return Break.WITHDRAWN
    known = int((answered.date <= stored.date.max()).sum())
    return Break.MISSING if known > len(old) else None


def is_of_another(stored: Bars, answered: Bars, arrived: Iterable[tuple[int, int]] = ()) -> bool:
    """Whether the closes of an answer move, day by day, unlike the stored ones: another asset's.

    So do all of them, or a part: answers may be put together of two. A ratio that is common to
    some bars in a row, as of a split, does not count as a move. Too few bars say nothing; then the
    answer is in doubt if it brings a past, days of which no bar has `arrived` before. (Those are
    ranges of days since 1970-01-01, each without its end.)
    """
    _, old, new = np.intersect1d(
        stored.date, answered.date, assume_unique=True, return_indices=True
    )
    with np.errstate(all="ignore"):
        ratios = np.log(answered.close[new] / stored.close[old])
    moves = np.abs(np.diff(ratios[np.isfinite(ratios)])) > _OTHER_STEP
    if len(moves) < _LEAST_STEPS:
        past = answered.date[answered.date < stored.date.min()]
        known = sum(int(((first <= past) & (past < end)).sum()) for first, end in arrived)
        return len(old) > 0 and len(past) - known >= _LEAST_STEPS
    stretch = min(_STRETCH, len(moves))
    before = np.concatenate([[0], np.cumsum(moves)])
    return bool((before[stretch:] - before[:-stretch] > _OTHER_SHARE * stretch).any())


@dataclass(frozen=True, slots=True)
class Divergence:
    """How many bars of a whole history differ from the vendor's, up to the last stored one.

    `missing` are not stored, `changed` have other values, `withdrawn` are not sent any more, and
    neither are `doubted` ones, which stay. `is_of_another`: the answer looks like another asset's.
    """

    missing: int
    changed: int
    withdrawn: int
    doubted: int = 0
    is_of_another: bool = False

    @property
    def is_mended_by_reading(self) -> bool:
        """Whether reading the whole history again makes it the vendor's; doubted bars stay."""
        is_apart = bool(self.missing or self.changed or self.withdrawn)
        return is_apart and not self.is_of_another


def divergence(stored: Bars, answered: Bars, sent: SentDates) -> Divergence | None:
    """Return how a stored history differs from a whole one that the vendor sends; None: in nothing.

    The last stored bar may have other values: the next re-read corrects it. `sent` are the dates
    of all rows of the answer.
    """
    if not len(stored):
        return None
    last = stored.date.max()
    known = answered.take(answered.date <= last)
    _, old, new = np.intersect1d(stored.date, known.date, assume_unique=True, return_indices=True)
    before, after = stored.take(old), known.take(new)
    differs = _raw_differs(before, after) | (before.adjusted_close != after.adjusted_close)
    lacking = sent.lacking(stored.date)
    # Last bars that are lacking are withdrawn by readings, although not by the first one.
    why = doubt(stored.date, lacking, sent, is_confirmed=True) if len(lacking) else None
    found = Divergence(
        missing=len(known) - len(old),
        changed=int((differs & (before.date < last)).sum()),
        withdrawn=0 if why else len(lacking),
        doubted=len(lacking) if why else 0,
    )
    if found == Divergence(0, 0, 0):
        return None
    return replace(found, is_of_another=bool(found.changed) and is_of_another(stored, known))


def _raw_differs(before: Bars, after: Bars) -> np.typing.NDArray[np.bool_]:
    differs = np.zeros(len(before), np.bool_)
    for name in ("open", "high", "low", "close", "volume"):
        differs |= getattr(before, name) != getattr(after, name)
    return differs


def _factors_differ(before: Bars, after: Bars, earlier: np.typing.NDArray[np.bool_]) -> bool:
    """Whether an adjusted close changed where its close did not, or at all before the last bar."""
    differs = before.adjusted_close != after.adjusted_close
    return bool((differs & (earlier | (before.close == after.close))).any())
