"""Advance assets over a session by a bulk answer, as sets and without leases.

Bars, rejects, cursors and sync log of some thousand assets enter in one transaction, under a new
fence of each asset, or nothing does. A leased asset is left out, before and at the last moment:
then its fence is not what it was.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from sys import intern
from typing import Any

import numpy as np
from psycopg.rows import class_row, scalar_row, tuple_row

from data_nexus.database.connection import AsyncConn
from data_nexus.database.pool import Pool, copy_to, rows_of
from data_nexus.database.queries import Ids, query, queued, unsettled
from data_nexus.database.store.copy_format import encode_bars, framed
from data_nexus.domain.bars import days
from data_nexus.domain.planning.cursor import Reach
from data_nexus.domain.planning.due import MarketSegment, Queued
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.planning.look_back import Unsettled
from data_nexus.domain.validation.bulk_session import (
    BulkSession,
    Candidates,
    Classified,
    classify,
)

# How many assets share a transaction by default.
TOGETHER = 10_000
_NO_DAY = np.iinfo(np.int32).min


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionScope:
    """The assets that a bulk session can advance: of these segments, with a cursor since a day.

    `late` makes it a recheck: of those whose cursor has passed the session without a bar.
    """

    exchange: str
    session: date
    since: date
    segments: Sequence[MarketSegment]
    late: bool = False

    def parameters(self) -> dict[str, Any]:
        """Return what the queries for it take."""
        return {
            "exchange": self.exchange,
            "session": self.session,
            "since": self.since,
            "late": self.late,
            "venues": [segment.venue for segment in self.segments],
            "asset_types": [segment.asset_type for segment in self.segments],
        }


@dataclass(frozen=True, slots=True)
class Settling:
    """What an advance settles: sessions up to `settles_to`, of assets settled at one before it."""

    settles_to: date | None = None
    compared_session: date | None = None

    def parameters(self) -> dict[str, Any]:
        """Return what `settle_session` takes."""
        return {"compared_session": self.compared_session, "settles_to": self.settles_to}


NOTHING_SETTLED = Settling()


@dataclass(frozen=True, slots=True)
class CandidateIndex:
    """The assets that a session can advance: the date of each one's last bar, by code.

    `parts` are ranges of ids, first and last, each of as many assets as share a transaction;
    `asset_types` are the vendor's words, by code.
    """

    last_bars: Mapping[str, date | None]
    parts: tuple[tuple[int, int], ...]
    asset_types: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Advanced:
    """What one transaction did; `rejected_rules` has the rule that each rejected row broke."""

    candidates: Candidates
    classified: Classified
    rejected_rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Surveyed:
    id: int
    code: str
    last_bar: date | None
    asset_type: str


@dataclass(frozen=True, slots=True)
class BulkSessions:
    """The sessions of exchanges in bulk; the moments are arguments, except those of the log.

    `together` is how many assets share a transaction.
    """

    _pool: Pool
    together: int = TOGETHER

    def in_parts_of(self, assets: int) -> BulkSessions:
        """Return the same with this number of assets to a transaction."""
        return replace(self, together=assets)

    async def queued(
        self, exchange: str | None, moment: datetime, asset_ids: Ids = None
    ) -> list[Queued]:
        """Return what the queue may hand out at a moment, by market segment and cursor."""
        return await self._pool.rows(*queued(exchange, moment, asset_ids))

    async def unsettled(self) -> list[Unsettled]:
        """Return how many assets have sessions that are not settled, by exchange."""
        return await self._pool.rows(*unsettled(None))

    async def sightings(self) -> dict[str, date]:
        """Return the latest session of each exchange of which any bar is stored."""
        return dict(await self._pool.rows("last_sightings", {}, tuple_row))

    async def survey(self, scope: SessionScope) -> CandidateIndex:
        """Return the assets that a session can advance, as of now."""
        found = await self._pool.rows("survey_session", scope.parameters(), class_row(_Surveyed))
        parts = [found[at : at + self.together] for at in range(0, len(found), self.together)]
        return CandidateIndex(
            {asset.code: asset.last_bar for asset in found},
            tuple((part[0].id, part[-1].id) for part in parts),
            {asset.code: intern(asset.asset_type) for asset in found},
        )

    async def advance(
        self,
        scope: SessionScope,
        bulk_session: BulkSession,
        reference: date,
        run_id: int,
        ids: tuple[int, int],
        settling: Settling = NOTHING_SETTLED,
    ) -> Advanced:
        """Advance the assets with ids from one to another in one transaction.

        `reference` is the day up to which the bars of an unbroken asset reach. A recheck only adds
        the bars that came late.
        Raises `RowsRefused` if PostgreSQL does not accept one of the rows; nothing is written then.
        """
        # What was written by a transaction of which it is not known whether it was committed.
        written: Advanced | None = None

        async def work(connection: AsyncConn) -> Advanced:
            nonlocal written
            if written and await _was_advanced(connection, written, run_id):
                return written
            candidates = await _read(connection, scope, ids)
            found = classify(bulk_session, candidates, days(reference))
            if scope.late:
                found = found.only_stored()
            settled = settling.parameters() | {"run_id": run_id}
            written = await _write(connection, bulk_session, candidates, found, settled)
            return written

        return await self._pool.transaction(work)

    async def requeue(self, scope: SessionScope, codes: Container[str]) -> None:
        """Put assets that rest for want of bars back into the queue: the vendor has one."""
        resting = await self._pool.rows("read_resting", scope.parameters(), tuple_row)
        found = [asset_id for asset_id, code in resting if code in codes]
        if found:
            await self._pool.execute("requeue_assets", {"asset_ids": found})

    async def rechecked(self, exchange: str, since: date) -> set[date]:
        """Return the sessions since a day that were rechecked."""
        parameters = {"exchange": exchange, "since": since}
        return {*await self._pool.rows("rechecked_sessions", parameters, scalar_row)}

    async def mark_rechecked(self, exchange: str, session: date) -> None:
        """Note that a session was read again after a later one was out."""
        parameters = {"exchange": exchange, "session": session}
        await self._pool.execute("mark_rechecked", parameters)

    async def mark_absent_through(self, absent: Sequence[tuple[Lease, Reach]]) -> None:
        """Move the cursors of assets up to sessions of which their answers had no bar."""
        parameters = {
            "asset_ids": [lease.asset_id for lease, _ in absent],
            "fences": [lease.fence for lease, _ in absent],
            "sessions": [reach.passes_to for _, reach in absent],
            "settled": [reach.settles_to for _, reach in absent],
        }
        if absent:
            await self._pool.execute("mark_absent_through", parameters)


async def _read(connection: AsyncConn, scope: SessionScope, ids: tuple[int, int]) -> Candidates:
    parameters = scope.parameters() | {"first_id": ids[0], "last_id": ids[1]}
    rows = await rows_of(connection, "read_session", parameters, tuple_row, prepare=False)
    columns = zip(*rows, strict=True) if rows else ((),) * 7
    numbers, codes, fences, days, closes, adjusted, damaged = columns
    return Candidates(
        asset_ids=np.array(numbers, np.int32),
        codes=codes,
        fences=np.array(fences, np.int64),
        last_day=np.array([_NO_DAY if day is None else day for day in days], np.int32),
        close=np.array(closes, np.float64),
        adjusted_close=np.array(adjusted, np.float64),
        is_damaged=np.array(damaged, np.bool_),
    )


async def _was_advanced(connection: AsyncConn, advanced: Advanced, run_id: int) -> bool:
    """Say whether what a transaction wrote is there: all of it is, or nothing."""
    candidates, settled = advanced.candidates, advanced.classified.advanced
    asset_ids = candidates.asset_ids[settled].tolist()
    # It may still be under way at the server.
    await rows_of(connection, "await_leases", {"asset_ids": asset_ids}, scalar_row)
    written = {"asset_ids": asset_ids, "fences": (candidates.fences[settled] + 1).tolist()}
    asked = written | {"run_id": run_id}
    (found,) = await rows_of(connection, "was_advanced", asked, scalar_row)
    return bool(found)


async def _write(
    connection: AsyncConn,
    bulk_session: BulkSession,
    candidates: Candidates,
    found: Classified,
    settling: dict[str, Any],
) -> Advanced:
    settled = _settle_parameters(bulk_session, candidates, found) | settling
    lost = await rows_of(connection, "settle_session", settled, scalar_row, prepare=False)
    if lost:
        found = found.without(np.isin(candidates.asset_ids, lost))
    if len(found.stored):
        rows = encode_bars(candidates.asset_ids[found.stored], bulk_session.bars.take(found.rows))
        await copy_to(connection, "copy_bars", framed([rows]))
    rejected = [bulk_session.rejected[candidates.codes[at]] for at in found.rejected]
    if rejected:
        rejects = {
            "asset_ids": candidates.asset_ids[found.rejected].tolist(),
            "dates": [bulk_session.session] * len(rejected),
            "rules": [rule for rule, _ in rejected],
            "excerpts": [excerpt for _, excerpt in rejected],
        }
        await connection.execute(query("insert_rejects"), rejects)
    return Advanced(candidates, found, tuple(rule for rule, _ in rejected))


def _settle_parameters(
    bulk_session: BulkSession, candidates: Candidates, found: Classified
) -> dict[str, Any]:
    settled = found.advanced
    odd = [
        (int(candidates.asset_ids[at]), bulk_session.flagged(int(row)))
        for at, row in zip(found.stored, found.rows, strict=True)
        if bulk_session.is_odd[row]
    ]
    return {
        "asset_ids": _array(candidates.asset_ids[settled]),
        "fences": _array(candidates.fences[settled]),
        "are_stored": _array(np.isin(settled, found.stored).astype(np.int8)),
        "are_rejected": _array(np.isin(settled, found.rejected).astype(np.int8)),
        "flagged_ids": [asset_id for asset_id, _ in odd],
        "flags": [flags for _, flags in odd],
        "session": bulk_session.session,
        "sha256": bulk_session.body_sha256,
    }


def _array(numbers: np.ndarray) -> str:
    """Return numbers as PostgreSQL writes an array: parsed there, and quickly written here."""
    return f"{{{','.join(map(str, numbers.tolist()))}}}"
