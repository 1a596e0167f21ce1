"""Answer what a database and a snapshot are both asked, with the same arguments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from data_nexus.domain.dates import GivenDate, given_day
from data_nexus.domain.symbol import exchange_code, parse_symbol
from data_nexus.domain.texts import html_table, one_line
from data_nexus.errors import NexusError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from data_nexus.config import Settings
    from data_nexus.database.connection import PostgresConnection
    from data_nexus.domain.listings.exchange_lists import HeldExchange
    from data_nexus.research.views import Adjust, View

# So many exchanges are named where a database is described in a line.
_NAMED = 8


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

    def frame(
        self,
        symbols: str | Sequence[str] | pa.Table,
        start: GivenDate | None = None,
        end: GivenDate | None = None,
        *,
        adjust: Adjust = "raw",
        columns: str | Sequence[str] | None = None,
        interval: str = "1d",
    ) -> pd.DataFrame:
        """Return bars as a pandas frame, its dates as a `DatetimeIndex`.

        Of one symbol, given as a text, its columns are those of `bars`, or of `columns`. Of several
        they are (ticker, column), as `frame["AAPL.US"]["close"]`, and by ticker alone where
        `columns` is one text (`columns="close"`). The other arguments and the errors are those of
        `bars`.
        """
        from data_nexus.app.frames import by_ticker, to_frame  # noqa: PLC0415
        from data_nexus.research.views import View  # noqa: PLC0415

        chosen = [columns] if isinstance(columns, str) else columns
        view = View.of(start, end, adjust=adjust, columns=chosen, interval=interval)
        table = self._bars(symbols, view)
        if isinstance(symbols, str) and len(table["ticker"].unique()) <= 1 and "@" not in symbols:
            return to_frame(table.drop_columns(["ticker"]))
        return by_ticker(table, columns if isinstance(columns, str) else None)

    @abstractmethod
    def _bars(self, symbols: str | Sequence[str] | pa.Table, view: View) -> pa.Table:
        """Return bars as a view shows them."""

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


class DatabaseReader(Reader):
    """A database, and what it alone can list."""

    _database: PostgresConnection
    _settings: Settings

    def assets(
        self,
        search: str | None = None,
        *,
        exchange: str | None = None,
        type: str | None = None,  # noqa: A002 - the word of the contract
        watchlist: str | None = None,
    ) -> pa.Table:
        """Return the assets of the database, each with its state of now.

        Each word of `search` occurs in the symbol, the name or the ISIN. Columns: asset_id, symbol,
        name, asset_type, venue, currency, isin, first_bar, last_bar, state (fresh, stale, no bars,
        delisted, paused, not followed, not listed, parked, damaged, or replaced: its code belongs
        to another asset). The best matches first, then by symbol; a table that `bars` takes. Raises
        `UsageError` for an exchange, type or watchlist that is not there.
        """
        from data_nexus.database.reader.listed.asset_list import ChosenAssets  # noqa: PLC0415
        from data_nexus.research.universe import read_assets  # noqa: PLC0415

        code = exchange_code(exchange) if exchange else None
        return read_assets(self._database, ChosenAssets(search, type, code, watchlist))

    def missing(self, symbols: str | Sequence[str] | pa.Table) -> pa.Table:
        """Return the sessions that histories lack: asset_id, ticker, date.

        Those that `coverage` counts as missing: not read or not sent yet, or their row was
        rejected. Raises `UsageError` for an unknown symbol.
        """
        from data_nexus.research.coverage import read_missing  # noqa: PLC0415

        return read_missing(self._database, symbols, datetime.now(UTC))

    def listings(self, symbol: str) -> list[dict[str, Any]]:
        """Return every asset that has or had a symbol, with its chain of symbols and dates.

        As `nexus listings SYMBOL --json` shows it. Raises `UsageError` for an unknown symbol.
        """
        from data_nexus.research.universe import read_listings  # noqa: PLC0415

        return [each.as_json() for each in read_listings(self._database, parse_symbol(symbol))]

    def __repr__(self) -> str:
        return self._described(_sentence)

    def _repr_html_(self) -> str:
        return self._described(_table)

    def _described(self, write: Callable[[str, Sequence[HeldExchange]], str]) -> str:
        """Describe the database by its exchanges; without its URL, which may hold a password."""
        # A snapshot is read by this module too, and needs no driver of a database.
        from data_nexus.database.reader.listed.exchange_list import held_exchanges  # noqa: PLC0415

        place = "on a server" if self._settings.database_url else str(self._settings.home)
        try:
            held = held_exchanges(self._database)
            return write(f"database {place}{'' if held else ', without assets'}", held)
        except NexusError:
            return write(f"database {place}, closed or out of reach", ())

    def _bars(self, symbols: str | Sequence[str] | pa.Table, view: View) -> pa.Table:
        from data_nexus.research.bars import read_view  # noqa: PLC0415

        return read_view(self._database, symbols, view)

    def _today(self) -> date:
        return datetime.now(UTC).date()

    def _universe(self, exchange: str, day: date) -> pa.Table:
        from data_nexus.research.universe import read_universe  # noqa: PLC0415

        return read_universe(self._database, exchange, day)

    def _coverage(self, symbols: str | Sequence[str] | pa.Table) -> pa.Table:
        from data_nexus.research.coverage import read_coverage  # noqa: PLC0415

        return read_coverage(self._database, symbols, datetime.now(UTC))

    def _calendar(self, exchange: str, first: date | None, last: date) -> pa.Table:
        from data_nexus.research.calendar import read_calendar  # noqa: PLC0415

        return read_calendar(self._database, exchange, first, last)


def _sentence(place: str, held: Sequence[HeldExchange]) -> str:
    if not held:
        return f"<{one_line(place)}>"
    assets, with_bars = sum(each.assets for each in held), sum(each.with_bars for each in held)
    last = max((each.last_bar for each in held if each.last_bar), default=None)
    through = f" to {last}" if last else ""
    codes = one_line(", ".join(each.code for each in held[:_NAMED]))
    more = f" and {len(held) - _NAMED} more" if len(held) > _NAMED else ""
    where = f"{assets:,} assets of {codes}{more}"
    return f"<{one_line(place)}: {where}, {with_bars:,} with bars{through}>"


def _table(place: str, held: Sequence[HeldExchange]) -> str:
    rows = [(each.code, each.assets, each.with_bars, each.last_bar) for each in held]
    return html_table(place, ("exchange", "assets", "with bars", "last bar"), rows)
