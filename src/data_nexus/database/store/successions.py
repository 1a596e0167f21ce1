"""Find renames and reused codes between a staged list and the assets, and apply them.

All of it works on a staged list and inside the transaction of its caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from psycopg.rows import class_row

from data_nexus.database.connection import AsyncConn
from data_nexus.database.pool import rows_of
from data_nexus.database.queries import query
from data_nexus.domain.listings.listing import SymbolChange
from data_nexus.domain.listings.old_codes import PastName, Predecessor, decide_delisted
from data_nexus.domain.listings.renames import decide_listed
from data_nexus.domain.listings.succession import Arrival, CodeHolder, Succession


@dataclass(frozen=True, slots=True)
class _Arriving:
    """A line of a staged list, beside the asset that has its code now, if any."""

    code: str
    name: str
    isin: str
    asset_id: int | None
    asset_name: str
    asset_isin: str
    is_listed: bool
    since: date

    def arrival(self) -> Arrival:
        if self.asset_id is None:
            return Arrival(self.code, self.name, self.isin)
        holder = CodeHolder(
            self.asset_id, self.code, self.asset_name, self.asset_isin, self.is_listed, self.since
        )
        return Arrival(self.code, self.name, self.isin, holder)


@dataclass(frozen=True, slots=True)
class _Preceded:
    """A line of a staged list beside one asset that may precede it, and one of its past names."""

    code: str
    name: str
    isin: str
    asset_id: int
    asset_code: str
    asset_name: str
    asset_isin: str
    is_listed: bool
    past_until: datetime | None
    past_name: str
    past_isin: str

    @property
    def arrival(self) -> Arrival:
        return Arrival(self.code, self.name, self.isin)


async def find_succession(
    connection: AsyncConn, exchange: str, types: Sequence[str], changes: Sequence[SymbolChange]
) -> Succession:
    """Return which assets were renamed and which lost a code, by a staged list of the listed."""
    reported = [change for change in changes if change.exchange == exchange]
    asked: dict[str, Any] = {
        "exchange": exchange,
        "types": list(types),
        "old_codes": [change.old for change in reported],
        "new_codes": [change.new for change in reported],
    }
    gone = await rows_of(connection, "find_gone", asked, class_row(CodeHolder))
    asked["isins"] = [holder.isin for holder in gone if holder.isin]
    arriving = await rows_of(connection, "find_arrivals", asked, class_row(_Arriving))
    return decide_listed(gone, [each.arrival() for each in arriving], reported)


async def find_delisted_succession(connection: AsyncConn, exchange: str) -> Succession:
    """Return which assets a staged list of the delisted calls `CODE_old`."""
    asked = {"exchange": exchange}
    rows = await rows_of(connection, "find_predecessors", asked, class_row(_Preceded))
    return decide_delisted(
        (arrival, [_predecessor(each) for _, each in groupby(lines, lambda row: row.asset_id)])
        for arrival, lines in groupby(rows, lambda row: row.arrival)
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


def _predecessor(rows: Iterable[_Preceded]) -> Predecessor:
    first, *more = rows
    return Predecessor(
        first.asset_id,
        first.asset_code,
        first.asset_name,
        first.asset_isin,
        first.is_listed,
        tuple(
            PastName(row.past_until, row.past_name, row.past_isin)
            for row in (first, *more)
            if row.past_until is not None
        ),
    )
