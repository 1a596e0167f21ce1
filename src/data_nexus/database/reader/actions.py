"""Read the corporate actions of assets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg

from data_nexus.database.queries import query

KINDS = ("split", "dividend")


def fetch_action_rows(
    connection: psycopg.Connection,
    tickers: Mapping[int, str],
    currencies: Mapping[int, str],
    *,
    kinds: Sequence[str] = KINDS,
    as_of: datetime | None = None,
) -> psycopg.Cursor[tuple[Any, ...]]:
    """Return the actions of some kinds of the assets of `tickers`, in their order, as rows.

    `currencies` are those of the assets' prices. With `as_of` (aware) the rows are the actions
    known at that moment, as they were then. Columns: asset_id, ticker, date, kind, numerator,
    denominator, value, unadjusted_value, currency, declaration_date, record_date, payment_date,
    period, stored_at, asset_currency.
    """
    parameters = {
        "kinds": [*kinds],
        "asset_ids": [*tickers],
        "tickers": [*tickers.values()],
        "currencies": [currencies[asset_id] for asset_id in tickers],
        "as_of": as_of,
    }
    return connection.cursor(binary=True).execute(query("read_actions"), parameters)
