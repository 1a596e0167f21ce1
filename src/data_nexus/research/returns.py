"""Compute returns: how much a price changed from one bar of an asset to the next. Pure."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pyarrow as pa

from data_nexus.domain.adjustment.factors import Finding
from data_nexus.domain.bars import Floats, days
from data_nexus.errors import UsageError
from data_nexus.research.columns import RETURNS_SCHEMA
from data_nexus.research.histories import day_numbers, histories, needed, refuse, segments
from data_nexus.research.views import View, laid_out, price_scale

ReturnKind = Literal["simple", "log"]


def view_returns(
    stored: pa.Table, actions: pa.Table, view: View, kind: ReturnKind = "simple"
) -> pa.Table:
    """Return the change of the close since the bar before: ticker, date, return.

    *simple* is P / P before - 1, *log* its continuous equivalent, both as fractions (0.01 is one
    percent). `stored` and `actions` are as `view_bars` takes them, with one bar of each asset
    before the window, if it has one: the first bar of an asset has no return, nor has one after a
    close of 0 or below, of a yield or a commodity. Raises `AdjustmentRefused` where an action
    between two shown bars cannot be applied.
    """
    if kind not in get_args(ReturnKind):
        raise UsageError(
            f"kind: {kind!r} is unknown; choose from {', '.join(get_args(ReturnKind))}"
        )
    dates = day_numbers(stored)
    shown = _shown(dates, view)
    close = stored["adjusted_close" if view.adjust == "vendor" else "close"].to_numpy().copy()
    if view.adjust in ("splits", "total"):
        refused: list[tuple[str, Finding]] = []
        for history in histories(stored, actions):
            rows, computed = history.rows, history.factors()
            close[rows] = _scaled(close[rows], price_scale(computed, view))
            before, inside = dates[rows][:-1], shown[rows][1:]
            after = dates[rows][1:]
            refused += [
                (history.ticker, each)
                for each in needed(computed.findings, view.adjust)
                if (inside & (before < days(each.date)) & (days(each.date) <= after)).any()
            ]
        refuse(refused, view.adjust)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        grown = np.where(close[:-1] > 0, close[1:] / close[:-1], np.nan)
        change = np.full(len(close), np.nan)
        change[1:] = np.log(grown) if kind == "log" else grown - 1
    for _, rows in segments(stored):
        change[rows.start] = np.nan
    table = pa.table(
        [*(stored[name] for name in RETURNS_SCHEMA.names[:3]), _or_null(change)],
        schema=RETURNS_SCHEMA,
    )
    return laid_out(table if shown.all() else table.filter(shown), view, ("return",))


def _scaled(close: Floats, scale: Floats) -> Floats:
    """Return closes times factors; one beyond a double has no return."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled: Floats = close * scale
    return scaled


def _shown(dates: np.ndarray, view: View) -> np.ndarray:
    first = days(view.first) if view.first else np.iinfo(np.int32).min
    last = days(view.last) if view.last else np.iinfo(np.int32).max
    return (dates >= first) & (dates <= last)


def _or_null(numbers: np.ndarray) -> pa.Array:
    return pa.array(numbers, mask=~np.isfinite(numbers))
