"""Store what the vendor sends of an asset's splits and dividends, and what they leave unexplained.

The actions, the mark that they were fetched and the findings enter in one transaction, as long as
no other worker has claimed the asset since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
import numpy as np
from psycopg.rows import class_row, scalar_row, tuple_row

from data_nexus.database.connection import AsyncConn, repeated
from data_nexus.database.pool import Pool, rows_of
from data_nexus.database.queries import ActionSample, Ids, query, sampled_assets, wanted_actions
from data_nexus.database.store.batch import RejectedRow, reject_parameters
from data_nexus.database.store.leases import Leases
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment.findings import (
    ACTIONS_ARE_STILL_SENT,
    ADJUSTED_CLOSE_IS_EXPLAINED,
    ADJUSTMENT_RULES,
    REREAD_AFTER_DAYS,
    RETRY_AFTER_DAYS,
    AssetFinding,
    KnownActions,
    findings_of,
)
from data_nexus.domain.bars import Bars, days
from data_nexus.domain.planning.lease import Lease

Action = TypeVar("Action", Split, Dividend)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorActions:
    """The splits and dividends of an asset that the vendor sent.

    None: no answer, what is stored stays. `are_all`: what is stored and was not sent any more goes.
    `unfit` is why an answer could not be read or believed, "" if none was. `kept` are the days of
    stored actions among them that were not sent.
    """

    splits: tuple[Split, ...] | None = None
    dividends: tuple[Dividend, ...] | None = None
    are_all: bool = True
    rejects: tuple[RejectedRow, ...] = ()
    unfit: str = ""
    kept: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleResult:
    """Of how many `assets` a sample has read the actions, and what it found.

    `not_stored` of them had an action that was not stored, and `unexplained` have adjusted closes
    that their actions do not explain.
    """

    assets: int
    not_stored: int
    unexplained: int


@dataclass(frozen=True, slots=True)
class StoredActions:
    """The stored actions of assets; the moments are the database's own."""

    _pool: Pool
    _leases: Leases

    async def wanted(self, exchange: str | None, asset_ids: Ids = None) -> dict[str, int]:
        """Return the number of assets whose actions are to be fetched now, by exchange."""
        return dict(await self._pool.rows(*wanted_actions(exchange, asset_ids)))

    async def known(self, asset_id: int) -> KnownActions:
        """Return what is stored of an asset's actions, and what they left unexplained."""

        async def ask() -> KnownActions:
            async with self._pool.connection() as connection:
                return await _known(connection, asset_id)

        return await repeated(ask)

    async def draw(self, sample: ActionSample) -> dict[str, int]:
        """Draw a sample where it is time for one; return what is to be read of all, by exchange."""

        async def draw_alone(connection: AsyncConn) -> None:
            await connection.execute(query("lock_samples"))
            await connection.execute(query("draw_sample"), sample.parameters())

        await self._pool.transaction(draw_alone)
        return dict(await self._pool.rows(*sampled_assets(sample)))

    async def sampled(self, asset_ids: Sequence[int], since: datetime) -> SampleResult:
        """Return what a sample has found of assets since a moment."""
        asked = {"asset_ids": list(asset_ids), "since": since}
        return await self._pool.one("sample_result", asked, class_row(SampleResult))

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


def finding_parameters(
    judged: Sequence[tuple[int, str]], found: Sequence[tuple[int, AssetFinding]]
) -> dict[str, Any]:
    """Return the arrays that the statement `replace_findings` takes.

    `judged` are the assets and the rules that they were judged by; what is not found then, goes.
    """
    return {
        "judged_ids": [asset_id for asset_id, _ in judged],
        "judged_rules": [rule for _, rule in judged],
        "found_ids": [asset_id for asset_id, _ in found],
        "rules": [each.rule for _, each in found],
        "firsts": [each.first for _, each in found],
        "lasts": [each.last for _, each in found],
        "counts": [each.count for _, each in found],
        "worsts": [each.worst for _, each in found],
        "details": [each.detail for _, each in found],
    }


async def _known(connection: AsyncConn, asset_id: int) -> KnownActions:
    asked = {
        "asset_id": asset_id,
        "rule": ADJUSTED_CLOSE_IS_EXPLAINED,
        "days": REREAD_AFTER_DAYS,
    }
    (known,) = await rows_of(connection, "known_actions", asked, scalar_row)
    return msgspec.json.decode(known, type=KnownActions)


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
    known = await _known(connection, lease.asset_id)
    is_answered, not_stored = not received.unfit, days_not_stored(received, known, bars)
    received = believed(received, known, bars)
    await _store(connection, lease.asset_id, received)
    found = findings_of(bars, await _known(connection, lease.asset_id))
    if received.unfit:
        found = tuple(replace(each, detail=f"{each.detail}; {received.unfit}") for each in found)
    if received.kept:
        found = (*found, _kept_finding(received))
    judged = [(lease.asset_id, rule) for rule in (*ADJUSTMENT_RULES, ACTIONS_ARE_STILL_SENT)]
    parameters = finding_parameters(judged, [(lease.asset_id, each) for each in found])
    await connection.execute(query("replace_findings"), parameters)
    settled = {
        "asset_id": lease.asset_id,
        "are_read": not received.unfit,
        "put_off_days": RETRY_AFTER_DAYS if received.unfit and found else None,
        "is_answered": is_answered,
        "not_stored": not_stored,
        "is_unexplained": any(each.rule == ADJUSTED_CLOSE_IS_EXPLAINED for each in found),
    }
    await connection.execute(query("settle_actions"), settled)
    return found


def days_not_stored(received: VendorActions, known: KnownActions, bars: Bars) -> int:
    """Return on how many days between bars a split, or a dividend, was sent and none is stored."""
    if not len(bars):
        return 0
    first, last = int(bars.date[0]), int(bars.date[-1])
    splits = {each.date for each in received.splits or ()}
    dividends = {each.date for each in received.dividends or ()}
    lacking = [*(splits - {each.date for each in known.splits})]
    lacking += dividends - {each.date for each in known.dividends}
    return sum(first < days(each) <= last for each in lacking)


def believed(received: VendorActions, known: KnownActions, bars: Bars) -> VendorActions:
    """Return what to store of an answer: not that actions are withdrawn, if the bars need them.

    An answer that lacks splits, or dividends, on days of stored ones is believed only if no more of
    the adjusted closes disagree then, which the vendor itself has sent.
    """
    if not received.are_all:
        return received

    def with_splits(splits: tuple[Split, ...]) -> int:
        return _unexplained(bars, replace(known, splits=splits))

    def with_dividends(dividends: tuple[Dividend, ...]) -> int:
        return _unexplained(bars, replace(known, dividends=dividends))

    splits = _needed(received.splits, known.splits, with_splits)
    dividends = _needed(received.dividends, known.dividends, with_dividends)
    if not (splits or dividends):
        return received
    kinds = (("splits", received.splits, splits), ("dividends", received.dividends, dividends))
    said = " and ".join(f"{'fewer' if sent else 'no'} {kind}" for kind, sent, kept in kinds if kept)
    unfit = f"the vendor sent {said}, although its adjusted closes need those that are stored"
    return replace(
        received,
        splits=_by_date(received.splits, splits) if splits else received.splits,
        dividends=_by_date(received.dividends, dividends) if dividends else received.dividends,
        unfit=received.unfit or unfit,
        kept=(*(each.date for each in splits), *(each.date for each in dividends)),
    )


def _needed(
    sent: tuple[Action, ...] | None,
    stored: tuple[Action, ...],
    unexplained: Callable[[tuple[Action, ...]], int],
) -> tuple[Action, ...]:
    """Return the stored actions that an answer lacks and without which more bars disagree."""
    if sent is None:
        return ()
    dates = {each.date for each in sent}
    lacking = tuple(each for each in stored if each.date not in dates)
    if not lacking or unexplained(sent) <= unexplained(_by_date(sent, lacking)):
        return ()
    return lacking


def _by_date(sent: tuple[Action, ...] | None, kept: tuple[Action, ...]) -> tuple[Action, ...]:
    return tuple(sorted((sent or ()) + kept, key=attrgetter("date")))


def _unexplained(bars: Bars, known: KnownActions) -> int:
    """Return how many adjusted closes actions do not explain."""
    found = findings_of(bars, known)
    return sum(each.count for each in found if each.rule == ADJUSTED_CLOSE_IS_EXPLAINED)


def _kept_finding(received: VendorActions) -> AssetFinding:
    """Return the finding of stored actions that stay although the vendor sends them no more."""
    return AssetFinding(
        rule=ACTIONS_ARE_STILL_SENT,
        first=min(received.kept),
        last=max(received.kept),
        count=len(received.kept),
        detail=received.unfit,
    )


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
