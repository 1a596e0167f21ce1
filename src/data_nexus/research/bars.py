"""Read bars: assets and dates in, an Arrow table out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import numpy as np
import psycopg
import pyarrow as pa

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.bars import StoredBars, Window, fetch_bars, last_bars_before
from data_nexus.database.reader.universe import AssetState, fetch_states
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError
from data_nexus.research.actions import fetch_actions
from data_nexus.research.assets import NamedAsset, Selection, find_assets, warn_of_unread_actions
from data_nexus.research.columns import BARS_SCHEMA, NUMBERS, STORED_SCHEMA
from data_nexus.research.returns import ReturnKind, view_returns
from data_nexus.research.views import View, view_bars, whole_histories

__all__ = ["BARS_SCHEMA", "read_bars", "read_returns", "read_view"]


def read_bars(
    database: PostgresConnection,
    symbols: Sequence[Symbol],
    first: date | None = None,
    last: date | None = None,
    *,
    as_of: datetime | None = None,
) -> pa.Table:
    """Return the stored daily bars of `symbols` from `first` to `last`, both included, as sent.

    Columns as in `BARS_SCHEMA`, sorted by ticker and date; prices raw, volumes as the vendor sends
    them. With `as_of` (aware) they are what was known at that moment: bars that came later are
    absent, restated and re-based ones have the values of then.
    Raises `UsageError` for a symbol that is not in the database, with near names.
    """
    with database.reading() as connection:
        assets = find_assets(connection, [str(symbol) for symbol in symbols])
        windows: dict[int, Window] = {asset.asset_id: (first, last) for asset in assets}
        stored = _stored(connection, assets, windows, as_of)
    return stored.select(BARS_SCHEMA.names)


def read_view(
    database: PostgresConnection,
    selection: Selection,
    view: View,
    *,
    as_of: datetime | None = None,
    settled: bool = False,
) -> pa.Table:
    """Return the bars of symbols or of a universe as a view shows them.

    With `as_of` (aware) bars and actions are those known at that moment; `settled` leaves out bars
    that the vendor may still correct. Raises `UsageError` for an unknown symbol, and for both at
    once, and `AdjustmentRefused` where an action cannot be applied.
    """
    if settled and as_of is not None:
        raise UsageError("settled bars are known as of now only: leave as_of or settled out")
    with database.reading() as connection:
        assets = find_assets(connection, selection)
        actions = fetch_actions(connection, assets, as_of, view.kinds)
        whole = whole_histories(actions, view)
        if (view.adjust, view.direction) == ("vendor", "forward"):
            whole = {asset.asset_id for asset in assets}
        windows = _windows(assets, view, whole)
        if settled:
            windows = _final(windows, fetch_states(connection, [*windows]))
        stored = _stored(connection, assets, windows, as_of)
        warn_of_unread_actions(connection, assets, view.adjust)
    return view_bars(stored, actions, view)


def read_returns(
    database: PostgresConnection,
    selection: Selection,
    view: View,
    kind: ReturnKind = "simple",
    *,
    as_of: datetime | None = None,
) -> pa.Table:
    """Return the returns of symbols or of a universe: ticker, date, return.

    The first one of a window is counted from the asset's last bar before it. Arguments and errors
    as with `read_view`.
    """
    before: Mapping[int, date] = {}
    with database.reading() as connection:
        assets = find_assets(connection, selection)
        actions = fetch_actions(connection, assets, as_of, view.kinds)
        if view.first is not None and as_of is None:
            numbers = [asset.asset_id for asset in assets]
            before = last_bars_before(connection, numbers, view.first)
        # Only the bars themselves show which one was the last before a day at a past moment.
        early = view if as_of is None else replace(view, first=None)
        windows = _windows(assets, early, whole_histories(actions, view), before)
        stored = _stored(connection, assets, windows, as_of)
        warn_of_unread_actions(connection, assets, view.adjust)
    return view_returns(stored, actions, view, kind)


def _windows(
    assets: Sequence[NamedAsset],
    view: View,
    whole: set[int],
    firsts: Mapping[int, date] | None = None,
) -> dict[int, Window]:
    """Return the window of bars to read of each asset."""
    known = firsts or {}
    return {
        each.asset_id: (None, None)
        if each.asset_id in whole
        else (known.get(each.asset_id, view.reads_from), view.last)
        for each in assets
    }


def _final(windows: Mapping[int, Window], states: Mapping[int, AssetState]) -> dict[int, Window]:
    """Return windows that end where the values of their asset are final."""
    return {
        asset_id: (first, min(last or date.max, states[asset_id].last_final))
        for asset_id, (first, last) in windows.items()
    }


def _stored(
    connection: psycopg.Connection,
    assets: Sequence[NamedAsset],
    windows: Mapping[int, Window],
    as_of: datetime | None,
) -> pa.Table:
    """Return bars as `STORED_SCHEMA`, in the order of the assets."""
    tickers = {asset.asset_id: asset.ticker for asset in assets}
    return stored_table(fetch_bars(connection, windows, as_of=as_of), tickers)


def stored_table(stored: StoredBars, tickers: Mapping[int, str]) -> pa.Table:
    """Return bars as `STORED_SCHEMA`; the columns are not copied."""
    names = pa.array([tickers[int(each)] for each in stored.asset_ids], pa.string())
    rows = np.repeat(np.arange(len(names), dtype=np.int32), stored.counts)
    columns = [
        pa.array(stored.asset_ids[rows]),
        names.take(pa.array(rows)),
        pa.array(stored.bars.date).view(pa.date32()),
        *(pa.array(getattr(stored.bars, name)) for name in NUMBERS),
    ]
    return pa.Table.from_arrays(columns, schema=STORED_SCHEMA)
