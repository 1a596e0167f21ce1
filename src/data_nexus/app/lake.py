"""Open a snapshot, which needs no database: `lake()`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from data_nexus.app.calendar_files import keep_calendars_at_home
from data_nexus.app.reader import Reader
from data_nexus.config import load_settings
from data_nexus.domain.dates import GivenDate, given_day
from data_nexus.domain.texts import html_table

if TYPE_CHECKING:
    import pyarrow as pa

    from data_nexus.research.returns import ReturnKind
    from data_nexus.research.snapshots.snapshot import Snapshot
    from data_nexus.research.views import Adjust, Direction, Layout, View


class Lake(Reader):
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
        start: GivenDate | None = None,
        end: GivenDate | None = None,
        *,
        adjust: Adjust = "raw",
        direction: Direction = "backward",
        columns: Sequence[str] | None = None,
        layout: Layout = "long",
        interval: str = "1d",
    ) -> pa.Table:
        """Return bars as an Arrow table, sorted by ticker and date.

        Arguments, columns and errors are those of `connect().bars`, except `as_of`: a snapshot
        holds one moment only.
        """
        from data_nexus.research.views import View  # noqa: PLC0415

        view = View.of(
            *(start, end),
            adjust=adjust,
            direction=direction,
            columns=columns,
            layout=layout,
            interval=interval,
        )
        return self._snapshot.bars(symbols, view)

    def returns(
        self,
        symbols: str | Sequence[str] | pa.Table,
        start: GivenDate | None = None,
        end: GivenDate | None = None,
        *,
        adjust: Adjust = "total",
        kind: ReturnKind = "simple",
        layout: Layout = "long",
    ) -> pa.Table:
        """Return how much the close changed since the bar before, as `connect().returns`."""
        from data_nexus.research.views import View  # noqa: PLC0415

        view = View.of(start, end, adjust=adjust, layout=layout)
        return self._snapshot.returns(symbols, view, kind)

    def actions(
        self,
        symbols: str | Sequence[str] | pa.Table,
        start: GivenDate | None = None,
        end: GivenDate | None = None,
    ) -> pa.Table:
        """Return splits and dividends with an ex-date from `start` to `end`, both included.

        Columns and errors are those of `connect().actions`.
        """
        from data_nexus.research.snapshots.action_table import between  # noqa: PLC0415

        return between(self._snapshot.actions(symbols), given_day(start), given_day(end))

    def sql(
        self, query: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> pa.Table:
        """Return the answer to one SQL query over the snapshot's tables, by DuckDB.

        The tables are `bars` (by asset_id), `assets`, `listings`, `discoveries`, `splits` and
        `dividends`; nothing else can be read, and nothing written. Parameters are written `$name`
        or `?`. Raises `UsageError` for a query that DuckDB refuses, and where the extra `duckdb` is
        not installed.
        """
        return self._snapshot.sql(query, parameters)

    def assets(self) -> pa.Table:
        """Return every asset, by its number: symbol, name, venue, type, dates of its bars."""
        return self._snapshot.small("assets")

    def listings(self) -> pa.Table:
        """Return the listing history: which asset was listed when, under which code and name."""
        return self._snapshot.small("listings")

    def files(self, table: str = "bars") -> list[str]:
        """Return the Parquet files of a table, for engines that read them directly.

        Use this list: the folder also holds the files of the snapshot before.
        """
        return self._snapshot.files(table)

    def __repr__(self) -> str:
        assets = len(self._snapshot.small("assets"))
        return f"<snapshot of {self.moment:%Y-%m-%d %H:%M %Z}: {assets:,} assets>"

    def _repr_html_(self) -> str:
        counts = Counter(self._snapshot.small("assets")["exchange"].to_pylist())
        caption = f"snapshot of {self.moment:%Y-%m-%d %H:%M %Z}"
        return html_table(caption, ("exchange", "assets"), sorted(counts.items()))

    def _bars(self, symbols: str | Sequence[str] | pa.Table, view: View) -> pa.Table:
        return self._snapshot.bars(symbols, view)

    def _today(self) -> date:
        return self.moment.date()

    def _universe(self, exchange: str, day: date) -> pa.Table:
        return self._snapshot.universe(exchange, day)

    def _coverage(self, symbols: str | Sequence[str] | pa.Table) -> pa.Table:
        return self._snapshot.coverage(symbols)

    def _calendar(self, exchange: str, first: date | None, last: date) -> pa.Table:
        return self._snapshot.calendar(exchange, first, last)


def lake(target: str) -> Lake:
    """Open a snapshot: a folder or `s3://bucket/prefix` that `nexus export lake` wrote.

    Raises `UsageError` if there is none, or if a later version wrote it in another format.
    """
    # pyarrow is large; importing the name needs none of it.
    from data_nexus.research.snapshots.snapshot import open_snapshot  # noqa: PLC0415

    keep_calendars_at_home(load_settings())
    return Lake(open_snapshot(target))
