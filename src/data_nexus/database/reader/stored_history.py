"""Read one asset's bars and actions as the engine compares them."""

from __future__ import annotations

from datetime import date

import numpy as np
import psycopg
from psycopg.rows import class_row, tuple_row

from data_nexus.database.queries import query
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment.findings import KnownActions
from data_nexus.domain.bars import Bars


def stored_bars(connection: psycopg.Connection, asset_id: int) -> Bars:
    """Return all bars of an asset, ascending."""
    asked = {"asset_id": asset_id, "first": date.min}
    cursor = connection.cursor(row_factory=tuple_row).execute(query("read_overlap"), asked)
    columns = list(zip(*cursor.fetchall(), strict=True)) or [()] * 7
    return Bars(np.array(columns[0], np.int32), *(np.array(c, np.float64) for c in columns[1:]))


def known_actions(connection: psycopg.Connection, asset_id: int, currency: str) -> KnownActions:
    """Return the stored splits and dividends of an asset whose bars are in `currency`."""
    asset = {"asset_id": asset_id}
    splits = connection.cursor(row_factory=class_row(Split)).execute(query("read_splits"), asset)
    dividends = connection.cursor(row_factory=class_row(Dividend)).execute(
        query("read_dividends"), asset
    )
    return KnownActions(
        splits=tuple(splits.fetchall()), dividends=tuple(dividends.fetchall()), currency=currency
    )
