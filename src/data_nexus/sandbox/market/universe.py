"""The interface of a universe: its exchanges, their listings, and tapes by symbol."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from data_nexus.sandbox.market.tape import Listing, SymbolChange, Tape


class Universe(Protocol):
    """A set of listings that does not change while the sandbox runs."""

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The codes of the exchanges that it holds."""

    def listings(self, exchange: str) -> Sequence[Listing]:
        """Every listing of an exchange, delisted ones included."""

    def tape(self, symbol: str, listed: date | None = None) -> Tape | None:
        """All that ever trades under a symbol; None where the vendor answers `not found`.

        `listed` is the first day of a symbol that came into the market later.
        """

    def symbol_changes(self) -> Sequence[SymbolChange]:
        """The renamed symbols, oldest first."""
