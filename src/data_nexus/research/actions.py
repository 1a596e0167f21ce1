"""Read corporate actions: splits and dividends of assets in one table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import psycopg
import pyarrow as pa
from pyarrow import compute

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.actions import KINDS, fetch_action_rows
from data_nexus.research.assets import NamedAsset, Selection, find_assets
from data_nexus.research.columns import ACTIONS_SCHEMA, table_of


def read_actions(
    database: PostgresConnection,
    selection: Selection,
    first: date | None = None,
    last: date | None = None,
    *,
    as_of: datetime | None = None,
) -> pa.Table:
    """Return the splits and dividends with an ex-date from `first` to `last`, both included.

    Columns as in `ACTIONS_SCHEMA`, sorted by ticker, ex-date and kind. With `as_of` (aware) they
    are the actions known at that moment, as they were then. Raises `UsageError` for an unknown
    symbol.
    """
    with database.reading() as connection:
        actions = fetch_actions(connection, find_assets(connection, selection), as_of)
    if first:
        actions = actions.filter(compute.greater_equal(actions["date"], first))
    return actions.filter(compute.less_equal(actions["date"], last)) if last else actions


def fetch_actions(
    connection: psycopg.Connection,
    assets: Sequence[NamedAsset],
    as_of: datetime | None = None,
    kinds: Sequence[str] = KINDS,
) -> pa.Table:
    """Return all actions of some kinds of assets, in their order, as `ACTIONS_SCHEMA`."""
    tickers = {asset.asset_id: asset.ticker for asset in assets}
    currencies = {asset.asset_id: asset.currency for asset in assets}
    rows = fetch_action_rows(connection, tickers, currencies, kinds=kinds, as_of=as_of)
    return table_of(rows, ACTIONS_SCHEMA)
