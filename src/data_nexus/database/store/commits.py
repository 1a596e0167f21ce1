"""Commit batches: fence check, bars, rejects, findings, cursors and sync log in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg.rows import scalar_row, tuple_row
from psycopg.types.multirange import Multirange

from data_nexus.database.connection import AsyncConn, repeated
from data_nexus.database.pool import Pool, copy_to, rows_of
from data_nexus.database.queries import query
from data_nexus.database.store.actions import finding_parameters, read_bars
from data_nexus.database.store.batch import (
    Batch,
    LoggedHistory,
    Receipt,
    WrittenBars,
    first_bars,
    receipt,
    reject_parameters,
    settle_parameters,
)
from data_nexus.database.store.compared import Compared, compare_group
from data_nexus.database.store.copy_format import encode_bars, framed
from data_nexus.database.store.leases import Leases
from data_nexus.database.store.stored_bars import read_windows, write_change
from data_nexus.database.store.suspicions import noted_parameters, settled_parameters
from data_nexus.domain.adjustment.findings import (
    ADJUSTMENT_RULES,
    BARS_ARE_STILL_SENT,
)
from data_nexus.domain.bars import Bars, days
from data_nexus.domain.planning.suspicion import Reason
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
    again = [batch for batch in held if not batch.lease.is_first]
    # One without bars may have had some before: what is left of them is in the log.
    counted = [b for b in first if b.lease.fence > 1] + [b for b in again if b.window.is_whole]
    logged = await _logged(connection, counted)
    compared = [b for b in again if len(b.bars) or b.window.is_whole]
    found = await _bring_in_line(connection, compared, logged)
    written = {**await _insert(connection, first), **found.written}
    rejects = [(batch.lease.asset_id, row) for batch in held for row in batch.rejects]
    if rejects:
        await connection.execute(query("insert_rejects"), reject_parameters(rejects))
    await _write_findings(connection, again, found)
    settled = [(batch, written.get(batch.lease.asset_id, WrittenBars())) for batch in held]
    shown = {
        Reason.ANOTHER: {b.lease.asset_id for b, each in settled if each.is_disbelieved},
        Reason.LOST: {
            batch.lease.asset_id
            for batch, each in settled
            if logged.get(batch.lease.asset_id, LoggedHistory()).still_missing(batch, each)
        },
    }
    await _write_suspicions(connection, held, shown)
    await connection.execute(query("settle_batch"), settle_parameters(settled, logged, run_id))
    return {batch.lease.asset_id: receipt(batch, each) for batch, each in settled}


async def _insert(connection: AsyncConn, batches: Sequence[Batch]) -> dict[int, WrittenBars]:
    """Store the bars of assets that have none."""
    if not batches:
        return {}
    try:
        await copy_to(connection, "copy_bars", _copied(batches))
    except psycopg.errors.UniqueViolation:
        raise _CursorMoved from None
    return {batch.lease.asset_id: first_bars(batch.bars) for batch in batches}


async def _bring_in_line(
    connection: AsyncConn, batches: Sequence[Batch], logged: Mapping[int, LoggedHistory]
) -> Compared:
    """Bring the stored bars of assets in line with those of their batches."""
    windows = [(batch.lease.asset_id, batch.window) for batch in batches]
    found = compare_group(batches, await read_windows(connection, windows), logged)
    await write_change(connection, found.change, found.withdrawn)
    return found


async def _write_suspicions(
    connection: AsyncConn, batches: Sequence[Batch], shown: Mapping[Reason, Collection[int]]
) -> None:
    """Note what answers make suspect, and end or put off what was suspected.

    `shown` are the assets by what the comparison with their stored bars shows: another's answer
    ends nothing.
    """
    settled = [
        each
        for batch in batches
        for each in batch.settled
        if each.reason is Reason.ANOTHER or each.asset_id not in shown[Reason.ANOTHER]
    ]
    if settled:
        await connection.execute(query("settle_suspicions"), settled_parameters(settled))
    for reason, asset_ids in shown.items():
        noted = {batch.lease.asset_id for batch in batches if reason in batch.noted}
        if ended := [*noted.difference(asset_ids)]:
            await connection.execute(
                query("end_suspicions"), {"reason": reason, "asset_ids": ended}
            )
    # Last, as a later session begins a suspicion anew that was put off for an earlier one.
    suspected = [each for batch in batches for each in batch.suspected]
    doubts = (each for batch in batches for each in batch.doubts)
    suspected += [each for each in doubts if each.asset_id in shown[each.reason]]
    if suspected:
        await connection.execute(query("note_suspicions"), noted_parameters(suspected))


async def _write_findings(
    connection: AsyncConn, batches: Sequence[Batch], compared: Compared
) -> None:
    """Store what was found of whole histories that were read again.

    An asset whose actions are wanted keeps what its bars and actions were found to break, and so
    does one whose answer is not believed.
    """
    doubts = compared.doubts
    disbelieved = {id_ for id_, each in compared.written.items() if each.is_disbelieved}
    judged: list[tuple[int, str]] = []
    found = [*doubts.items()]
    for batch in batches:
        asset_id, verdict = batch.lease.asset_id, batch.verdict
        if batch.shows_withdrawals:
            judged.append((asset_id, BARS_ARE_STILL_SENT))
        if verdict is not None and not verdict.wants_actions and asset_id not in disbelieved:
            judged += [(asset_id, rule) for rule in ADJUSTMENT_RULES]
            found += [(asset_id, each) for each in verdict.findings]
    if judged:
        await connection.execute(query("replace_findings"), finding_parameters(judged, found))


async def _logged(connection: AsyncConn, batches: Sequence[Batch]) -> dict[int, LoggedHistory]:
    """Return what the log says of the assets of batches."""
    if not batches:
        return {}
    asked = {"asset_ids": [batch.lease.asset_id for batch in batches]}
    rows = await rows_of(connection, "count_logged", asked, tuple_row)
    known = {id_: LoggedHistory(bars, to, _days_of(ranges)) for id_, bars, to, ranges in rows}
    return {asset_id: known.get(asset_id, LoggedHistory()) for asset_id in asked["asset_ids"]}


def _days_of(ranges: Multirange[date] | None) -> tuple[tuple[int, int], ...]:
    """Return the days of some ranges, each as the first one and the one after its last."""
    return tuple((days(r.lower), days(r.upper)) for r in ranges or () if r.lower and r.upper)


def _copied(batches: Sequence[Batch]) -> bytes:
    ordered = sorted(batches, key=lambda batch: batch.lease.asset_id)
    return framed(encode_bars(batch.lease.asset_id, batch.bars) for batch in ordered)
