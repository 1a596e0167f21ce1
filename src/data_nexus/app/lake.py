"""Owns `lake()`, the sync door to a snapshot, which needs no database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from data_nexus.domain.symbol import exchange_code

if TYPE_CHECKING:
    import pyarrow as pa

    from data_nexus.research.lake import Snapshot


class Lake:
    """A snapshot as it was when it was opened: a refresh leaves it readable until the next one."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @property
    def moment(self) -> datetime:
        """The moment of the database that the snapshot equals."""
        return self._snapshot.moment

    def bars(
        self,
        symbols: str | Sequence[str] | pa.Table,
        start: str | date | None = None,
        end: str | date | None = None,
        *,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the daily bars of `symbols` (`"AAPL.US"`, several, or a universe's table).

        `start` and `end` are included. Columns: ticker, date, open, high, low, close (raw),
        adjusted_close, volume, or those chosen; sorted by ticker and date. Raises `UsageError`
        for an unknown symbol.
        """
        return self._snapshot.bars(symbols, _day(start), _day(end), columns)

    def actions(self, symbols: str | Sequence[str] | pa.Table) -> dict[str, pa.Table]:
        """Return the `splits` and the `dividends` of symbols, each by ticker and ex-date."""
        return self._snapshot.actions(symbols)

    def universe(self, exchange: str, on: str | date | None = None) -> pa.Table:
        """Return who was listed on an exchange on a day, the dead of today included.

        Without a day, on that of the snapshot. Columns and meaning as of `connect().universe`.
        """
        return self._snapshot.universe(exchange_code(exchange), _day(on) or self.moment.date())

    def assets(self) -> pa.Table:
        """Return every asset, by its number: symbol, name, venue, type, dates of its bars."""
        return self._snapshot.small("assets")

    def listings(self) -> pa.Table:
        """Return the listing history: who was listed when, under which code and name."""
        return self._snapshot.small("listings")

    def files(self, table: str = "bars") -> list[str]:
        """Return the Parquet files of a table, for engines that read such by themselves.

        Use this list: the folder holds the files of the snapshot before as well.
        """
        return self._snapshot.files(table)


def lake(target: str) -> Lake:
    """Open a snapshot: a folder or `s3://bucket/prefix` that `nexus export lake` wrote.

    Raises `UsageError` if there is none, or if a later version wrote it in another format.
    """
    # pyarrow is large; whoever only asks for the name needs none of it.
    from data_nexus.research.lake import open_snapshot  # noqa: PLC0415

    return Lake(open_snapshot(target))


def _day(value: str | date | None) -> date | None:
    if isinstance(value, str):
        return date.fromisoformat(value)
    return value.astimezone(UTC).date() if isinstance(value, datetime) else value
