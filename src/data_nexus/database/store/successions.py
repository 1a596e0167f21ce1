"""Owns renames and reused codes in the database: what two lists show, and what follows for assets.

Every verb works on a staged list and inside the transaction of its caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from data_nexus.database.connection import AsyncConn, rows_of
from data_nexus.database.queries import query
from data_nexus.domain.listings.listing import SymbolChange
from data_nexus.domain.listings.old_codes import PastName, Predecessor, decide_delisted
from data_nexus.domain.listings.renames import decide_listed
from data_nexus.domain.listings.succession import Arrival, CodeHolder, Succession


async def find_succession(
    connection: AsyncConn, exchange: str, types: Sequence[str], changes: Sequence[SymbolChange]
) -> Succession:
    """Return who was renamed and who lost a code, by a staged list of the living."""
    told = [change for change in changes if change.exchange == exchange]
    asked = {
        "exchange": exchange,
        "types": list(types),
        "old_codes": [change.old for change in told],
        "new_codes": [change.new for change in told],
    }
    gone = [CodeHolder(*row) for row in await rows_of(connection, "find_gone", asked)]
    asked["isins"] = [bearer.isin for bearer in gone if bearer.isin]
    arrivals = [_arrival(row) for row in await rows_of(connection, "find_arrivals", asked)]
    return decide_listed(gone, arrivals, told)


async def find_dead_succession(connection: AsyncConn, exchange: str) -> Succession:
    """Return which assets a staged list of the dead calls `CODE_old`."""
    rows = await rows_of(connection, "find_predecessors", {"exchange": exchange})
    return decide_delisted(
        (Arrival(*line), [_forebear(list(each)) for _, each in groupby(group, lambda row: row[3])])
        for line, group in groupby(rows, lambda row: row[:3])
    )


async def apply_succession(
    connection: AsyncConn, found: Succession, moment: datetime, *, delisted: bool
) -> None:
    """Give renamed assets their codes and take them from retired ones.

    All of them lose their codes first, so that codes may be passed on in a ring.
    """
    renamed = [rename.asset_id for rename in found.renames]
    retired = [retirement.asset_id for retirement in found.retirements]
    if renamed or retired:
        without = {"asset_ids": [*renamed, *retired], "moment": moment}
        await connection.execute(query("retire_assets"), without)
    if renamed:
        codes = [rename.new for rename in found.renames]
        parameters = {"asset_ids": renamed, "codes": codes, "delisted": delisted}
        await connection.execute(query("rename_assets"), parameters)
    for split_off in found.split_offs:
        await connection.execute(
            query("split_off_asset"),
            {"asset_id": split_off.asset_id, "code": split_off.code, "since": split_off.since},
        )


def _arrival(row: tuple[Any, ...]) -> Arrival:
    code, name, isin, asset_id, asset_name, asset_isin, is_listed, since = row
    if asset_id is None:
        return Arrival(code, name, isin)
    bearer = CodeHolder(asset_id, code, asset_name, asset_isin, is_listed, since)
    return Arrival(code, name, isin, bearer)


def _forebear(rows: list[tuple[Any, ...]]) -> Predecessor:
    past = tuple(PastName(*row[8:]) for row in rows if row[8] is not None)
    asset_id, code, name, isin, is_listed = rows[0][3:8]
    return Predecessor(asset_id, code, name, isin, is_listed, past)
