"""Owns the prices that an export writes: raw, or adjusted for what happened later. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, get_args

import numpy as np

from data_nexus.domain.adjustment import Factors, VolumeBasis, adjusted, factors, volume_basis
from data_nexus.domain.bars import Bars, Floats, days
from data_nexus.research.exports.series import AssetSeries

Adjust = Literal["raw", "splits", "total", "vendor"]
ADJUSTS: tuple[Adjust, ...] = get_args(Adjust)


@dataclass(frozen=True, slots=True)
class Range:
    """The dates that are exported, both included; None is open."""

    first: date | None = None
    last: date | None = None

    def cut(self, bars: Bars) -> Bars:
        """Return the bars whose dates lie in the range."""
        first = 0 if self.first is None else int(np.searchsorted(bars.date, days(self.first)))
        last = None if self.last is None else int(np.searchsorted(bars.date, days(self.last) + 1))
        return Bars(*(column[first:last] for column in bars.columns()))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an export is to hold: the view, the dates, and every date with a bar, when asked."""

    adjust: Adjust = "raw"
    dates: Range = Range()
    sessions: Callable[[], Sequence[date]] = tuple

    def bars(self, series: AssetSeries) -> Bars:
        """Return what is exported of an asset's bars."""
        return self.dates.cut(view(series, self.adjust))


def factors_of(series: AssetSeries) -> Factors:
    """Return the adjustment factors of an asset's bars by its actions; the last bar is the base."""
    bars = series.bars
    return factors(
        bars.date, bars.close, series.splits, series.dividends, currency=series.facts.currency
    )


def view(series: AssetSeries, adjust: Adjust) -> Bars:
    """Return an asset's whole history in one view; `adjusted_close` stays as sent.

    *raw*: prices as traded, volume as traded; *splits* and *total*: by the adjustment factors;
    *vendor*: by `adjusted_close / close`. In the last three, volume is in shares of today.
    """
    computed = factors_of(series)
    if adjust == "raw":
        return replace(series.bars, volume=_as_traded(series, computed))
    basis = volume_basis(series.bars, series.splits)
    if adjust != "vendor":
        return adjusted(series.bars, computed, adjust, basis)
    sent = adjusted(series.bars, replace(computed, splits=_vendor(series.bars)), "splits")
    return replace(sent, volume=adjusted(series.bars, computed, "splits", basis).volume)


def _as_traded(series: AssetSeries, computed: Factors) -> Floats:
    """Undo the splits in volumes, which the vendor sends in shares of today."""
    if volume_basis(series.bars, series.splits) is VolumeBasis.AS_TRADED:
        return series.bars.volume
    traded: Floats = series.bars.volume * computed.splits
    return traded


def _vendor(bars: Bars) -> Floats:
    """What the vendor multiplies each bar's prices by; 1 where there is no close."""
    one: Floats = np.ones(len(bars))
    return np.divide(bars.adjusted_close, bars.close, out=one, where=bars.close > 0)
