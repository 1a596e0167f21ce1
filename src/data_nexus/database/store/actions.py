"""Store what the vendor sends of an asset's splits and dividends, and what they leave unexplained.

The actions, the mark that they were fetched and the findings enter in one transaction, as long as
no other worker has claimed the asset since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from psycopg.rows import class_row, scalar_row, tuple_row

from data_nexus.database.connection import AsyncConn, repeated
from data_nexus.database.pool import Pool, rows_of
from data_nexus.database.queries import query, wanted_actions
from data_nexus.database.store.batch import RejectedRow, reject_parameters
from data_nexus.database.store.leases import Leases
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


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorActions:
    """The splits and dividends of an asset that the vendor sent.

    None: no answer, what is stored stays. `are_all`: what is stored and was not sent any more goes.
    `unfit` is why an answer could not be read, "" if none was.
    """

    splits: tuple[Split, ...] | None = None
    dividends: tuple[Dividend, ...] | None = None
    are_all: bool = True
    rejects: tuple[RejectedRow, ...] = ()
    unfit: str = ""


@dataclass(frozen=True, slots=True)
class StoredActions:
    """The stored actions of assets; the moments are the database's own."""

    _pool: Pool
    _leases: Leases

    async def wanted(self, exchange: str | None) -> dict[str, int]:
        """Return the number of assets whose actions are to be fetched now, by exchange."""
        return dict(await self._pool.rows(*wanted_actions(exchange)))

    async def known(self, asset_id: int) -> KnownActions:
        """Return what is stored of an asset's actions, and what they left unexplained."""

        async def ask() -> KnownActions:
            async with self._pool.connection() as connection:
                return await _known(connection, asset_id)

        return await repeated(ask)

    async def settle(
        self, lease: Lease, received: VendorActions
    ) -> tuple[AssetFinding, ...] | None:
        """Store what was received of a leased asset, give it back, and return what was found.

        None, and nothing written, if another worker has claimed it, or it has another symbol now.
        Raises `RowsRefused` if PostgreSQL does not accept one of the rows.
        """
        found = None
        if self._leases.trusts(lease):
            found = await self._pool.transaction(lambda c: _settle(c, lease, received))
        self._leases.forget([lease])
        return found


async def read_bars(connection: AsyncConn, asset_id: int, first: date) -> Bars:
    """Return the bars that an asset has from a date on, ascending."""
    asked = {"asset_id": asset_id, "first": first}
    rows = await rows_of(connection, "read_overlap", asked, tuple_row)
    columns = list(zip(*rows, strict=True)) or [()] * 7
    return Bars(np.array(columns[0], np.int32), *(np.array(c, np.float64) for c in columns[1:]))


def finding_parameters(found: Mapping[int, Sequence[AssetFinding]]) -> dict[str, Any]:
    """Return the arrays that the statement `replace_findings` takes, from the findings by asset."""
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
    asset: dict[str, Any] = {"asset_id": asset_id}
    splits = await rows_of(connection, "read_splits", asset, class_row(Split))
    dividends = await rows_of(connection, "read_dividends", asset, class_row(Dividend))
    asked = asset | {"rule": ADJUSTED_CLOSE_IS_EXPLAINED}
    unexplained = await rows_of(connection, "read_finding", asked, class_row(AssetFinding))
    asked = asset | {"days": REREAD_AFTER_DAYS}
    ((currency, is_recent),) = await rows_of(connection, "read_currency", asked, tuple_row)
    return KnownActions(
        splits=tuple(splits),
        dividends=tuple(dividends),
        currency=currency,
        unexplained=unexplained[0] if unexplained else None,
        is_recent=is_recent,
    )


async def _settle(
    connection: AsyncConn, lease: Lease, received: VendorActions
) -> tuple[AssetFinding, ...] | None:
    held = {
        "asset_id": lease.asset_id,
        "fence": lease.fence,
        "code": lease.symbol.code,
        "exchange": lease.symbol.exchange,
    }
    if not await rows_of(connection, "lock_asset", held, scalar_row):
        return None
    bars = await read_bars(connection, lease.asset_id, date.min)
    received = believed(received, await _known(connection, lease.asset_id), bars)
    await _store(connection, lease.asset_id, received)
    found = findings_of(bars, await _known(connection, lease.asset_id))
    if received.unfit:
        found = tuple(replace(each, detail=f"{each.detail}; {received.unfit}") for each in found)
    parameters = finding_parameters({lease.asset_id: found})
    await connection.execute(query("replace_findings"), parameters)
    settled = {
        "asset_id": lease.asset_id,
        "are_read": not received.unfit,
        "put_off_days": RETRY_AFTER_DAYS if received.unfit and found else None,
    }
    await connection.execute(query("settle_actions"), settled)
    return found


def believed(received: VendorActions, known: KnownActions, bars: Bars) -> VendorActions:
    """Return what to store of an answer: not that there are no actions, if the bars need them.

    An answer without any split, or any dividend, where some are stored is believed only if no more
    of the adjusted closes disagree then, which the vendor itself has sent.
    """
    if not received.are_all:
        return received
    text = ""
    without_splits = replace(known, splits=())
    if received.splits == () and known.splits and _explains_less(without_splits, known, bars):
        received, text = replace(received, splits=None), "splits"
    without_paid = replace(known, dividends=())
    if received.dividends == () and known.dividends and _explains_less(without_paid, known, bars):
        received, text = replace(received, dividends=None), "dividends"
    if not text:
        return received
    unfit = f"the vendor sent no {text}, although its adjusted closes need those that are stored"
    return replace(received, unfit=received.unfit or unfit)


def _explains_less(fewer: KnownActions, known: KnownActions, bars: Bars) -> bool:
    unexplained = [
        sum(
            each.count
            for each in findings_of(bars, actions)
            if each.rule == ADJUSTED_CLOSE_IS_EXPLAINED
        )
        for actions in (fewer, known)
    ]
    return unexplained[0] > unexplained[1]


async def _store(connection: AsyncConn, asset_id: int, received: VendorActions) -> None:
    whole = {"whole_ids": [asset_id] if received.are_all else []}
    if received.splits is not None:
        splits = split_columns({asset_id: received.splits})
        await connection.execute(query("store_splits"), whole | splits)
    if received.dividends is not None:
        dividends = dividend_columns({asset_id: received.dividends})
        await connection.execute(query("store_dividends"), whole | dividends)
    if received.rejects:
        rejects = reject_parameters([(asset_id, row) for row in received.rejects])
        await connection.execute(query("insert_rejects"), rejects)


def split_columns(by_asset: Mapping[int, Sequence[Split]]) -> dict[str, Any]:
    """Return the splits of assets as the arrays of a query."""
    rows = [(asset_id, split) for asset_id, splits in by_asset.items() for split in splits]
    return {
        "asset_ids": [asset_id for asset_id, _ in rows],
        "dates": [split.date for _, split in rows],
        "numerators": [split.numerator for _, split in rows],
        "denominators": [split.denominator for _, split in rows],
    }


def dividend_columns(by_asset: Mapping[int, Sequence[Dividend]]) -> dict[str, Any]:
    """Return the dividends of assets as the arrays of a query.

    The key of a dividend is its day and value; the first with the same is kept.
    """
    kept: dict[tuple[int, date, float], Dividend] = {}
    for asset_id, dividends in by_asset.items():
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
