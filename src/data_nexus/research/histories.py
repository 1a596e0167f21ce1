"""Pair each asset's bars with its actions, and refuse actions that cannot be applied. Pure.

Tables are sorted by asset and date, as they are stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment.factors import (
    DIVIDEND_IS_IN_CURRENCY,
    DIVIDEND_IS_OF_PRICES,
    SPLIT_IS_OF_PRICES,
    SPLIT_IS_USABLE,
    Factors,
    Finding,
    factors,
)
from data_nexus.domain.bars import Bars, Days
from data_nexus.errors import AdjustmentRefused
from data_nexus.research.columns import NUMBERS

_NAMED_REFUSALS = 5


class _Action(NamedTuple):
    """The columns that the effect of an action depends on."""

    asset_id: int
    ticker: str
    asset_currency: str | None
    kind: str
    date: date
    numerator: float
    denominator: float
    value: float
    unadjusted_value: float | None
    currency: str | None

    def split(self) -> Split:
        return Split(self.date, self.numerator, self.denominator)

    def dividend(self) -> Dividend:
        return Dividend(
            date=self.date,
            value=self.value,
            unadjusted_value=self.unadjusted_value,
            currency=self.currency,
        )


@dataclass(frozen=True, slots=True)
class AssetHistory:
    """One asset's part of a table of stored bars: its rows, its bars and its actions."""

    asset_id: int
    ticker: str
    rows: slice
    bars: Bars
    splits: tuple[Split, ...]
    dividends: tuple[Dividend, ...]
    currency: str

    def factors(self) -> Factors:
        """Return what each bar is multiplied by, the last one being 1."""
        return factors(
            self.bars.date,
            self.bars.close,
            self.splits,
            self.dividends,
            currency=self.currency,
        )


def histories(stored: pa.Table, actions: pa.Table) -> Iterator[AssetHistory]:
    """Yield each asset of a table of stored bars that has an action, with its bars and actions."""
    by_asset: dict[int, list[_Action]] = defaultdict(list)
    columns = (actions[name].to_pylist() for name in _Action._fields)
    for action in map(_Action._make, zip(*columns, strict=True)):
        by_asset[action.asset_id].append(action)
    if not by_asset:
        return
    dates = day_numbers(stored)
    numbers = [stored[name].to_numpy() for name in NUMBERS]
    for asset_id, rows in segments(stored):
        if own := by_asset.get(asset_id):
            yield AssetHistory(
                asset_id,
                own[0].ticker,
                rows,
                Bars(dates[rows], *(column[rows] for column in numbers)),
                tuple(each.split() for each in own if each.kind == "split"),
                tuple(each.dividend() for each in own if each.kind == "dividend"),
                own[0].asset_currency or "",
            )


def day_numbers(table: pa.Table) -> Days:
    """Return the dates of a table as days since 1970-01-01, without a copy."""
    numbers: Days = table["date"].combine_chunks().view(pa.int32()).to_numpy()
    return numbers


def segments(table: pa.Table) -> Iterator[tuple[int, slice]]:
    """Yield each asset of a table that is sorted by asset, with its rows."""
    assets = table["asset_id"].to_numpy()
    edges = [0, *(np.flatnonzero(np.diff(assets)) + 1).tolist(), len(assets)]
    for first, end in pairwise(edges):
        if first < end:
            yield int(assets[first]), slice(first, end)


def refuse(ticker_findings: Iterable[tuple[str, Finding]], adjust: str) -> None:
    """Raise `AdjustmentRefused` if a view needs an action that cannot be applied."""
    found = [*ticker_findings]
    if not found:
        return
    named = [f"{ticker}, {each.date}: {_reason(each)}" for ticker, each in found[:_NAMED_REFUSALS]]
    more = f" (and {len(found) - len(named)} more)" if len(found) > len(named) else ""
    remedies = ["vendor"] if adjust == "splits" else ["vendor", "splits"]
    remedy = " or ".join(f"adjust={name!r}" for name in remedies)
    raise AdjustmentRefused(
        f"adjust={adjust!r} cannot be computed: {'; '.join(named)}{more}; use {remedy}",
        tickers=tuple(dict.fromkeys(ticker for ticker, _ in found)),
    )


def needed(findings: Iterable[Finding], adjust: str) -> list[Finding]:
    """Return the findings that affect a kind of view: of splits alone, or of dividends too."""
    of_splits = (SPLIT_IS_USABLE, SPLIT_IS_OF_PRICES)
    return [each for each in findings if adjust == "total" or each.rule in of_splits]


def _reason(finding: Finding) -> str:
    if finding.rule == DIVIDEND_IS_IN_CURRENCY:
        return f"a dividend in {finding.detail}, and no exchange rate is known"
    if finding.rule == SPLIT_IS_USABLE:
        return f"a split of {finding.detail}"
    if finding.rule in (SPLIT_IS_OF_PRICES, DIVIDEND_IS_OF_PRICES):
        return f"an action after a close of {finding.detail}, which no action scales"
    return f"a dividend of {finding.detail}, the close before it"
