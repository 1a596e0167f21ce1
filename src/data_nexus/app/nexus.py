"""Open a database for notebooks and scripts: `connect()`."""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from data_nexus.app.calendar_files import keep_calendars_at_home
from data_nexus.app.reader import DatabaseReader
from data_nexus.config import load_settings
from data_nexus.database.connection import ClosedConnection, PostgresConnection
from data_nexus.database.open import open_database
from data_nexus.database.reader.assets import asset_ids_of
from data_nexus.database.reader.changes import Changes, changes_since
from data_nexus.database.reader.findings import (
    accept_suspicions,
    list_suspicions,
    read_findings,
)
from data_nexus.database.reader.status import overview
from data_nexus.database.reader.watchlists.follows import kept_out
from data_nexus.domain.dates import GivenDate, given_day, given_moment
from data_nexus.domain.planning.suspicion import acceptable
from data_nexus.domain.symbol import parse_symbols
from data_nexus.errors import UsageError
from data_nexus.events import ignore
from data_nexus.observe.notebook import waiting_output

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd
    import pyarrow as pa
    from sqlalchemy.orm import Session

    from data_nexus.research.returns import ReturnKind
    from data_nexus.research.views import Adjust, Direction, Layout


class Nexus(DatabaseReader):
    """An open database: close it, or use it in a `with` block; an embedded server stops with it."""

    def __init__(self, url: str | None = None) -> None:
        settings = load_settings({"database_url": url})
        keep_calendars_at_home(settings)
        self._settings = settings
        self._open = ExitStack()
        opened = open_database(settings.database_url, settings.home, settings.schema, writes=False)
        self._database = PostgresConnection(self._open.enter_context(opened), settings.schema)
        self._open.callback(self._database.close)
        atexit.register(self.close)

    @property
    def url(self) -> str:
        """The URL of the database, for other tools."""
        return self._database.url

    def bars(  # noqa: PLR0913 - each is a question of its own
        self,
        symbols: str | Sequence[str] | pa.Table,
        start: GivenDate | None = None,
        end: GivenDate | None = None,
        *,
        adjust: Adjust = "raw",
        direction: Direction = "backward",
        as_of: GivenDate | None = None,
        settled: bool = False,
        columns: Sequence[str] | None = None,
        layout: Layout = "long",
        interval: str = "1d",
    ) -> pa.Table:
        """Return bars as an Arrow table, sorted by ticker and date.

        `symbols` are `"AAPL.US"`, several of them, a table of `universe()`, or `"US@2019-06-28"`:
        all assets listed there on that day. `start` and `end` are included; like all dates here
        they are ISO 8601 texts, or of any type of date or moment. Columns: ticker, date,
        open, high, low, close, adjusted_close, volume, or those of `columns` (also asset_id, and
        volume_basis: the unit of the asset's volumes); wide: date, and one column for each ticker.
        `adjust` is *raw* (as traded), *splits*, *total* (splits and dividends) or *vendor* (by the
        vendor's adjusted_close); `direction` names the bar of the history that stays unadjusted:
        the last (backward) or the first (forward). Prices are in the asset's currency, volumes in
        shares. With `as_of` (UTC if it has no zone) bars and actions are those that this database
        knew at that moment; `settled` leaves out bars that were not compared with the vendor's
        after the next session, which it may still correct. With `interval` *1w* (from Monday),
        *1mo* or a number of them, or *5d* (sessions, counted from the first bar), a bar is that of
        its sessions, adjusted before, under the date of the last one; `start` falls into a whole
        interval, `end` cuts one. Raises `UsageError` for an unknown
        symbol or word, `AdjustmentRefused` where an action cannot be applied.
        """
        # pyarrow is large; a status or a session needs none of it.
        from data_nexus.research.bars import read_view  # noqa: PLC0415
        from data_nexus.research.views import View  # noqa: PLC0415

        view = View.of(
            *(start, end),
            adjust=adjust,
            direction=direction,
            columns=columns,
            layout=layout,
            interval=interval,
        )
        return read_view(
            self._database, symbols, view, as_of=_moment_or_none(as_of), settled=settled
        )

    def get(
        self,
        symbols: str | Sequence[str],
        start: GivenDate | None = None,
        end: GivenDate | None = None,
        *,
        adjust: Adjust = "raw",
        progress: bool | None = None,
    ) -> pd.DataFrame:
        """Load symbols from nothing and return their bars as a pandas frame, by date.

        As `nexus get` does: one call for the symbol list of an exchange of which a symbol is new,
        one for a history that was not loaded in the last day, two for actions that it shows. The
        columns are those of `bars`. After a second progress is shown: in a notebook, or with
        `progress=True`. Raises `UsageError` without a key, for a symbol that is not listed,
        paused, parked or not followed, and what ended the load early. What was loaded stays.
        """
        from data_nexus.app.commands.runs import get_for_a_script  # noqa: PLC0415
        from data_nexus.app.frames import to_frame  # noqa: PLC0415
        from data_nexus.observe.progress import call_progress  # noqa: PLC0415
        from data_nexus.research.selection import symbols_of  # noqa: PLC0415

        named = symbols_of(symbols)
        with self._database.connect():
            pass  # one that is closed spends nothing
        with call_progress(progress=progress) as observe:
            report = get_for_a_script(self._settings, named, observe)
        if report.ended_by is not None:
            raise report.ended_by
        if left_out := kept_out(self._database, asset_ids_of(self._database, named)):
            raise UsageError(str(left_out[0]))
        return to_frame(self.bars([str(each) for each in named], start, end, adjust=adjust))

    def returns(
        self,
        symbols: str | Sequence[str] | pa.Table,
        start: GivenDate | None = None,
        end: GivenDate | None = None,
        *,
        adjust: Adjust = "total",
        kind: ReturnKind = "simple",
        as_of: GivenDate | None = None,
        layout: Layout = "long",
    ) -> pa.Table:
        """Return how much the close changed since the bar before: ticker, date, return.

        Fractions: 0.01 is one percent. *total* reinvests dividends; *simple* is P / P before - 1
        and *log* its logarithmic equivalent. The first return of a window is computed from the
        asset's last bar before it; that of the asset's first bar is null. The other arguments and
        the errors are those of `bars`.
        """
        from data_nexus.research.bars import read_returns  # noqa: PLC0415
        from data_nexus.research.views import View  # noqa: PLC0415

        view = View.of(start, end, adjust=adjust, layout=layout)
        return read_returns(self._database, symbols, view, kind, as_of=_moment_or_none(as_of))

    def actions(
        self,
        symbols: str | Sequence[str] | pa.Table,
        start: GivenDate | None = None,
        end: GivenDate | None = None,
        *,
        as_of: GivenDate | None = None,
    ) -> pa.Table:
        """Return splits and dividends with an ex-date from `start` to `end`, both included.

        `kind` is split (numerator, denominator) or dividend (value as the vendor adjusts it,
        unadjusted_value as paid, currency, dates); `stored_at` is the moment at which it was
        stored here, `asset_currency` the currency of the asset's prices. With `as_of` they are the
        actions known then, as they were then. Raises `UsageError` for an unknown symbol.
        """
        from data_nexus.research.actions import read_actions  # noqa: PLC0415

        moment = _moment_or_none(as_of)
        return read_actions(self._database, symbols, given_day(start), given_day(end), as_of=moment)

    def sql(
        self, query: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> pa.Table:
        """Return the answer to one SQL query; nothing can be written.

        Parameters are written `%(name)s` or `%s`, and a percent sign then twice. Numbers of type
        numeric become float64, types that Arrow lacks become text. Raises `UsageError` for a query
        that PostgreSQL refuses.
        """
        from data_nexus.research.sql_query import ask  # noqa: PLC0415

        return ask(self._database, query, parameters)

    def plot(
        self,
        symbols: str | Sequence[str],
        start: GivenDate | None = None,
        end: GivenDate | None = None,
        *,
        adjust: Adjust | None = None,
        as_of: GivenDate | None = None,
        compare: bool = False,
        log: bool = False,
    ) -> alt.VConcatChart:
        """Return an Altair chart, which a notebook shows: candles, volume, actions and gaps.

        One panel for each symbol; with `compare`, lines of closes that all begin at 100. `adjust`
        is *raw*, *splits*, *total* or *vendor*; by default *raw*, or *splits* where one lies within
        what is drawn, and with `compare` *total*. `log` makes the price axis logarithmic. As known
        at `as_of` (UTC if it has no zone). Raises `UsageError` for an unknown symbol, for one
        without bars between the dates, and where the extra `plot` is not installed.
        """
        from data_nexus.research.charts import altair_chart, caption, chart, chart_source  # noqa: PLC0415
        from data_nexus.research.selection import symbols_of  # noqa: PLC0415

        request = chart_source.ChartRequest(
            first=given_day(start),
            last=given_day(end),
            adjust=caption.chosen_adjustment(adjust, compare=compare),
            as_of=_moment_or_none(as_of),
            now=datetime.now(UTC),
        )
        found = chart_source.read_histories(self._database, symbols_of(symbols), request)
        draw = altair_chart.comparison_of if compare else altair_chart.candles_of
        return draw(chart.chart_of(found.histories, chart.MOST_CANDLES), found.basis, log=log)

    def changes(
        self, since: GivenDate, exchange: str | None = None, most: int | None = None
    ) -> Changes:
        """Return what the vendor changed since a moment (UTC if it has no zone).

        Of one exchange or of all; `most` limits each kind of change, the latest first.
        """
        return changes_since(self._database, given_moment(since), exchange, most)

    def changes_table(self, since: GivenDate, exchange: str | None = None) -> pa.Table:
        """Return what the vendor changed since a moment as one table, the oldest first.

        Columns: moment, kind (as in `changes`), ticker, date, field, old, new, text. A restated bar
        has a row for each of its values that differs.
        """
        from data_nexus.research.changes import changes_table  # noqa: PLC0415

        return changes_table(self.changes(since, exchange).listed)

    def exchanges(self, *, vendor: bool = False, refresh: bool = False) -> pa.Table:
        """Return the exchanges of the database; with `vendor` also all that EODHD has.

        Columns: code, name, country, currency, operating_mic, assets, with_bars, last_bar. Those
        with assets come first. The vendor's list costs one call and is kept: the next time it comes
        from the database, unless `refresh` asks for it again. Without a list names are empty.
        """
        from data_nexus.app.commands.runs import run_exchanges  # noqa: PLC0415
        from data_nexus.database.reader.listed.exchange_list import exchange_list  # noqa: PLC0415
        from data_nexus.research.universe import read_exchanges  # noqa: PLC0415

        known = exchange_list(self._database)
        if refresh or (vendor and known.listed_at is None):
            run_exchanges(self._settings, ignore)
            known = exchange_list(self._database)
        shown = vendor or refresh
        return read_exchanges(each for each in known.exchanges if shown or each.assets)

    def findings(self, exchange: str | None = None) -> list[dict[str, Any]]:
        """Return where stored actions do not explain the vendor's adjusted closes.

        Of one exchange or of all; each row is one of the table `findings`, with `ticker` in place
        of its asset's number.
        """
        return read_findings(self._database, exchange)

    def suspicions(self, exchange: str | None = None, *, accepted: bool = False) -> pa.Table:
        """Return what is suspected of assets, of one exchange or of all, the next reading first.

        Columns: ticker, reason, session (the one that raised it), noted_at, times (how often the
        asset was read because of it), read_after (null: not read again for it), accepted_at. With
        `accepted` those that were accepted, in place of the open ones.
        """
        from data_nexus.research.columns import SUSPICIONS_SCHEMA, table_of  # noqa: PLC0415

        found = list_suspicions(self._database, exchange, accepted=accepted)
        return table_of([list(row.values()) for row in found], SUSPICIONS_SCHEMA)

    def accept_suspicions(self, symbols: str | Sequence[str], reason: str | None = None) -> int:
        """Accept what is suspected of assets, for one reason or for all; return how many it was.

        They are not read again for it. The same session does not raise it again, a later one may.
        What only the vendor's next answers can decide stays open. Raises `UsageError` for an
        unknown symbol, and for a reason that cannot be accepted.
        """
        named = [symbols] if isinstance(symbols, str) else symbols
        chosen = None if reason is None else acceptable(reason)
        return accept_suspicions(self._database, parse_symbols(named), chosen)

    @contextmanager
    def get_session(self) -> Iterator[Session]:
        """Give an SQLAlchemy session: committed at the end, rolled back on an error, closed."""
        with self._database.get_session() as session:
            yield session

    def status(self) -> dict[str, Any]:
        """Return what the database holds, as `nexus status --json` shows it."""
        return overview(self._database, self._settings).as_dict()

    def close(self) -> None:
        """Close the connections and leave the embedded server; what is asked later is refused."""
        self._open.close()
        self._database = ClosedConnection(self._database.url, self._database.schema)

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
    with waiting_output("opening the database"):
        return Nexus(url)


def download(
    symbols: str | Sequence[str],
    start: GivenDate | None = None,
    end: GivenDate | None = None,
    *,
    adjust: Adjust = "raw",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Load symbols from nothing and return their bars as a pandas frame; as `Nexus.get` does.

    What was loaded before comes from the database, and costs no call within a day.
    """
    with connect() as db:
        return db.get(symbols, start, end, adjust=adjust, progress=progress)


def _moment_or_none(value: GivenDate | None) -> datetime | None:
    return None if value is None else given_moment(value)
