"""Answers are compared with stored bars in columns, and each bar is what a reader would call it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.bars import AssetBars, Bars, joined
from data_nexus.domain.validation.change import Change, compare
from tests.support.campaign import search, sized
from tests.support.postgres.workers import bars_from

EXAMPLES = sized(300, 20_000)
# Open, high, low, close, adjusted close, volume.
Values = tuple[float, ...]
Key = tuple[int, int]
Copy = dict[Key, Values]
DAY = date(2024, 1, 2)

PRICES = st.sampled_from([-2.5, -0.0, 0.0, 1e-10, 1.0, 1.5, 40.0])
VOLUMES = st.sampled_from([0.0, 10.0, 999.0, 1_000.0, 1_234.0, 5_000.0, 1e19])
KEYS = st.tuples(st.sampled_from([1, 2, 7]), st.integers(-3, 9))
STORED = st.dictionaries(KEYS, st.tuples(*[PRICES] * 5, VOLUMES), max_size=25)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Copy, Copy]:
    """What is stored, and an answer of it: re-based, split, restated, withdrawn and continued."""
    stored = draw(STORED)
    factor, split = draw(st.sampled_from([1.0, 0.9])), draw(st.sampled_from([1.0, 2.0, 1.0015]))
    answered = {
        key: (*values[:4], values[4] * factor, round(values[5] * split))
        for key, values in stored.items()
        if draw(st.integers(0, 9))
    }
    for key in draw(st.sets(st.sampled_from(sorted(answered)), max_size=4)) if answered else ():
        values = [*answered[key]]
        values[draw(st.integers(0, 5))] = draw(PRICES)
        answered[key] = tuple(values)
    return stored, answered | draw(st.dictionaries(KEYS, st.tuples(*[PRICES] * 5, VOLUMES)))


@dataclass
class Told:
    """What a change says, as plain values."""

    written: Copy = field(default_factory=dict)
    inserted: dict[int, int] = field(default_factory=dict)
    revised: dict[int, int] = field(default_factory=dict)
    arrived: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    restated: Copy = field(default_factory=dict)
    rebased: dict[int, tuple[object, ...]] = field(default_factory=dict)
    gone: Copy = field(default_factory=dict)


def columns(copy: Copy) -> AssetBars:
    by_asset: dict[int, list[tuple[int, Values]]] = defaultdict(list)
    for asset_id, day in sorted(copy):
        by_asset[asset_id].append((day, copy[asset_id, day]))
    return joined((asset_id, bars_of(bars)) for asset_id, bars in by_asset.items())


def bars_of(rows: list[tuple[int, Values]]) -> Bars:
    numbers = zip(*(values for _, values in rows), strict=True)
    return Bars(np.array([day for day, _ in rows], np.int32), *(np.array(c) for c in numbers))


def copied(rows: AssetBars) -> Copy:
    keys = zip(rows.asset_id.tolist(), rows.bars.date.tolist(), strict=True)
    numbers = zip(*(column.tolist() for column in rows.bars.columns()[1:]), strict=True)
    return dict(zip(keys, numbers, strict=True))


def told(change: Change) -> Told:
    return Told(
        written=copied(change.written),
        inserted={**change.inserted},
        revised={**change.revised},
        arrived={asset_id: [*ranges] for asset_id, ranges in change.arrived.items()},
        restated=copied(change.restated),
        rebased={
            each.asset_id: (
                *(each.old_factor, each.new_factor, each.volume_ratio),
                *(each.dates.tolist(), each.adjusted_closes.tolist()),
                None if each.volumes is None else each.volumes.tolist(),
            )
            for each in change.rebasings
        },
        gone=copied(change.gone),
    )


def expected(stored: Copy, answered: Copy) -> Told:
    """The same by hand: asset by asset, bar by bar."""
    found = Told(gone={key: stored[key] for key in stored.keys() - answered})
    for asset_id in sorted({asset_id for asset_id, _ in answered}):
        old = {day: values for (each, day), values in stored.items() if each == asset_id}
        new = {day: values for (each, day), values in answered.items() if each == asset_id}
        add_new(found, asset_id, old, new)
        changed = [day for day in sorted(new) if day in old and old[day] != new[day]]
        for day in changed:
            found.written[asset_id, day] = new[day]
            found.revised[asset_id] = found.revised.get(asset_id, 0) + 1
        ratio = split_ratio([(old[day], new[day]) for day in changed])
        restated = [day for day in changed if is_restated(old[day], new[day], ratio)]
        found.restated |= {(asset_id, day): old[day] for day in restated}
        if rest := [day for day in changed if day not in restated]:
            found.rebased[asset_id] = rebased(rest, old, new, ratio)
    return found


def add_new(found: Told, asset_id: int, old: dict[int, Values], new: dict[int, Values]) -> None:
    begun: int | None = None
    for day in sorted({*old, *new}):
        if day in old:
            begun = None
            continue
        found.written[asset_id, day] = new[day]
        found.inserted[asset_id] = found.inserted.get(asset_id, 0) + 1
        ranges = found.arrived.setdefault(asset_id, [])
        if begun is None:
            begun = day
            ranges.append((day, day))
        ranges[-1] = begun, day


def split_ratio(bars: list[tuple[Values, Values]]) -> float | None:
    ratios = sorted(
        new[5] / old[5]
        for old, new in bars
        if old[:4] == new[:4] and old[4] != new[4] and old[5] >= 1000 and new[5] >= 1000
    )
    if len(ratios) < 2:
        return None
    low, middle, high = (ratios[ceil(share * len(ratios)) - 1] for share in (0.25, 0.5, 0.75))
    return middle if high <= low * 1.002 and abs(middle - 1) > 0.002 else None


def is_restated(old: Values, new: Values, ratio: float | None) -> bool:
    if old[:4] != new[:4]:
        return True
    if old[5] == new[5]:
        return False
    if ratio is None or not (1e-9 <= old[5] <= 1e18 and 1e-9 <= new[5] <= 1e18):
        return True
    return abs(new[5] - old[5] * ratio) > 1 + 0.001 * new[5]


def rebased(
    days: list[int], old: dict[int, Values], new: dict[int, Values], ratio: float | None
) -> tuple[object, ...]:
    def factor(bar: Values) -> float | None:
        return bar[4] / bar[3] if bar[3] > 1e-9 and bar[4] > 1e-9 else None

    is_split = any(old[day][5] != new[day][5] for day in days)
    return (
        *(factor(old[days[0]]), factor(new[days[0]]), ratio if is_split else None),
        *(days, [old[day][4] for day in days]),
        [old[day][5] for day in days] if is_split else None,
    )


@pytest.mark.sized(EXAMPLES, "pairs")
def test_columns_say_of_each_bar_what_a_comparison_by_hand_says() -> None:
    @search(EXAMPLES)
    @given(pairs())
    def check(pair: tuple[Copy, Copy]) -> None:
        stored, answered = pair
        assert told(compare(columns(stored), columns(answered))) == expected(stored, answered)

    check()


def test_equal_histories_of_many_assets_change_nothing() -> None:
    bars = bars_from(DAY, *(float(n) for n in range(1, 50)))
    group = joined((asset_id, bars) for asset_id in (5, 3, 9))
    assert told(compare(group, group)) == Told()


def test_bars_before_1970_keep_their_order_and_their_asset() -> None:
    old = bars_from(date(1969, 12, 30), 1.0, 2.0, 3.0, 4.0)
    change = compare(joined([(1, old), (2, old)]), joined([(1, old.take(slice(1, 4))), (2, old)]))
    assert copied(change.gone) == {(1, -2): (1.0, 1.0, 1.0, 1.0, 0.5, 100.0)}
    assert change.inserted == {}


@pytest.mark.parametrize("price", [0.0, -0.45])
def test_a_factor_of_a_price_that_is_not_above_zero_is_none(price: float) -> None:
    """Yields and commodities may be negative: nothing is divided by such a price."""
    before = bars_from(DAY, price, price)
    after = replace(before, adjusted_close=before.adjusted_close + 1)
    (rebasing,) = compare(joined([(1, before)]), joined([(1, after)])).rebasings
    assert (rebasing.old_factor, rebasing.new_factor) == (None, None)
