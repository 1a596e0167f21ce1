"""Answer what a database and a snapshot are both asked, with the same arguments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from data_nexus.domain.dates import GivenDate, given_day
from data_nexus.domain.symbol import exchange_code

if TYPE_CHECKING:
    import pyarrow as pa


class Reader(ABC):
    """A database, read now, or a snapshot, read as of its moment."""

    def universe(
        self,
        exchange: str,
        on: GivenDate | None = None,
        type: str | None = None,  # noqa: A002 - the word of the contract
    ) -> pa.Table:
        """Return the assets listed on an exchange on a day, those delisted since included.

        Without a day: today; of a snapshot, its day. `type` is one asset type (`"Common Stock"`).
        Columns: asset_id, symbol, name, venue, asset_type, isin, basis, since, until. `basis` is
        *listed* where the listing history covers the day; otherwise it is *first and last bar*,
        and `since` and `until` are the dates of these bars. `until` depends on later days: use it
        to look things up, never to select assets. Raises `UsageError` for an exchange without
        assets and for a type that no asset of that day has.
        """
        # pyarrow is large; a status or a session needs none of it.
        from data_nexus.research.universe import of_type  # noqa: PLC0415

        universe = self._universe(exchange_code(exchange), given_day(on) or self._today())
        return universe if type is None else of_type(universe, type)

    def coverage(self, symbols: str | Sequence[str] | pa.Table) -> pa.Table:
        """Return how complete each asset's history is: now; of a snapshot, at its moment.

        Columns: asset_id, ticker, first_bar, last_bar, synced_through, settled_through, expected
        (sessions from the first bar to the last one published, and earlier ones of which a row was
        rejected), stored, provisional (stored, and not final yet; of a snapshot none), absent
        (known to have no bar), missing (not read or not sent yet, or its row was rejected; a
        snapshot has no rejected rows, and counts such sessions as absent), unexpected (bars on days
        that are not sessions), is_exact (whether the exchange's holidays are known for all of it).
        Raises `UsageError` for an unknown symbol.
        """
        return self._coverage(symbols)

    def calendar(
        self, exchange: str, start: GivenDate | None = None, end: GivenDate | None = None
    ) -> pa.Table:
        """Return an exchange's sessions from `start` to `end`, both included.

        Without an end: to today; of a snapshot, to its day. Columns: date, close (a moment in UTC),
        is_exact (false where holidays are not known, so that the day may be one). A database raises
        `UsageError` for an exchange that neither the calendars nor its assets have.
        """
        last = given_day(end) or self._today()
        return self._calendar(exchange_code(exchange), given_day(start), last)

    @abstractmethod
    def _today(self) -> date:
        """Return the latest day there is."""

    @abstractmethod
    def _universe(self, exchange: str, day: date) -> pa.Table:
        """Return a universe of every type."""

    @abstractmethod
    def _coverage(self, symbols: str | Sequence[str] | pa.Table) -> pa.Table:
        """Return the coverage of assets."""

    @abstractmethod
    def _calendar(self, exchange: str, first: date | None, last: date) -> pa.Table:
        """Return the sessions of an exchange."""
