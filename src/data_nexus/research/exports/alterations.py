"""Count what a format cannot hold of an asset as it is stored: numbers, and whole bars. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from data_nexus.domain.bars import Days, Floats
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.errors import UsageError

# What the arithmetic of writing and reading may change a number by.
_NOISE = 1e-9
# A change of this share of a number counts as more than rounding: a hundredth of a percent.
_ROUNDING = 1e-4
# Of the days that are left out, so many are named.
_NAMED = 3
_BARS = "bars"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """Numbers of an asset that read back as others: how many, by how much, and why.

    `largest_change` is a share of the stored number; a number that is lost changes by 1.
    """

    symbol: str
    what: str
    count: int
    lost: int
    largest_change: float
    reason: str

    @property
    def is_rounding(self) -> bool:
        """Whether no number changes by more than a hundredth of a percent."""
        return self.largest_change <= _ROUNDING

    def __str__(self) -> str:
        if self.what == _BARS:
            return f"{self.symbol}: {self.count:,} {self.what} left out: {self.reason}"
        lost = f", {self.lost:,} of them lost" if self.lost else ""
        share = f"{100 * self.largest_change:.2g}"
        return (
            f"{self.symbol}: {self.count:,} {self.what} altered by up to {share} %{lost}:"
            f" {self.reason}"
        )


def refuse_unpriced(tool: str, prices: Sequence[Floats]) -> None:
    """Raise `UsageError` for bars that a tool whose prices are above zero would misread.

    `prices` are open, high, low and close; one of the first three that is 0 means that there is
    none, as in the vendor's old bars.
    """
    is_odd = reduce(np.logical_or, [price < 0 for price in prices], prices[-1] == 0)
    if odd := int(is_odd.sum()):
        raise UsageError(f"{tool} holds prices above 0, and {odd:,} bars have others")


def left_out(symbol: str, dates: Days, reason: str) -> Iterator[Alteration]:
    """Yield how many bars of an asset are left out, if any: those of some dates."""
    if not len(dates):
        return
    shown = ", ".join(str(day_date(day)) for day in dates[:_NAMED].tolist())
    more = ", …" if len(dates) > _NAMED else ""
    yield Alteration(
        symbol=symbol,
        what=_BARS,
        count=len(dates),
        lost=len(dates),
        largest_change=1.0,
        reason=f"{reason} on {shown}{more}",
    )


def altered(
    symbol: str,
    what: str,
    pairs: Sequence[tuple[Floats, Floats]],
    reason: str,
    noise: float = _NOISE,
) -> Iterator[Alteration]:
    """Yield what columns, as stored and as the format holds them, differ by, if they do.

    A number that is not finite, or 0 in place of another number, is lost.
    """
    stored = np.concatenate([each for each, _ in pairs])
    held = np.concatenate([each for _, each in pairs])
    is_lost = ~np.isfinite(held) | ((held == 0) & (stored != 0))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        change = np.where(held == stored, 0.0, np.abs(held / stored - 1))
    change = np.where(is_lost, 1.0, np.nan_to_num(change, posinf=1.0))
    if (count := int((change > noise).sum())) == 0:
        return
    yield Alteration(
        symbol=symbol,
        what=what,
        count=count,
        lost=int(is_lost.sum()),
        largest_change=float(change.max()),
        reason=reason,
    )
