"""Leaps: steps of a price that may be a split which the vendor has not worked in yet. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from data_nexus.domain.bars import Bars, Floats, Mask, days

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


def leap_at(bars: Bars, session: dt.date) -> bool:
    """Say whether the close leaps into a session and the vendor's adjustment does not explain it.

    `bars` are a whole history, ascending. A leap is not suspicious if the asset has made such a
    step within its last bars before.
    """
    at = int(np.searchsorted(bars.date, days(session)))
    if at == 0 or at == len(bars) or bars.date[at] != days(session):
        return False
    with np.errstate(divide="ignore", invalid="ignore"):
        raw = bars.close[1:] / bars.close[:-1]
        adjusted = bars.adjusted_close[1:] / bars.adjusted_close[:-1]
    if not is_leap(bars.close[at - 1 : at], bars.close[at : at + 1])[0]:
        return False
    sizes = np.maximum(adjusted, 1 / adjusted)
    step, usual = sizes[at - 1], sizes[max(0, at - 1 - _USUAL_BARS) : at - 1]
    is_adjusted = abs(raw[at - 1] / adjusted[at - 1] - 1) > _PLAIN_WITHIN
    largest = float(usual.max(initial=1.0))
    return bool(np.isfinite(step) and step > LARGEST_STEP and not is_adjusted and step > largest)
