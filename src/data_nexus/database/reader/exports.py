"""Read what exports and charts need of assets beside bars and actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import psycopg
from psycopg.rows import class_row

from data_nexus.database.queries import query


@dataclass(frozen=True, slots=True)
class AssetWithBars:
    """A current asset that has bars; `currency` is that of its prices."""

    ticker: str
    asset_id: int
    currency: str


@dataclass(frozen=True, slots=True)
class AssetTexts:
    """What is known of an asset beside its bars; an unknown text is None or ""."""

    name: str | None
    venue: str | None
    asset_type: str | None
    country: str | None
    currency: str | None
    isin: str | None
    is_delisted: bool


@dataclass(frozen=True, slots=True)
class ListingInterval:
    """The time in which an asset was listed under a code; `until_moment` None: still listed."""

    symbol: str
    from_moment: datetime
    until_moment: datetime | None


@dataclass(frozen=True, slots=True)
class ChartedAsset:
    """What a chart says of an asset, and whether more bars are to come.

    `currency` is that of its prices; bars after `settled_through` are provisional (None: none is).
    """

    asset_id: int
    name: str
    exchange: str
    venue: str
    asset_type: str
    currency: str
    is_listed: bool
    settled_through: date | None


def begin_export(connection: psycopg.Connection) -> datetime:
    """Let the transaction be idle while files are written; return the moment that it sees."""
    connection.execute(query("export_patience"))
    moment: datetime
    ((moment,),) = connection.execute(query("export_moment")).fetchall()
    return moment


def fetch_assets_with_bars(connection: psycopg.Connection, exchange: str) -> list[AssetWithBars]:
    """Return the current assets of an exchange that have bars."""
    cursor = connection.cursor(row_factory=class_row(AssetWithBars))
    return cursor.execute(query("export_assets"), {"exchange": exchange}).fetchall()


def fetch_texts(connection: psycopg.Connection, asset_id: int) -> AssetTexts:
    """Return what is known of an asset beside its bars."""
    cursor = connection.cursor(row_factory=class_row(AssetTexts))
    (found,) = cursor.execute(query("export_facts"), {"asset_id": asset_id}).fetchall()
    return found


def fetch_listing_intervals(connection: psycopg.Connection, asset_id: int) -> list[ListingInterval]:
    """Return when an asset was listed under which code, oldest first."""
    cursor = connection.cursor(row_factory=class_row(ListingInterval))
    return cursor.execute(query("export_listings"), {"asset_id": asset_id}).fetchall()


def fetch_charted_assets(
    connection: psycopg.Connection, asset_ids: Sequence[int]
) -> dict[int, ChartedAsset]:
    """Return what a chart says of each asset."""
    cursor = connection.cursor(row_factory=class_row(ChartedAsset))
    rows = cursor.execute(query("plotted_assets"), {"asset_ids": [*asset_ids]}).fetchall()
    return {row.asset_id: row for row in rows}


def fetch_revised_dates(
    connection: psycopg.Connection, asset_ids: Sequence[int], moment: datetime
) -> dict[int, list[date]]:
    """Return the dates of each asset whose bar had other values before a moment."""
    asked = {"asset_ids": [*asset_ids], "moment": moment}
    rows = connection.execute(query("revised_dates"), asked).fetchall()
    return dict(rows)
