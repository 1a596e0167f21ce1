"""Owns `lake()`, the sync door to a snapshot, which needs no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from data_nexus.app.calendar_files import keep_calendars_at_home
from data_nexus.config import load_settings
from data_nexus.domain.dates import given_day
from data_nexus.domain.symbol import exchange_code

if TYPE_CHECKING:
    import pyarrow as pa

    from data_nexus.research.returns import ReturnKind
    from data_nexus.research.snapshots.snapshot import Snapshot
    from data_nexus.research.views import Adjust, Direction, Layout


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
        adjust: Adjust = "raw",
        direction: Direction = "backward",
        columns: Sequence[str] | None = None,
        layout: Layout = "long",
    ) -> pa.Table:
        """Return daily bars as an Arrow table, sorted by ticker and date.

        Arguments, columns and errors are those of `connect().bars`, but for `as_of`: a snapshot
        knows one moment only.
        """
        from data_nexus.research.views import View  # noqa: PLC0415

        view = View(
            adjust=adjust,
            direction=direction,
            first=given_day(start),
            last=given_day(end),
            columns=columns,
            layout=layout,
        )
        return self._snapshot.bars(symbols, view)

    def returns(
        self,
        symbols: str | Sequence[str] | pa.Table,
        start: str | date | None = None,
        end: str | date | None = None,
        *,
        adjust: Adjust = "total",
        kind: ReturnKind = "simple",
        layout: Layout = "long",
    ) -> pa.Table:
        """Return how much the close changed since the bar before, as `connect().returns`."""
        from data_nexus.research.views import View  # noqa: PLC0415

        view = View(adjust=adjust, first=given_day(start), last=given_day(end), layout=layout)
        return self._snapshot.returns(symbols, view, kind)

    def actions(
        self,
        symbols: str | Sequence[str] | pa.Table,
        start: str | date | None = None,
        end: str | date | None = None,
    ) -> pa.Table:
        """Return splits and dividends with an ex-date from `start` to `end`, both included.

        Columns and errors are those of `connect().actions`.
        """
        from data_nexus.research.snapshots.actions import between  # noqa: PLC0415

        return between(self._snapshot.actions(symbols), given_day(start), given_day(end))

    def universe(
        self,
        exchange: str,
        on: str | date | None = None,
        type: str | None = None,  # noqa: A002 - the word of the contract
    ) -> pa.Table:
        """Return who was listed on an exchange on a day, the dead of today included.

        Without a day, on that of the snapshot. The rest is as with `connect().universe`.
        """
        from data_nexus.research.universe import of_type  # noqa: PLC0415

        day = given_day(on) or self.moment.date()
        universe = self._snapshot.universe(exchange_code(exchange), day)
        return universe if type is None else of_type(universe, type)

    def coverage(self, symbols: str | Sequence[str] | pa.Table) -> pa.Table:
        """Return how complete each asset's history was at the moment of the snapshot.

        Columns and errors are those of `connect().coverage`.
        """
        return self._snapshot.coverage(symbols)

    def calendar(
        self, exchange: str, start: str | date | None = None, end: str | date | None = None
    ) -> pa.Table:
        """Return an exchange's sessions from `start` to `end`, both included.

        Without an end, to the day of the snapshot. Columns are those of `connect().calendar`.
        """
        last = given_day(end) or self.moment.date()
        return self._snapshot.calendar(exchange_code(exchange), given_day(start), last)

    def sql(
        self, query: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> pa.Table:
        """Return the answer to one SQL query over the snapshot's tables, by DuckDB.

        The tables are `bars` (by asset_id), `assets`, `listings`, `discoveries`, `splits` and
        `dividends`; nothing else can be read, and nothing written. Parameters stand as `$name` or
        `?`. Raises `UsageError` for a query that is refused, and where the extra `duckdb` is not
        installed.
        """
        return self._snapshot.sql(query, parameters)

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
    from data_nexus.research.snapshots.snapshot import open_snapshot  # noqa: PLC0415

    keep_calendars_at_home(load_settings())
    return Lake(open_snapshot(target))
