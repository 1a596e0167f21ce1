"""Owns how one made-up tape comes about: a random walk, actions, and candles around it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from data_nexus.sandbox.calendar import Days
from data_nexus.sandbox.tape import EMPTY, Dividend, Floats, Split, Tape

# new, old, how often per year
SPLITS = ((2, 1), (2, 1), (3, 1), (4, 1), (3, 2), (5, 4), (1, 10), (1, 20), (1398, 1000))
SPLITS_PER_YEAR = 0.06
SESSIONS_PER_YEAR = 252
PAYERS_SHARE = 0.45
PERIODS = (("Quarterly", 63), ("Quarterly", 63), ("Monthly", 21), ("Other", 126), (None, 63))
QUIET_SHARE = 0.4  # of an illiquid name's sessions
CENTS_SHARE = 0.6  # of the names are quoted in whole cents
LEAST_PRICE = 0.01


@dataclass(frozen=True, slots=True)
class Nature:
    """What kind of tape: a fund has one price a day, an illiquid name many days without trade.

    An eventful one has a split and dividends in any world.
    """

    fund: bool = False
    illiquid: bool = False
    eventful: bool = False


def make_tape(rng: np.random.Generator, days: Days, nature: Nature) -> Tape:
    """A tape over the sessions; raw prices, so that a split shows as a jump."""
    count = len(days)
    if not count:
        return EMPTY
    sigma = rng.uniform(0.008, 0.03)
    decimals = 2 if rng.random() < CENTS_SHARE else 4
    moves = rng.normal(0.0003, sigma, count)
    gaps, above, below = rng.normal(0, sigma / 2, (3, count))
    quiet = rng.random(count) < QUIET_SHARE if nature.illiquid else np.zeros(count, dtype=bool)
    quiet[0] = False
    for column in (moves, gaps, above, below):
        column[quiet] = 0
    walk = np.exp(np.cumsum(moves))
    start = float(np.exp(rng.normal(3.3, 0.8)))
    splits, level = _splits(rng, days, walk * start)
    if nature.eventful and not splits:
        splits, level = _one_split(days)
    close = np.maximum(np.round(walk * start * level, decimals), LEAST_PRICE)
    # The open is the close before it, in today's shares, and a gap; a quiet session has none.
    before = np.append(1.0, walk[:-1])
    opened = np.round(before * start * level * np.exp(gaps), decimals)
    opened = np.where(quiet | nature.fund, close, np.maximum(opened, LEAST_PRICE))
    still = quiet | nature.fund
    high = np.where(still, close, np.round(np.maximum(opened, close) * (1 + abs(above)), decimals))
    low = np.where(still, close, np.round(np.minimum(opened, close) * (1 - abs(below)), decimals))
    pays = rng.random() < PAYERS_SHARE or nature.eventful
    volume = np.round(np.exp(rng.normal(rng.uniform(9, 15), 0.5, count)) / level)
    return Tape(
        date=days,
        open=opened,
        high=high,
        low=np.maximum(low, LEAST_PRICE),
        close=close,
        volume=np.where(still, 0.0, volume),
        splits=splits,
        dividends=_dividends(rng, days, close, splits) if pays else (),
    )


def _splits(
    rng: np.random.Generator, days: Days, price: Floats
) -> tuple[tuple[Split, ...], Floats]:
    """The splits, and for each session the level to which they brought a share."""
    count = int(rng.poisson(SPLITS_PER_YEAR * len(days) / SESSIONS_PER_YEAR))
    level = np.ones(len(days))
    splits = []
    for at in sorted(set(rng.integers(1, max(2, len(days)), count).tolist())):
        new, old = SPLITS[int(rng.integers(len(SPLITS)))]
        cheap = price[at - 1] * level[at - 1] < 5
        dear = price[at - 1] * level[at - 1] > 200
        if at >= len(days) or (cheap and new > old) or (dear and old > new):
            continue
        splits.append(Split(days[at].item(), new, old))
        level[at:] *= old / new
    return tuple(splits), level


def _one_split(days: Days) -> tuple[tuple[Split, ...], Floats]:
    at = len(days) // 3
    level = np.ones(len(days))
    level[at:] /= 4
    return (Split(days[at].item(), 4, 1),), level


def _dividends(
    rng: np.random.Generator, days: Days, close: Floats, splits: tuple[Split, ...]
) -> tuple[Dividend, ...]:
    split_days = {split.date for split in splits}
    period, step = PERIODS[int(rng.integers(len(PERIODS)))]
    first = int(rng.integers(1, step + 1))
    share = rng.uniform(0.001, 0.008)
    dated = rng.random() < 0.8
    found = []
    for at in range(first, len(days), step):
        amount = round(float(close[at - 1]) * share, 4)
        day: date = days[at].item()
        if amount > 0 and day not in split_days:
            found.append(
                Dividend(
                    date=day,
                    unadjusted=amount,
                    declared=day - timedelta(20) if dated else None,
                    recorded=day + timedelta(1) if dated else None,
                    paid=day + timedelta(15) if dated else None,
                    period=period,
                )
            )
    return tuple(found)
