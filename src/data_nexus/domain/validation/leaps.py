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
    step = _steps(before, after)
    found: Mask = np.isfinite(step) & ((step > LARGEST_STEP) | _is_plain(step))
    return found


def has_plain_step(bars: Bars, since: dt.date | None) -> bool:
    """Whether a close steps by a plain ratio after a day, without an adjustment.

    It may be a split that the vendor never works in. None: on any day.
    """
    first = 1 if since is None else max(1, int(np.searchsorted(bars.date, days(since) + 1)))
    if first >= len(bars):
        return False
    steps = _steps(bars.close[first - 1 : -1], bars.close[first:])
    if not (steps > LARGEST_STEP).any():
        return False
    plain = np.flatnonzero(np.isfinite(steps) & _is_plain(steps)) + first
    return any(_is_unexplained(bars, at) for at in plain.tolist())


def _steps(before: Floats, after: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(after / before, before / after)


def _is_plain(steps: Floats) -> Mask:
    nearest = np.abs(steps[:, None] / _PLAIN_RATIOS[None, :] - 1).min(axis=1, initial=np.inf)
    found: Mask = nearest <= _PLAIN_WITHIN
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
    found = next((at for at in leaps.tolist() if _is_unexplained(bars, at)), None)
    return None if found is None else EPOCH + dt.timedelta(days=int(bars.date[found]))


def _is_unexplained(bars: Bars, at: int) -> bool:
    """Whether the step into a bar is adjusted by nothing, and larger than those before it."""
    start = max(0, at - 1 - _USUAL_BARS)
    raw = _steps(bars.close[at - 1 : at], bars.close[at : at + 1])[0]
    steps = _steps(bars.adjusted_close[start:at], bars.adjusted_close[start + 1 : at + 1])
    largest = max(LARGEST_STEP, float(np.nanmax(steps[:-1], initial=1.0)))
    step = float(steps[-1])
    is_adjusted = not abs(raw / step - 1) <= _PLAIN_WITHIN
    return bool(np.isfinite(step)) and step > largest and not is_adjusted
