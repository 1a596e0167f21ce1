"""Commit batches: fence check, bars, rejects, findings, cursors and sync log in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg.rows import class_row, scalar_row, tuple_row

from data_nexus.database.connection import AsyncConn, repeated
from data_nexus.database.pool import Pool, copy_to, rows_of
from data_nexus.database.queries import query
from data_nexus.database.store.actions import finding_parameters, read_bars
from data_nexus.database.store.batch import (
    Batch,
    Receipt,
    StoredHistory,
    WrittenBars,
    arrival,
    receipt,
    reject_parameters,
    settle_parameters,
)
from data_nexus.database.store.copy_format import encode_bars, framed
from data_nexus.database.store.leases import Leases
from data_nexus.database.store.suspicions import noted_parameters, settled_parameters
from data_nexus.domain.bars import Bars
from data_nexus.errors import StorageUnavailable


class _CursorMoved(Exception):
    """An asset without a cursor has bars after all: another worker has moved its cursor."""


@dataclass(frozen=True, slots=True)
class Commits:
    """The commits of a worker, each under its leases."""

    _pool: Pool
    _leases: Leases

    async def commit(self, batches: Sequence[Batch], run_id: int | None) -> list[Receipt | None]:
        """Commit batches in one transaction; None stands for a batch whose lease was lost.

        Raises `RowsRefused` if PostgreSQL does not accept one of the rows; nothing is written then.
        """
        try:
            receipts = await repeated(lambda: self._commit_once(batches, run_id))
        except _CursorMoved:
            return await self.commit([batch.as_reread() for batch in batches], run_id)
        self._leases.forget(batch.lease for batch in batches)
        return [receipts.get(batch.lease.asset_id) for batch in batches]

    async def stored_bars(self, asset_id: int, first: date) -> Bars:
        """Return the bars that an asset has from a date on, ascending."""

        async def ask() -> Bars:
            async with self._pool.connection() as connection:
                return await read_bars(connection, asset_id, first)

        return await repeated(ask)

    async def _commit_once(
        self, batches: Sequence[Batch], run_id: int | None
    ) -> dict[int, Receipt]:
        receipts: dict[int, Receipt] = {}
        trusted = [batch for batch in batches if self._leases.trusts(batch.lease)]
        try:
            async with self._pool.begin() as connection:
                receipts = await _write(connection, self._leases.owner, trusted, run_id)
        except StorageUnavailable:
            # The connection may have broken while COMMIT was under way. The sync log says whether
            # it happened: the whole transaction is there or none of it.
            if not receipts or await self._settled(batches) != receipts.keys():
                raise
        return receipts

    async def _settled(self, batches: Sequence[Batch]) -> set[int]:
        asset_ids = [batch.lease.asset_id for batch in batches]
        fences = [batch.lease.fence for batch in batches]
        held = {"asset_ids": asset_ids, "fences": fences}
        async with self._pool.begin() as connection:
            await rows_of(connection, "await_leases", {"asset_ids": asset_ids}, scalar_row)
            return {*await rows_of(connection, "settled_fences", held, scalar_row)}


async def _write(
    connection: AsyncConn, owner: int, batches: Sequence[Batch], run_id: int | None
) -> dict[int, Receipt]:
    """Write what is still leased by `owner`; return receipts by asset."""
    fences = {
        "asset_ids": [batch.lease.asset_id for batch in batches],
        "fences": [batch.lease.fence for batch in batches],
        "owner": owner,
    }
    held_ids = {*await rows_of(connection, "lock_batch", fences, scalar_row)}
    held = [batch for batch in batches if batch.lease.asset_id in held_ids]
    if not held:
        return {}
    first = [batch for batch in held if batch.lease.is_first and len(batch.bars)]
    again = [batch for batch in held if not batch.lease.is_first and len(batch.bars)]
    before = await _stored_before(connection, [batch for batch in held if batch.is_whole_again])
    written = await _insert(connection, first) | await _merge(connection, again)
    rejects = [(batch.lease.asset_id, row) for batch in held for row in batch.rejects]
    if rejects:
        await connection.execute(query("insert_rejects"), reject_parameters(rejects))
    # An asset without bars before has no findings, and one whose actions are wanted keeps its own.
    judged = {b.lease.asset_id: b.verdict for b in again if b.verdict is not None}
    found = {each: v.findings for each, v in judged.items() if not v.wants_actions}
    if found:
        await connection.execute(query("replace_findings"), finding_parameters(found))
    if suspected := [each for batch in held for each in batch.suspected]:
        await connection.execute(query("note_suspicions"), noted_parameters(suspected))
    if doubts := [each for batch in held for each in batch.settled]:
        await connection.execute(query("settle_suspicions"), settled_parameters(doubts))
    settled = [(b, written.get(b.lease.asset_id) or WrittenBars(b.lease.asset_id)) for b in held]
    await connection.execute(query("settle_batch"), settle_parameters(settled, before, run_id))
    return {batch.lease.asset_id: receipt(batch, each) for batch, each in settled}


async def _stored_before(
    connection: AsyncConn, batches: Sequence[Batch]
) -> dict[int, StoredHistory]:
    """Return what there is, and what the log says that there is, of the assets of batches."""
    if not batches:
        return {}
    asked = {"asset_ids": [batch.lease.asset_id for batch in batches]}
    stored = {
        row[0]: row[1:] for row in await rows_of(connection, "count_stored", asked, tuple_row)
    }
    log = {row[0]: row[1:] for row in await rows_of(connection, "count_logged", asked, tuple_row)}
    return {
        asset_id: StoredHistory(*stored.get(asset_id, (0, None)), *log.get(asset_id, (0, None)))
        for asset_id in asked["asset_ids"]
    }


async def _insert(connection: AsyncConn, batches: Sequence[Batch]) -> dict[int, WrittenBars]:
    """Store the bars of assets that have none."""
    if not batches:
        return {}
    try:
        await copy_to(connection, "copy_bars", _copied(batches))
    except psycopg.errors.UniqueViolation:
        raise _CursorMoved from None
    return {
        batch.lease.asset_id: WrittenBars(
            batch.lease.asset_id, len(batch.bars), arrived=arrival(batch.bars)
        )
        for batch in batches
    }


async def _merge(connection: AsyncConn, batches: Sequence[Batch]) -> dict[int, WrittenBars]:
    """Bring the stored bars of assets in line with those of their batches."""
    if not batches:
        return {}
    await copy_to(connection, "stage_bars", _copied(batches))
    merged = await rows_of(connection, "merge_bars", {}, class_row(WrittenBars))
    return {row.asset_id: row for row in merged}


def _copied(batches: Sequence[Batch]) -> bytes:
    ordered = sorted(batches, key=lambda batch: batch.lease.asset_id)
    return framed(encode_bars(batch.lease.asset_id, batch.bars) for batch in ordered)
