"""Suspicions: what makes an asset be read again although nothing is due, and when. Pure.

Some mistakes of a vendor cannot be told from the truth on the night on which they appear: a row
that does not come, a price that leaps, an action that the adjusted closes do not show. Such an
asset is noted, with the reason, and its whole history is read on the next nights, at growing
distances, until the reason is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

import numpy as np

from data_nexus.domain.bars import Bars, Floats, Mask, days

# After so many readings that did not help, a suspicion is left to the audit and to a person.
MOST_READINGS = 6
# Adjusted closes that are unexplained since longer than this will not be mended by waiting.
RECENT = timedelta(days=30)
# A price that moves by more than this, and by more than is usual for it, may be a split.
LARGEST_STEP = 1.4
_USUAL_BARS = 60
_PLAIN_RATIOS = np.array([2.0, 3.0, 4.0, 5.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 50.0, 100.0])
_PLAIN_WITHIN = 0.03


class Reason(StrEnum):
    """Why an asset is suspected."""

    LATE = "no row although it trades"
    REJECTED = "its row was rejected"
    UNSENT = "a stored bar is not sent any more"
    LEAP = "its price leaps"
    ACTION = "an action was reported late"
    UNEXPLAINED = "actions do not explain its adjusted closes"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """An asset that is to be read again: why, because of which session, and from when on."""

    asset_id: int
    reason: Reason
    session: date
    read_after: datetime


@dataclass(frozen=True, slots=True)
class NotedSuspicion:
    """A suspicion as it is stored: how many `times` the asset was read because of it."""

    asset_id: int
    reason: Reason
    session: date
    times: int


# What a whole answer ends, whatever it says: it speaks of the session itself.
_ENDED_BY_AN_ANSWER = frozenset({Reason.LATE, Reason.REJECTED, Reason.UNSENT, Reason.ACTION})


def wait_after(times: int) -> timedelta | None:
    """Return how long to wait after a number of readings (from 1): 1, 2, 4, 8 … days, or for good.

    A little less than whole days, so that a night that begins earlier than the last one counts.
    """
    return timedelta(days=2 ** (times - 1), hours=-6) if times < MOST_READINGS else None


@dataclass(frozen=True, slots=True)
class SettledSuspicion:
    """What an answer does to a suspicion: it ends, or the next reading is put off.

    Without a moment it is put off for good.
    """

    asset_id: int
    reason: Reason
    is_ended: bool
    read_after: datetime | None = None


def settled(
    noted: Sequence[NotedSuspicion], bars: Bars, moment: datetime, *, is_explained: bool
) -> tuple[SettledSuspicion, ...]:
    """Return what a whole history, received at a moment, does to the suspicions of its asset."""
    found = []
    for each in noted:
        wait = wait_after(each.times + 1)
        ended = is_ended(each, bars, is_explained=is_explained)
        later = moment + wait if wait else None
        found.append(SettledSuspicion(each.asset_id, each.reason, ended, later))
    return tuple(found)


def is_ended(noted: NotedSuspicion, bars: Bars, *, is_explained: bool) -> bool:
    """Say whether a whole history ends a suspicion; `is_explained` by its stored actions."""
    if noted.reason in _ENDED_BY_AN_ANSWER:
        return True
    return is_explained if noted.reason is Reason.UNEXPLAINED else not leap_at(bars, noted.session)


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


def leap_at(bars: Bars, session: date) -> bool:
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
