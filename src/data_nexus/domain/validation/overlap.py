"""The overlap: do the stored bars before the cursor still match what the vendor sends? Pure.

Each re-read begins some bars before the cursor. A split or dividend changes `adjusted_close` of
every earlier bar, and a split their volumes; a restatement changes raw values. Either shows in
the overlap, and then nothing older can be trusted either.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from data_nexus.domain.bars import Bars


class Break(StrEnum):
    """How stored bars and an answer disagree."""

    REBASED = "its adjusted closes were re-based"
    RESTATED = "its bars were restated"
    WITHDRAWN = "its last bars have disappeared"


def overlap_break(stored: Bars, answered: Bars) -> Break | None:
    """Return how the answer breaks with the stored bars of its window; None if it continues them.

    Raw values of the last stored bar may change alone: the vendor corrects a session's prices and
    volume in the days after it (its documentation; `docs/DATA_FORMAT_SPEC.md`).
    """
    if not len(stored):
        return None
    _, old, new = np.intersect1d(
        stored.date, answered.date, assume_unique=True, return_indices=True
    )
    if not len(old):
        return Break.WITHDRAWN
    before, after = stored.take(old), answered.take(new)
    earlier = before.date < stored.date.max()
    if _factors_differ(before, after, earlier):
        return Break.REBASED
    return Break.RESTATED if (_raw_differs(before, after) & earlier).any() else None


def _raw_differs(before: Bars, after: Bars) -> np.typing.NDArray[np.bool_]:
    differs = np.zeros(len(before), np.bool_)
    for name in ("open", "high", "low", "close", "volume"):
        differs |= getattr(before, name) != getattr(after, name)
    return differs


def _factors_differ(before: Bars, after: Bars, earlier: np.typing.NDArray[np.bool_]) -> bool:
    """Whether an adjusted close changed where its close did not, or at all before the last bar."""
    differs = before.adjusted_close != after.adjusted_close
    return bool((differs & (earlier | (before.close == after.close))).any())
