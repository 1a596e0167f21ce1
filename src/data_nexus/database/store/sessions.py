"""Owns the verbs for bulk answers: what a session carries on, set-wise and without leases.

Bars, rejects, cursors and sync log of some thousand assets enter in one transaction, under a new
fence of each asset, or nothing does. An asset that somebody has leased is passed over, before and
at the last moment: then its fence is not what it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

import numpy as np
import psycopg
from psycopg_pool import AsyncConnectionPool

from data_nexus.database.connection import AsyncConn, repeated, rows_of, storage_errors
from data_nexus.database.queries import query
from data_nexus.database.store.actions import dividend_columns, split_columns
from data_nexus.database.store.copy_format import HEADER, TRAILER, encode_bars
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import days
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.lease import Lease
from data_nexus.domain.planning.due import MarketSegment, Queued
from data_nexus.domain.validation.bulk_session import (
    BulkSession,
    Candidates,
    Classified,
    RejectedBulkRow,
    classify,
)
from data_nexus.errors import RowsRefused, no_assets

# So many assets share a transaction, unless told otherwise.
TOGETHER = 10_000
# How often who waits for another update looks whether it has ended.
_TURN_SEC = 0.2
_NO_DAY = np.iinfo(np.int32).min
Action = TypeVar("Action", Split, Dividend)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionScope:
    """Whom a session in bulk can carry on: assets of these places with a cursor since a day.

    `late` turns it into a second look: at those whose cursor has passed the session without a bar.
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
class CandidateIndex:
    """The assets that a session can carry on: the date of each one's last bar, by code.

    `parts` are ranges of ids, first and last, each of as many assets as share a transaction.
    """

    last_bars: Mapping[str, date | None]
    parts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Advanced:
    """What one transaction did; `rejected_rules` has what each rejected row broke."""

    candidates: Candidates
    classified: Classified
    rejected_rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BulkStore:
    """The verbs; the moments are arguments, but for those that the log notes.

    `together` is how many assets share a transaction.
    """

    _pool: AsyncConnectionPool[AsyncConn]
    together: int = TOGETHER

    @asynccontextmanager
    async def alone_with(self, exchange: str, given_up: asyncio.Event) -> AsyncIterator[bool]:
        """Be the only one that carries an exchange on in bulk, and say whether that took waiting.

        Once `given_up`, nobody is waited for any more. It saves calls and guards nothing else: in
        company all is right, too, so that trouble with it is no trouble.
        """
        asked, waited = {"exchange": exchange}, False
        with storage_errors():
            async with self._pool.connection() as connection:
                with suppress(psycopg.OperationalError):
                    while not (await rows_of(connection, "try_update", asked))[0][0]:
                        if given_up.is_set():
                            break
                        waited = True
                        await asyncio.sleep(_TURN_SEC)
                try:
                    yield waited
                finally:
                    with suppress(psycopg.OperationalError):
                        await connection.execute(query("end_update"), asked)

    async def require_exchange(self, exchange: str) -> None:
        """Raise `UsageError` for an exchange without assets."""
        if not (await self._rows("knows_exchange", {"exchange": exchange}))[0][0]:
            raise no_assets(exchange)

    async def queued(self, exchange: str | None, moment: datetime) -> list[Queued]:
        """Return what the queue may hand out at a moment, by place and cursor."""
        rows = await self._rows("count_queued", {"exchange": exchange, "moment": moment})
        return [Queued(MarketSegment(*row[:3]), row[3], row[4]) for row in rows]

    async def sightings(self) -> dict[str, date]:
        """Return the latest session of each exchange of which any bar is stored."""
        return dict(await self._rows("last_sightings", {}))

    async def survey(self, scope: SessionScope) -> CandidateIndex:
        """Return whom a session can carry on, as of now."""
        rows = await self._rows("survey_session", scope.parameters())
        parts = [rows[at : at + self.together] for at in range(0, len(rows), self.together)]
        return CandidateIndex(
            {row[1]: row[2] for row in rows}, tuple((part[0][0], part[-1][0]) for part in parts)
        )

    async def advance(
        self,
        scope: SessionScope,
        bulk_session: BulkSession,
        reference: date,
        run_id: int,
        ids: tuple[int, int],
    ) -> Advanced:
        """Carry on the assets with ids from one to another in one transaction.

        `reference` is the day up to which the bars of an unbroken asset reach. A second look only
        adds the bars that came late.
        Raises `RowsRefused` if PostgreSQL takes one of the rows for none; nothing is written then.
        """
        # What was written by a transaction of which it is not known whether it was committed.
        written: Advanced | None = None

        async def do() -> Advanced:
            nonlocal written
            with storage_errors():
                async with self._pool.connection() as connection, connection.transaction():
                    if written and await _is_there(connection, written, run_id):
                        return written
                    candidates = await _read(connection, scope, ids)
                    found = classify(bulk_session, candidates, days(reference))
                    if scope.late:
                        found = found.only_stored()
                    written = await _write(connection, bulk_session, candidates, found, run_id)
                    return written

        try:
            return await repeated(do)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            reason = type(error).__name__
            raise RowsRefused(f"PostgreSQL refused the rows: {reason}") from None

    async def wake(self, scope: SessionScope, codes: Container[str]) -> None:
        """Let assets that rest for want of bars back into the queue: the vendor has one."""
        resting = await self._rows("read_resting", scope.parameters())
        woken = [asset_id for asset_id, code in resting if code in codes]
        if woken:
            await self._execute("requeue_assets", {"asset_ids": woken})

    async def settled(self, exchange: str, since: date) -> set[date]:
        """Return the sessions since a day that need no further look."""
        rows = await self._rows("rechecked_sessions", {"exchange": exchange, "since": since})
        return {row[0] for row in rows}

    async def settle(self, exchange: str, session: date) -> None:
        """Note that a session was looked at after a later one was out."""
        await self._execute("mark_rechecked", {"exchange": exchange, "session": session})

    async def mark_absent_through(self, absent: Sequence[tuple[Lease, date]]) -> None:
        """Move the cursors of assets up to sessions of which their answers brought no bar."""
        parameters = {
            "asset_ids": [lease.asset_id for lease, _ in absent],
            "fences": [lease.fence for lease, _ in absent],
            "sessions": [session for _, session in absent],
        }
        if absent:
            await self._execute("mark_absent_through", parameters)

    async def store_actions(
        self,
        exchange: str,
        splits: Mapping[str, Sequence[Split]],
        dividends: Mapping[str, Sequence[Dividend]],
    ) -> None:
        """Store a day's actions by code; doing it again changes nothing."""
        asked = {"exchange": exchange, "codes": [*{*splits, *dividends}]}
        known: dict[str, int] = dict(await self._rows("current_ids", asked))
        # A day's answer never tells all actions of an asset.
        for name, columns in (
            ("store_splits", split_columns(_by_asset(splits, known))),
            ("store_dividends", dividend_columns(_by_asset(dividends, known))),
        ):
            await self._execute(name, columns | {"whole_ids": []})

    async def store_rejects(
        self, exchange: str, session: date, rows: Sequence[RejectedBulkRow]
    ) -> int:
        """Store rows that cannot be read for the assets that they name; return how many name none.

        Doing it again changes nothing.
        """
        parameters = {
            "exchange": exchange,
            "session": session,
            "codes": [row.code for row in rows],
            "rules": [row.rule for row in rows],
            "excerpts": [row.excerpt for row in rows],
        }
        return int((await self._rows("store_rejects", parameters))[0][0])

    async def refused(self, token_id: str, endpoint: Endpoint, since: datetime) -> set[str]:
        """Return the exchanges for which a token was refused an endpoint since a moment."""
        parameters = {"token_id": token_id, "endpoint": endpoint.value, "since": since}
        return {row[0] for row in await self._rows("read_refusals", parameters)}

    async def note_refusal(
        self, token_id: str, endpoint: Endpoint, exchange: str, moment: datetime | None
    ) -> None:
        """Remember that a token was refused an endpoint, or with None that it is not any more."""
        parameters = {
            "token_id": token_id,
            "endpoint": endpoint.value,
            "exchange": exchange,
            "moment": moment,
        }
        await self._execute("note_refusal" if moment else "drop_refusal", parameters)

    async def _rows(self, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        async def ask() -> list[tuple[Any, ...]]:
            with storage_errors():
                async with self._pool.connection() as connection:
                    return await rows_of(connection, name, parameters, prepare=False)

        return await repeated(ask)

    async def _execute(self, name: str, parameters: dict[str, Any]) -> None:
        async def do() -> None:
            with storage_errors():
                async with self._pool.connection() as connection:
                    await connection.execute(query(name), parameters)

        await repeated(do)


async def _read(connection: AsyncConn, scope: SessionScope, ids: tuple[int, int]) -> Candidates:
    parameters = scope.parameters() | {"first_id": ids[0], "last_id": ids[1]}
    rows = await rows_of(connection, "read_session", parameters, prepare=False)
    numbers, codes, fences, days, closes, adjusted = zip(*rows, strict=True) if rows else ((),) * 6
    return Candidates(
        asset_ids=np.array(numbers, np.int32),
        codes=codes,
        fences=np.array(fences, np.int64),
        last_day=np.array([_NO_DAY if day is None else day for day in days], np.int32),
        close=np.array(closes, np.float64),
        adjusted_close=np.array(adjusted, np.float64),
    )


async def _is_there(connection: AsyncConn, carried: Advanced, run_id: int) -> bool:
    """Say whether what a transaction wrote is there: all of it is, or nothing."""
    candidates, settled = carried.candidates, carried.classified.advanced
    asset_ids = candidates.asset_ids[settled].tolist()
    # It may still be under way at the server.
    await rows_of(connection, "await_leases", {"asset_ids": asset_ids})
    written = {"asset_ids": asset_ids, "fences": (candidates.fences[settled] + 1).tolist()}
    found = await rows_of(connection, "was_advanced", written | {"run_id": run_id})
    return bool(found[0][0])


async def _write(
    connection: AsyncConn,
    bulk_session: BulkSession,
    candidates: Candidates,
    found: Classified,
    run_id: int,
) -> Advanced:
    settled = _settle_parameters(bulk_session, candidates, found) | {"run_id": run_id}
    lost = await rows_of(connection, "settle_session", settled, prepare=False)
    if lost:
        found = found.without(np.isin(candidates.asset_ids, [row[0] for row in lost]))
    if len(found.stored):
        rows = encode_bars(candidates.asset_ids[found.stored], bulk_session.bars.take(found.rows))
        async with connection.cursor() as cursor, cursor.copy(query("copy_bars")) as copy:
            await copy.write(HEADER + rows + TRAILER)
    told = [bulk_session.rejected[candidates.codes[at]] for at in found.rejected]
    if told:
        rejects = {
            "asset_ids": candidates.asset_ids[found.rejected].tolist(),
            "dates": [bulk_session.session] * len(told),
            "rules": [rule for rule, _ in told],
            "excerpts": [excerpt for _, excerpt in told],
        }
        await connection.execute(query("insert_rejects"), rejects)
    return Advanced(candidates, found, tuple(rule for rule, _ in told))


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


def _by_asset(
    told: Mapping[str, Sequence[Action]], known: Mapping[str, int]
) -> dict[int, Sequence[Action]]:
    return {known[code]: actions for code, actions in told.items() if code in known}
