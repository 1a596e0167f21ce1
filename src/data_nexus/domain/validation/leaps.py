"""Leaps: steps of a price that may be a split which the vendor has not worked in yet. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from data_nexus.domain.bars import EPOCH, Bars, Floats, Mask, days

# A price that moves by more than this, and by more than is usual for it, may be a split.
LARGEST_STEP = 1.4
_USUAL_BARS = 60
_PLAIN_RATIOS = np.array([2.0, 3.0, 4.0, 5.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 50.0, 100.0])
_PLAIN_WITHIN = 0.03


def is_leap(before: Floats, after: Floats) -> Mask:
    """Say which prices step by a plain ratio, or by so much that it may be a split."""
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.maximum(after / before, before / after)
    nearest = np.abs(step[:, None] / _PLAIN_RATIOS[None, :] - 1).min(axis=1, initial=np.inf)
    found: Mask = np.isfinite(step) & ((step > LARGEST_STEP) | (nearest <= _PLAIN_WITHIN))
    return found


def is_unusual(closes: Sequence[float]) -> bool:
    """Say whether the last of some closes, ascending, is a leap that the others do not show."""
    prices = np.array(closes, np.float64)
    if len(prices) < 2 or not is_leap(prices[-2:-1], prices[-1:])[0]:
        return False
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.maximum(prices[1:] / prices[:-1], prices[:-1] / prices[1:])
    usual = float(np.nanmax(steps[:-1], initial=1.0))
    return bool(steps[-1] > max(LARGEST_STEP, usual))


def first_leap(bars: Bars, since: dt.date) -> dt.date | None:
    """Return the first day since one into which a close leaps without an adjustment; None: no day.

    `bars` are the last ones of a history, ascending. A leap is not suspicious if the asset has made
    such a step within its last bars before.
    """
    first = max(1, int(np.searchsorted(bars.date, days(since))))
    if first >= len(bars):
        return None
    leaps = np.flatnonzero(is_leap(bars.close[first - 1 : -1], bars.close[first:])) + first
    with np.errstate(divide="ignore", invalid="ignore"):
        raw = bars.close[1:] / bars.close[:-1]
        adjusted = bars.adjusted_close[1:] / bars.adjusted_close[:-1]
        sizes = np.maximum(adjusted, 1 / adjusted)
        is_adjusted = np.abs(raw / adjusted - 1) > _PLAIN_WITHIN
    for at in leaps.tolist():
        step, usual = sizes[at - 1], sizes[max(0, at - 1 - _USUAL_BARS) : at - 1]
        largest = max(LARGEST_STEP, float(np.nanmax(usual, initial=1.0)))
        if np.isfinite(step) and step > largest and not is_adjusted[at - 1]:
            return EPOCH + dt.timedelta(days=int(bars.date[at]))
    return None
