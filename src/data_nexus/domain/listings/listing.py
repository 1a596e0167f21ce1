"""The values of listings: a symbol list, its lines, and a rename. Pure."""

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
    """A whole symbol list; `refused` counts the lines that are not a listing of their own.

    `refused_codes` are those of lines that cannot be read otherwise: their assets are listed, as
    what is not known. Of `unread` lines not even the code can be read: any asset may be theirs.
    """

    listings: tuple[Listing, ...]
    refused: int
    refused_codes: frozenset[str] = frozenset()
    unread: int = 0


@dataclass(frozen=True, slots=True)
class SymbolChange:
    """A rename as the vendor reports it: the codes, the company, and the effective date."""

    exchange: str
    old: str
    new: str
    name: str
    effective: date
