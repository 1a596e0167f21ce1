"""Make up a tape: a random walk, actions, and candles around it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from data_nexus.sandbox.market.calendar import Days
from data_nexus.sandbox.market.tape import EMPTY, Dividend, Floats, Split, Tape

SPLITS = ((2, 1), (2, 1), (3, 1), (4, 1), (3, 2), (5, 4), (1, 10), (1, 20), (1398, 1000))
SPLITS_PER_YEAR = 0.06
SESSIONS_PER_YEAR = 252
PAYERS_SHARE = 0.45
PERIODS = (("Quarterly", 63), ("Quarterly", 63), ("Monthly", 21), ("Other", 126), (None, 63))
QUIET_SHARE = 0.4  # of an illiquid symbol's sessions
CENTS_SHARE = 0.6  # of the symbols are quoted in whole cents
DATED_SHARE = 0.8  # of the payers, whose declaration, record and payment dates are known
LEAST_PRICE = 0.01
CHEAP, DEAR = 5, 200  # no split below, no reverse split above
DRIFT = 0.0003


@dataclass(frozen=True, slots=True)
class Nature:
    """What kind of tape: a fund has one price a day, an illiquid one many days without trade.

    `split_on` is for symbols that must have a split and dividends with any seed.
    """

    fund: bool = False
    illiquid: bool = False
    split_on: date | None = None


def make_tape(rng: np.random.Generator, days: Days, nature: Nature) -> Tape:
    """A tape over the sessions; raw prices, so that a split shows as a jump.

    More sessions only add rows: those before them stay what they were.
    """
    if not len(days):
        return EMPTY
    dice = rng.spawn(1)[0].random((len(days), 3))
    sigma, mean_volume = rng.uniform(0.008, 0.03), rng.uniform(9, 15)
    decimals = 2 if rng.random() < CENTS_SHARE else 4
    start = float(np.exp(rng.normal(3.3, 0.8)))
    payout = _payout(rng) if rng.random() < PAYERS_SHARE or nature.split_on else None
    draws = rng.standard_normal((len(days), 5))
    quiet = (dice[:, 0] < QUIET_SHARE) & nature.illiquid
    quiet[0] = False
    walk = start * np.exp(np.cumsum(np.where(quiet, 0, DRIFT + sigma * draws[:, 0])))
    splits, level = _splits(dice, days, walk, nature.split_on)
    close = np.maximum(np.round(walk * level, decimals), LEAST_PRICE)
    # The open is the close before it, in the day's own shares, and a gap.
    before = np.append(start, walk[:-1]) * level
    still = quiet | nature.fund
    opened = np.round(before * np.exp(sigma / 2 * draws[:, 1]), decimals)
    opened = np.where(still, close, np.maximum(opened, LEAST_PRICE))
    above, below = 1 + sigma / 2 * np.abs(draws[:, 2:4].T)
    high = np.where(still, close, np.round(np.maximum(opened, close) * above, decimals))
    low = np.where(still, close, np.round(np.minimum(opened, close) / below, decimals))
    volume = np.round(np.exp(mean_volume + draws[:, 4] / 2) / level)
    return Tape(
        date=days,
        open=opened,
        high=high,
        low=np.maximum(low, LEAST_PRICE),
        close=close,
        volume=np.where(still, 0.0, volume),
        splits=splits,
        dividends=_dividends(payout, days, close, splits) if payout else (),
    )


def _splits(
    dice: Floats, days: Days, price: Floats, split_on: date | None
) -> tuple[tuple[Split, ...], Floats]:
    """The splits, and for each session the level to which they brought a share."""
    ratios = {
        int(at): SPLITS[int(dice[at, 2] * len(SPLITS))]
        for at in np.flatnonzero(dice[:, 1] < SPLITS_PER_YEAR / SESSIONS_PER_YEAR)
    }
    if split_on:
        ratios[int(np.searchsorted(days, np.datetime64(split_on, "D")))] = (4, 1)
    level = np.ones(len(days))
    splits = []
    for at, (new, old) in sorted(ratios.items()):
        if not 0 < at < len(days):
            continue
        worth = price[at - 1] * level[at - 1]
        sensible = worth > CHEAP if new > old else worth < DEAR
        if sensible or days[at] == split_on:
            splits.append(Split(days[at].item(), new, old))
            level[at:] *= old / new
    return tuple(splits), level


@dataclass(frozen=True, slots=True)
class _Payout:
    """How a symbol pays: every `step` sessions from `first` on, a share of its price."""

    period: str | None
    step: int
    first: int
    share: float
    dated: bool


def _payout(rng: np.random.Generator) -> _Payout:
    period, step = PERIODS[int(rng.integers(len(PERIODS)))]
    first, share = int(rng.integers(1, step + 1)), rng.uniform(0.001, 0.008)
    return _Payout(period, step, first, share, dated=bool(rng.random() < DATED_SHARE))


def _dividends(
    payout: _Payout, days: Days, close: Floats, splits: tuple[Split, ...]
) -> tuple[Dividend, ...]:
    split_days = {split.date for split in splits}
    found = []
    for at in range(payout.first, len(days), payout.step):
        amount = round(float(close[at - 1]) * payout.share, 4)
        day: date = days[at].item()
        if amount > 0 and day not in split_days:
            found.append(
                Dividend(
                    date=day,
                    unadjusted=amount,
                    declared=day - timedelta(20) if payout.dated else None,
                    recorded=day + timedelta(1) if payout.dated else None,
                    paid=day + timedelta(15) if payout.dated else None,
                    period=payout.period,
                )
            )
    return tuple(found)
