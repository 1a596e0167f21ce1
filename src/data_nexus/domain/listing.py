"""Owns the values of listings: a list's line, a rename, and the lease on an asset. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from data_nexus.domain.symbol import Symbol


@dataclass(frozen=True, slots=True)
class Listing:
    """One symbol as an exchange lists it; empty text where the vendor has none."""

    symbol: Symbol
    venue: str
    name: str
    asset_type: str
    country: str
    currency: str
    isin: str


@dataclass(frozen=True, slots=True)
class SymbolList:
    """A whole symbol list; `refused` counts the lines whose code cannot be a symbol."""

    listings: tuple[Listing, ...]
    refused: int


@dataclass(frozen=True, slots=True)
class SymbolChange:
    """A rename as the vendor tells it: the codes, the company, and the day from which it counts."""

    exchange: str
    old: str
    new: str
    name: str
    effective: date


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed asset: who it is, its fence, and what is known of it so far.

    `is_first` says that the asset has no bars: a plain COPY will do. `last_bar` is the date of
    its last one. `published` is the last session that the vendor must have out, if the calendar
    was asked. The worker itself distrusts the lease after `trusted_until`, a moment of its
    monotonic clock, unless it was renewed. `is_audit`: nothing is due, the whole of the history is
    read again.
    """

    asset_id: int
    symbol: Symbol
    fence: int
    synced_through: date | None
    times_empty: int
    is_first: bool
    trusted_until: float = float("inf")
    last_bar: date | None = None
    published: date | None = None
    is_audit: bool = False
