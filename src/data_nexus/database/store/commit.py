"""Owns the one write: the statements of the transaction that commits batches."""

from __future__ import annotations

from collections.abc import Sequence

from data_nexus.database.connection import AsyncConn, rows_of
from data_nexus.database.queries import query
from data_nexus.database.store.actions import finding_parameters
from data_nexus.database.store.batch import (
    Batch,
    Receipt,
    arrival,
    receipt,
    reject_parameters,
    settle_parameters,
)
from data_nexus.database.store.copy_format import HEADER, TRAILER, encode_bars


async def write_batches(
    connection: AsyncConn, owner: int, batches: Sequence[Batch], run_id: int | None
) -> dict[int, Receipt]:
    """Write what is still leased by `owner`, in the caller's transaction; receipts by asset.

    Fence check, bars, rejects, findings, cursor and sync log: all of it or, with the transaction,
    nothing.
    """
    fences = {
        "asset_ids": [batch.lease.asset_id for batch in batches],
        "fences": [batch.lease.fence for batch in batches],
        "owner": owner,
    }
    held_ids = {row[0] for row in await rows_of(connection, "lock_batch", fences)}
    held = [batch for batch in batches if batch.lease.asset_id in held_ids]
    if not held:
        return {}
    first = [batch for batch in held if batch.lease.is_first and len(batch.bars)]
    again = [batch for batch in held if not batch.lease.is_first and len(batch.bars)]
    counts = {batch.lease.asset_id: (len(batch.bars), 0) for batch in first}
    arrived = {batch.lease.asset_id: arrival(batch.bars) for batch in first}
    if first:
        await _copy(connection, "copy_bars", first)
    if again:
        await _copy(connection, "stage_bars", again)
        merged = await rows_of(connection, "merge_bars", {})
        counts |= {row[0]: (row[1], row[2]) for row in merged}
        arrived |= {row[0]: row[3] for row in merged}
    rejects = [(batch.lease.asset_id, row) for batch in held for row in batch.rejects]
    if rejects:
        await connection.execute(query("insert_rejects"), reject_parameters(rejects))
    # An asset without bars before has no findings, and one that is to be asked for keeps its own.
    judged = {b.lease.asset_id: b.verdict for b in again if b.verdict is not None}
    found = {each: v.findings for each, v in judged.items() if not v.wants_actions}
    if found:
        await connection.execute(query("replace_findings"), finding_parameters(found))
    receipts = [receipt(batch, *counts.get(batch.lease.asset_id, (0, 0))) for batch in held]
    settled = settle_parameters(held, receipts, arrived, run_id)
    await connection.execute(query("settle_batch"), settled)
    return {b.lease.asset_id: r for b, r in zip(held, receipts, strict=True)}


async def _copy(connection: AsyncConn, name: str, batches: Sequence[Batch]) -> None:
    ordered = sorted(batches, key=lambda batch: batch.lease.asset_id)
    rows = [encode_bars(batch.lease.asset_id, batch.bars) for batch in ordered]
    async with connection.cursor() as cursor, cursor.copy(query(name)) as copy:
        await copy.write(b"".join((HEADER, *rows, TRAILER)))
