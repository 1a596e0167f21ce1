"""Owns `connect()`, the sync door for notebooks and scripts."""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy.orm import Session

from data_nexus.config import load_settings
from data_nexus.database.changes import Changes, changes_since
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.findings import read_findings
from data_nexus.database.opening import open_database
from data_nexus.database.overview import overview
from data_nexus.domain.moment import aware, parse_moment
from data_nexus.domain.symbol import exchange_code, parse_symbol

if TYPE_CHECKING:
    import altair as alt
    import pyarrow as pa

    from data_nexus.research.caption import Adjust


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
        *,
        as_of: str | datetime | None = None,
    ) -> pa.Table:
        """Return the daily bars of `symbols` (`"AAPL.US"` or several) as an Arrow table.

        `start` and `end` are included. Columns: ticker, date, open, high, low, close (raw),
        adjusted_close, volume; sorted by ticker and date. With `as_of` (UTC if it has no zone)
        they are what this database knew at that moment, adjusted closes included. Raises
        `UsageError` for an unknown symbol.
        """
        # pyarrow is large; a status or a session needs none of it.
        from data_nexus.research.bars import read_bars  # noqa: PLC0415

        named = [symbols] if isinstance(symbols, str) else symbols
        return read_bars(
            self._database,
            [parse_symbol(text) for text in named],
            _day(start),
            _day(end),
            as_of=None if as_of is None else _moment(as_of),
        )

    def plot(
        self,
        symbols: str | Sequence[str],
        start: str | date | None = None,
        end: str | date | None = None,
        *,
        adjust: Adjust | None = None,
        as_of: str | datetime | None = None,
        compare: bool = False,
        log: bool = False,
    ) -> alt.VConcatChart:
        """Return an Altair chart, which a notebook shows: candles, volume, actions and gaps.

        A panel a symbol; with `compare` lines of closes that begin at 100 together. `adjust` is
        *raw*, *splits*, *total* or *vendor*; without it *raw*, and *total* to compare. `log` makes
        the axis of prices logarithmic. As known at `as_of` (UTC if it has no zone). Raises
        `UsageError` for an unknown symbol or one without bars there, and where the extra `plot` is
        not installed.
        """
        from data_nexus.research import caption, chart, picture, plotted  # noqa: PLC0415

        named = [symbols] if isinstance(symbols, str) else symbols
        now = datetime.now(UTC)
        moment = None if as_of is None else _moment(as_of)
        basis = caption.Basis(adjust or caption.default_adjustment(compare=compare), moment or now)
        asked = plotted.Plotted(
            first=_day(start), last=_day(end), adjust=basis.adjust, as_of=moment, now=now
        )
        read = plotted.read_histories(self._database, [parse_symbol(s) for s in named], asked)
        draw = picture.comparison_of if compare else picture.candles_of
        return draw(chart.chart_of(read, picture.MOST_CANDLES), basis, log=log)

    def changes(
        self, since: str | datetime, exchange: str | None = None, most: int | None = None
    ) -> Changes:
        """Return what the vendor changed since a moment (UTC if it has no zone).

        Of one exchange or of all; `most` bounds each kind of change, the latest first.
        """
        return changes_since(self._database, _moment(since), exchange, most)

    def universe(self, exchange: str, on: str | date | None = None) -> pa.Table:
        """Return who was listed on an exchange on a day, the dead of today included.

        Without a day, today. Columns: asset_id, symbol, name, venue, asset_type, isin, basis,
        since, until. Where the listing history reaches, `basis` is *listed*; else it is *first and
        last bar*, whose dates stand for those of the listing. Raises `UsageError` for an exchange
        without assets.
        """
        from data_nexus.research.universe import read_universe  # noqa: PLC0415

        day = _day(on) or datetime.now(UTC).date()
        return read_universe(self._database, exchange_code(exchange), day)

    def listings(self, symbol: str) -> list[dict[str, Any]]:
        """Return every asset that bears or bore a symbol, with its chain of symbols and dates.

        As `nexus listings SYMBOL --json` tells it. Raises `UsageError` for an unknown symbol.
        """
        from data_nexus.research.universe import read_listings  # noqa: PLC0415

        return read_listings(self._database, parse_symbol(symbol))

    def findings(self, exchange: str | None = None) -> list[dict[str, Any]]:
        """Return where stored actions do not explain the vendor's adjusted closes.

        Of one exchange or of all; each row is one of the table `findings`, with `ticker` in place
        of its asset's number.
        """
        return read_findings(self._database, exchange)

    @contextmanager
    def get_session(self) -> Iterator[Session]:
        """Give an SQLAlchemy session: committed at the end, rolled back on an error, closed."""
        with self._database.get_session() as session:
            yield session

    def status(self) -> dict[str, Any]:
        """Return what the database holds, as `nexus status --json` tells it."""
        return overview(self._database, self._settings)

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


def _moment(value: str | datetime) -> datetime:
    return parse_moment(value) if isinstance(value, str) else aware(value)
