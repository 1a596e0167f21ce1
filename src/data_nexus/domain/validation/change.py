"""Compare answered bars with stored ones, in columns: what is new, changed or gone. Pure.

The rows of hundreds of assets are compared at once; a loop goes only over assets that the vendor
re-based.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import PRICES, AssetBars, Bars, Days, Floats, Ids, Keys, Mask

# A factor of prices below this says nothing; neither does one of prices that are zero or negative.
LOWEST_FACTORED = 1e-9
# Volumes below this are too coarse to show a split's ratio.
_SHOWS_RATIO = 1000
# How far the ratios of the middle half of the volumes, and the ratio from 1, may differ.
_RATIO_SPREAD = 0.002
# A rescaled volume may be rounded to a whole share, and by this part of itself.
_VOLUME_ROUNDING = 0.001
# Beyond these no volume is multiplied.
_LOWEST_VOLUME, _HIGHEST_VOLUME = 1e-9, 1e18
_RAW = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, eq=False)
class Rebasing:
    """The bars of an asset of which only the adjusted closes, or volumes by one ratio, changed.

    `adjusted_closes` and `volumes` are the old ones; `volumes` is None where all stayed. The
    factors are adjusted close / close of the oldest bar before and after, None where a price is
    zero or negative. `volume_ratio` is what the volumes were multiplied by.
    """

    asset_id: int
    old_factor: float | None
    new_factor: float | None
    volume_ratio: float | None
    dates: Days
    adjusted_closes: Floats
    volumes: Floats | None


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What answers make of stored bars.

    `written` are the bars to store, as answered: the new ones and those that differ; `inserted` and
    `revised` count them by asset. `arrived` has by asset the ranges of dates, as days since
    1970-01-01, between which new bars lie and no stored one. `restated` are old bars whose raw
    values changed, `rebasings` all other old values. `gone` are stored bars of whose dates the
    answers have none.
    """

    written: AssetBars
    inserted: Mapping[int, int]
    revised: Mapping[int, int]
    arrived: Mapping[int, Sequence[tuple[int, int]]]
    restated: AssetBars
    rebasings: tuple[Rebasing, ...]
    gone: AssetBars


def compare(stored: AssetBars, answered: AssetBars) -> Change:
    """Compare answers with the stored bars of their windows.

    A bar whose open, high, low or close differs is restated, and so is one whose volume differs,
    unless the volumes of its asset were multiplied by one ratio, as by a split.
    """
    place, is_new = _places(stored.keys(), answered.keys())
    new, known = np.flatnonzero(is_new), np.flatnonzero(~is_new)
    # Equal histories, by far the most, are compared where they lie.
    old = stored if len(known) == len(stored) else stored.take(place[known])
    now = answered if len(known) == len(answered) else answered.take(known)
    differs = np.flatnonzero(_differs(old.bars, now.bars))
    is_written = is_new.copy()
    is_written[known[differs]] = True
    is_gone = np.ones(len(stored), np.bool_)
    is_gone[place[known]] = False
    changed = now.take(differs)
    restated, rebasings = _judged(old.take(differs), changed)
    return Change(
        written=answered.take(np.flatnonzero(is_written)),
        inserted=_counted(answered.asset_id[new]),
        revised=_counted(changed.asset_id),
        arrived=_arrived(answered.take(new), place[new]),
        restated=restated,
        rebasings=rebasings,
        gone=stored.take(np.flatnonzero(is_gone)),
    )


def _places(stored: Keys, answered: Keys) -> tuple[NDArray[np.intp], Mask]:
    """Return for each answered row how many stored ones come before it, and whether it is new."""
    place = np.searchsorted(stored, answered)
    is_new = np.ones(len(answered), np.bool_)
    is_within = place < len(stored)
    is_new[is_within] = stored[place[is_within]] != answered[is_within]
    return place, is_new


def _arrived(new: AssetBars, place: NDArray[np.intp]) -> dict[int, list[tuple[int, int]]]:
    """Return the ranges of new bars: a stored one between two of them has two places."""
    found: dict[int, list[tuple[int, int]]] = {}
    for part in _runs(new.asset_id, place):
        days = new.bars.date[part]
        ranges = found.setdefault(int(new.asset_id[part.start]), [])
        ranges.append((int(days[0]), int(days[-1])))
    return found


def factor(close: float, adjusted_close: float) -> float | None:
    """Return adjusted close / close, None where that says nothing."""
    return adjusted_close / close if min(close, adjusted_close) > LOWEST_FACTORED else None


def _differs(old: Bars, new: Bars) -> Mask:
    return reduce(np.logical_or, [getattr(old, n) != getattr(new, n) for n in (*PRICES, "volume")])


def _judged(old: AssetBars, new: AssetBars) -> tuple[AssetBars, tuple[Rebasing, ...]]:
    """Separate changed bars into restated ones, as they were, and re-based ones."""
    before, after = old.bars, new.bars
    is_repriced = reduce(np.logical_or, [getattr(before, n) != getattr(after, n) for n in _RAW])
    ratios = _split_ratios(old, new, is_repriced)
    is_restated = is_repriced | (
        (after.volume != before.volume) & ~_is_rescaled(before.volume, after.volume, ratios)
    )
    kept, now = old.take(~is_restated), new.take(~is_restated)
    ratios = ratios[~is_restated]
    rebasings = (
        _rebasing(kept.take(part), now.take(part), float(ratios[part.start]))
        for part in _runs(kept.asset_id)
    )
    return old.take(is_restated), tuple(rebasings)


def _split_ratios(old: AssetBars, new: AssetBars, is_repriced: Mask) -> Floats:
    """Return for each changed bar what a split multiplied its asset's volumes by, NaN for none.

    The ratios of the middle half of the re-based bars agree then, and volumes restated at the same
    time do not count.
    """
    before, after = old.bars, new.bars
    shows = ~is_repriced & (after.adjusted_close != before.adjusted_close)
    shows &= np.minimum(before.volume, after.volume) >= _SHOWS_RATIO
    asset_id, ratio = old.asset_id[shows], after.volume[shows] / before.volume[shows]
    order = np.lexsort((ratio, asset_id))
    asset_id, ratio = asset_id[order], ratio[order]
    assets, first, count = np.unique(asset_id, return_index=True, return_counts=True)
    lower, middle, upper = (
        ratio[first + np.ceil(share * count).astype(np.intp) - 1] for share in (0.25, 0.5, 0.75)
    )
    agrees = (count > 1) & (upper <= lower * (1 + _RATIO_SPREAD))
    agrees &= np.abs(middle - 1) > _RATIO_SPREAD
    found = np.full(len(old), np.nan)
    place = np.searchsorted(assets[agrees], old.asset_id)
    known = np.isin(old.asset_id, assets[agrees])
    found[known] = middle[agrees][place[known]]
    return found


def _is_rescaled(old: Floats, new: Floats, ratios: Floats) -> Mask:
    """Whether volumes are the old ones times a ratio, rounded."""
    usable = ~np.isnan(ratios)
    for volumes in (old, new):
        usable &= (volumes >= _LOWEST_VOLUME) & (volumes <= _HIGHEST_VOLUME)
    found = np.zeros(len(old), np.bool_)
    off = np.abs(new[usable] - old[usable] * ratios[usable])
    found[usable] = off <= 1 + _VOLUME_ROUNDING * new[usable]
    return found


def _rebasing(old: AssetBars, new: AssetBars, ratio: float) -> Rebasing:
    before, after = old.bars, new.bars
    is_rescaled = bool((before.volume != after.volume).any())
    return Rebasing(
        asset_id=int(old.asset_id[0]),
        old_factor=factor(float(before.close[0]), float(before.adjusted_close[0])),
        new_factor=factor(float(after.close[0]), float(after.adjusted_close[0])),
        volume_ratio=ratio if is_rescaled else None,
        dates=before.date,
        adjusted_closes=before.adjusted_close,
        volumes=before.volume if is_rescaled else None,
    )


def _counted(asset_ids: Ids) -> dict[int, int]:
    found, counts = np.unique(asset_ids, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _runs(*columns: Ids | NDArray[np.intp]) -> Iterator[slice]:
    """Return the parts in which all columns keep their values, in turn."""
    if not len(columns[0]):
        return
    steps = reduce(np.logical_or, [column[1:] != column[:-1] for column in columns])
    starts = [0, *(np.flatnonzero(steps) + 1).tolist()]
    for first, end in zip(starts, [*starts[1:], len(columns[0])], strict=True):
        yield slice(first, end)
