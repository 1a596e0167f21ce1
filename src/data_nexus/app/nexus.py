"""Owns `connect()`, the sync door for notebooks and scripts."""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy.orm import Session

from data_nexus.config import load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.opening import open_database
from data_nexus.database.overview import overview
from data_nexus.domain.symbol import parse_symbol

if TYPE_CHECKING:
    import pyarrow as pa


class Nexus:
    """An open database: close it, or use it in a `with` block; an embedded server stops with it."""

    def __init__(self, url: str | None = None) -> None:
        settings = load_settings({"database_url": url})
        self._settings = settings
        self._open = ExitStack()
        opened = open_database(settings.database_url, settings.home, settings.schema)
        self._database = PostgresConnection(self._open.enter_context(opened), settings.schema)
        self._open.callback(self._database.close)
        atexit.register(self.close)

    @property
    def url(self) -> str:
        """The URL of the database, for other tools."""
        return self._database.url

    def bars(
        self,
        symbols: str | Sequence[str],
        start: str | date | None = None,
        end: str | date | None = None,
    ) -> pa.Table:
        """Return the daily bars of `symbols` (`"AAPL.US"` or several) as an Arrow table.

        `start` and `end` are included. Columns: ticker, date, open, high, low, close (raw),
        adjusted_close, volume; sorted by ticker and date. Raises `UsageError` for an unknown one.
        """
        # pyarrow is large; a status or a session needs none of it.
        from data_nexus.research.bars import read_bars  # noqa: PLC0415

        named = [symbols] if isinstance(symbols, str) else symbols
        return read_bars(
            self._database, [parse_symbol(text) for text in named], _day(start), _day(end)
        )

    @contextmanager
    def get_session(self) -> Iterator[Session]:
        """Give an SQLAlchemy session: committed at the end, rolled back on an error, closed."""
        with self._database.get_session() as session:
            yield session

    def status(self) -> dict[str, Any]:
        """Return what the database holds, as `nexus status --json` tells it."""
        return overview(self._database, self._settings.days_old, self._settings.token)

    def close(self) -> None:
        """Close the connections and leave the embedded server."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(url: str | None = None) -> Nexus:
    """Open the database: `url`, or `DATABASE_URL`, or the embedded one under NEXUS_HOME."""
    return Nexus(url)


def _day(value: str | date | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value
