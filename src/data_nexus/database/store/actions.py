"""Owns the verbs for an asset's actions: what is wanted, known, told by the vendor, and found.

What the vendor tells of an asset, the mark that it was asked for, and what its bars then leave
unexplained enter in one transaction, as long as nobody else has claimed the asset since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import psycopg
from psycopg_pool import AsyncConnectionPool

from data_nexus.database.connection import AsyncConn, repeated, rows_of, storage_errors
from data_nexus.database.queries import query
from data_nexus.database.store.batch import RejectedRow, reject_parameters
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment.findings import (
    ADJUSTED_CLOSE_IS_EXPLAINED,
    REREAD_AFTER_DAYS,
    RETRY_AFTER_DAYS,
    AssetFinding,
    KnownActions,
    findings_of,
)
from data_nexus.domain.bars import Bars
from data_nexus.domain.lease import Lease
from data_nexus.errors import RowsRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorActions:
    """What the vendor tells of an asset's splits and dividends.

    None is nothing at all: what is stored stays. `are_all`: what is stored and not told any more
    goes. `unfit` is why an answer could not be read, "" if none was.
    """

    splits: tuple[Split, ...] | None = None
    dividends: tuple[Dividend, ...] | None = None
    are_all: bool = True
    rejects: tuple[RejectedRow, ...] = ()
    unfit: str = ""


@dataclass(frozen=True, slots=True)
class ActionStore:
    """The verbs; the moments are the database's own."""

    _pool: AsyncConnectionPool[AsyncConn]

    async def wanted(self, exchange: str | None) -> dict[str, int]:
        """Return of how many assets the actions are to be asked for now, by exchange."""

        async def ask() -> dict[str, int]:
            with storage_errors():
                async with self._pool.connection() as connection:
                    asked = {"exchange": exchange}
                    return dict(await rows_of(connection, "count_wanted", asked, prepare=False))

        return await repeated(ask)

    async def known(self, asset_id: int) -> KnownActions:
        """Return what is stored of an asset's actions, and what they left unexplained."""

        async def ask() -> KnownActions:
            with storage_errors():
                async with self._pool.connection() as connection:
                    return await _known(connection, asset_id)

        return await repeated(ask)

    async def settle(self, lease: Lease, told: VendorActions) -> tuple[AssetFinding, ...] | None:
        """Store what was told of a leased asset, give it back, and return what was found.

        None, and nothing written, if somebody else has claimed it, or it has another symbol now.
        Raises `RowsRefused` if PostgreSQL takes one of the rows for none.
        """

        async def do() -> tuple[AssetFinding, ...] | None:
            with storage_errors():
                async with self._pool.connection() as connection, connection.transaction():
                    return await _settle(connection, lease, told)

        try:
            return await repeated(do)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            reason = type(error).__name__
            raise RowsRefused(f"{lease.symbol}: PostgreSQL refused the rows: {reason}") from None


async def read_bars(connection: AsyncConn, asset_id: int, first: date) -> Bars:
    """Return the bars that an asset has from a date on, ascending."""
    rows = await rows_of(connection, "read_overlap", {"asset_id": asset_id, "first": first})
    columns = list(zip(*rows, strict=True)) or [()] * 7
    return Bars(np.array(columns[0], np.int32), *(np.array(c, np.float64) for c in columns[1:]))


def finding_parameters(found: Mapping[int, Sequence[AssetFinding]]) -> dict[str, Any]:
    """Return the arrays that `replace_findings.sql` takes, from the findings by asset."""
    rows = [(asset_id, each) for asset_id, group in found.items() for each in group]
    return {
        "asset_ids": list(found),
        "found_ids": [asset_id for asset_id, _ in rows],
        "rules": [each.rule for _, each in rows],
        "firsts": [each.first for _, each in rows],
        "lasts": [each.last for _, each in rows],
        "counts": [each.count for _, each in rows],
        "worsts": [each.worst for _, each in rows],
        "details": [each.detail for _, each in rows],
    }


async def _known(connection: AsyncConn, asset_id: int) -> KnownActions:
    asset = {"asset_id": asset_id}
    splits = await rows_of(connection, "read_splits", asset)
    dividends = await rows_of(connection, "read_dividends", asset)
    asked = asset | {"days": REREAD_AFTER_DAYS, "rule": ADJUSTED_CLOSE_IS_EXPLAINED}
    ((currency, is_recent, *unexplained),) = await rows_of(connection, "read_unexplained", asked)
    return KnownActions(
        splits=tuple(Split(*row) for row in splits),
        dividends=tuple(_dividend(row) for row in dividends),
        currency=currency,
        unexplained=None if unexplained[0] is None else _unexplained(unexplained),
        is_recent=is_recent,
    )


async def _settle(
    connection: AsyncConn, lease: Lease, told: VendorActions
) -> tuple[AssetFinding, ...] | None:
    held = {
        "asset_id": lease.asset_id,
        "fence": lease.fence,
        "code": lease.symbol.code,
        "exchange": lease.symbol.exchange,
    }
    if not await rows_of(connection, "lock_asset", held):
        return None
    await _store(connection, lease.asset_id, told)
    bars = await read_bars(connection, lease.asset_id, date.min)
    found = findings_of(bars, await _known(connection, lease.asset_id))
    if told.unfit:
        found = tuple(replace(each, detail=f"{each.detail}; {told.unfit}") for each in found)
    parameters = finding_parameters({lease.asset_id: found})
    await connection.execute(query("replace_findings"), parameters)
    settled = {
        "asset_id": lease.asset_id,
        "are_read": not told.unfit,
        "put_off_days": RETRY_AFTER_DAYS if told.unfit and found else None,
    }
    await connection.execute(query("settle_actions"), settled)
    return found


async def _store(connection: AsyncConn, asset_id: int, told: VendorActions) -> None:
    whole = {"whole_ids": [asset_id] if told.are_all else []}
    if told.splits is not None:
        splits = split_columns({asset_id: told.splits})
        await connection.execute(query("store_splits"), whole | splits)
    if told.dividends is not None:
        dividends = dividend_columns({asset_id: told.dividends})
        await connection.execute(query("store_dividends"), whole | dividends)
    if told.rejects:
        rejects = reject_parameters([(asset_id, row) for row in told.rejects])
        await connection.execute(query("insert_rejects"), rejects)


def split_columns(told: Mapping[int, Sequence[Split]]) -> dict[str, Any]:
    """Return the splits of assets as the arrays of a query."""
    rows = [(asset_id, split) for asset_id, splits in told.items() for split in splits]
    return {
        "asset_ids": [asset_id for asset_id, _ in rows],
        "dates": [split.date for _, split in rows],
        "numerators": [split.numerator for _, split in rows],
        "denominators": [split.denominator for _, split in rows],
    }


def dividend_columns(told: Mapping[int, Sequence[Dividend]]) -> dict[str, Any]:
    """Return the dividends of assets as the arrays of a query.

    The key of a dividend is its day and value; the first that bears them stands.
    """
    kept: dict[tuple[int, date, float], Dividend] = {}
    for asset_id, dividends in told.items():
        for each in dividends:
            kept.setdefault((asset_id, each.date, each.value), each)
    paid = [*kept.values()]
    return {
        "asset_ids": [asset_id for asset_id, _, _ in kept],
        "dates": [dividend.date for dividend in paid],
        "amounts": [dividend.value for dividend in paid],
        "unadjusted": [dividend.unadjusted_value for dividend in paid],
        "currencies": [dividend.currency for dividend in paid],
        "declared": [dividend.declaration_date for dividend in paid],
        "recorded": [dividend.record_date for dividend in paid],
        "paid": [dividend.payment_date for dividend in paid],
        "periods": [dividend.period for dividend in paid],
    }


def _dividend(row: tuple[Any, ...]) -> Dividend:
    names = ("date", "value", "unadjusted_value", "currency", "declaration_date", "record_date")
    return Dividend(**dict(zip((*names, "payment_date", "period"), row, strict=True)))


def _unexplained(row: Sequence[Any]) -> AssetFinding:
    first, last, count, worst, detail = row
    return AssetFinding(
        rule=ADJUSTED_CLOSE_IS_EXPLAINED,
        first=first,
        last=last,
        count=count,
        worst=worst,
        detail=detail,
    )
