"""Compare a session in bulk with its stored bars, and write what differs under new fences."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from psycopg.rows import scalar_row, tuple_row

from data_nexus.database.connection import AsyncConn
from data_nexus.database.pool import Pool, copy_to, rows_of
from data_nexus.database.queries import query
from data_nexus.database.store.bulk.sessions import SessionScope
from data_nexus.database.store.copy_format import encode_bars, framed
from data_nexus.domain.bars import Bars, Days, days
from data_nexus.domain.validation.bulk_session import (
    BulkSession,
    Candidates,
    Positions,
    is_continued,
)
from data_nexus.domain.validation.second_look import SecondLook, StoredSession, look_again

_COLUMNS = ("open", "high", "low", "close", "adjusted_close", "volume")


@dataclass(frozen=True, slots=True)
class LookedAgain:
    """What a second look at a session did, and of which assets: `revised` and `late` bars.

    `compared` are the ids of the assets whose values are final, `arrived` those with a late bar,
    `unsent` the codes whose stored bar is not sent any more, `to_reload` those whose whole
    histories are to be read.
    """

    revised: int
    late: int
    compared: tuple[int, ...]
    unsent: tuple[str, ...]
    to_reload: frozenset[str]
    arrived: tuple[int, ...] = ()
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class SecondLooks:
    """The second looks of a worker, each in one transaction."""

    _pool: Pool

    async def compare(
        self, scope: SessionScope, bulk_session: BulkSession, run_id: int, before: date
    ) -> LookedAgain:
        """Compare a session with what is stored of it; store what differs, with its old values.

        What was compared is settled, if it was settled up to the session `before` this one. Nothing
        is written of an answer that was cut. Raises `RowsRefused` if PostgreSQL does not
        accept one of the rows.
        """

        async def work(connection: AsyncConn) -> LookedAgain:
            stored, last_bars = await _read(connection, scope)
            found = look_again(bulk_session, stored)
            if found.is_cut:
                return _looked(stored, found)
            late = found.late
            continuing, broken = await _continuing(
                connection, scope.session, bulk_session, stored, late, last_bars[late]
            )
            found = replace(found, late=continuing)
            looked = await _write(connection, scope, bulk_session, stored, found, broken, run_id)
            settled = {"asset_ids": list(looked.compared), "before": before}
            await connection.execute(query("settle_compared"), settled | {"session": scope.session})
            return looked

        return await self._pool.transaction(work)


async def _read(connection: AsyncConn, scope: SessionScope) -> tuple[StoredSession, Days]:
    """Return what is stored of a session, and the last bar of each of its assets."""
    asked = scope.parameters()
    assets = await rows_of(connection, "read_passed_assets", asked, tuple_row, prepare=False)
    ids, codes, fences, last_bars = zip(*assets, strict=True) if assets else ((), (), (), ())
    asset_ids = np.array(ids, np.int32)
    held = {"asset_ids": list(ids), "session": scope.session}
    rows = await rows_of(connection, "read_session_bars", held, tuple_row, prepare=False)
    columns = np.full((len(_COLUMNS), len(asset_ids)), np.nan)
    if rows:
        numbers, *values = zip(*rows, strict=True)
        columns[:, np.searchsorted(asset_ids, np.array(numbers, np.int32))] = values
    date_of = np.full(len(asset_ids), days(scope.session), np.int32)
    bars = Bars(date_of, *columns)
    stored = StoredSession(asset_ids, codes, np.array(fences, np.int64), bars)
    return stored, np.array(last_bars, np.int32)


async def _write(
    connection: AsyncConn,
    scope: SessionScope,
    bulk_session: BulkSession,
    stored: StoredSession,
    found: SecondLook,
    broken: Positions,
    run_id: int,
) -> LookedAgain:
    late = found.late
    touched = np.concatenate((found.changed, late))
    written = {
        "asset_ids": stored.asset_ids[touched].tolist(),
        "fences": stored.fences[touched].tolist(),
        "are_late": [False] * len(found.changed) + [True] * len(late),
        "session": scope.session,
        "run_id": run_id,
        "sha256": bulk_session.body_sha256,
    }
    held = await rows_of(connection, "log_second_look", written, scalar_row) if len(touched) else []
    changed = np.isin(stored.asset_ids[found.changed], held)
    if changed.any():
        revised = _revisions(stored.asset_ids[found.changed[changed]], found.bars.take(changed))
        await connection.execute(query("revise_bars"), revised | {"session": scope.session})
    arrived = late[np.isin(stored.asset_ids[late], held)]
    if len(arrived):
        rows = [bulk_session.position[stored.codes[at]] for at in arrived]
        bars = encode_bars(stored.asset_ids[arrived], bulk_session.bars.take(np.array(rows)))
        await copy_to(connection, "copy_bars", framed([bars]))
    lost = set(stored.asset_ids[touched].tolist()) - set(held)
    return replace(
        _looked(stored, found, frozenset(stored.codes[at] for at in broken), lost),
        revised=int(changed.sum()),
        late=len(arrived),
        arrived=tuple(stored.asset_ids[arrived].tolist()),
    )


async def _continuing(
    connection: AsyncConn,
    session: date,
    bulk_session: BulkSession,
    stored: StoredSession,
    late: Positions,
    last_bars: Days,
) -> tuple[Positions, Positions]:
    """Return which late bars continue the bars before them, and which do not.

    `last_bars` are the last ones that their assets should have: one that is not stored was lost.
    """
    if not len(late):
        return late, late
    asked = {"asset_ids": stored.asset_ids[late].tolist(), "session": session}
    before = {
        row[0]: row[1:] for row in await rows_of(connection, "read_bars_before", asked, tuple_row)
    }
    known = [before.get(int(each), (0, np.nan, np.nan)) for each in stored.asset_ids[late]]
    last_day = np.array([day for day, _, _ in known], np.int32)
    candidates = Candidates(
        asset_ids=stored.asset_ids[late],
        codes=tuple(stored.codes[at] for at in late),
        fences=stored.fences[late],
        last_day=last_day,
        close=np.array([close for _, close, _ in known], np.float64),
        adjusted_close=np.array([adjusted for _, _, adjusted in known], np.float64),
        is_damaged=last_day != last_bars,
    )
    rows = np.array([bulk_session.position[code] for code in candidates.codes], np.intp)
    is_signed = np.array([code in bulk_session.signed for code in candidates.codes], np.bool_)
    every = np.ones(len(late), np.bool_)
    fits = is_continued(candidates, bulk_session.bars.take(rows), every, is_signed)
    fits &= ~candidates.is_damaged
    return late[fits], late[~fits]


def _revisions(asset_ids: np.ndarray, bars: Bars) -> dict[str, Any]:
    columns = {f"{name}s": getattr(bars, name).tolist() for name in _COLUMNS}
    return columns | {"asset_ids": asset_ids.tolist()}


def _looked(
    stored: StoredSession,
    found: SecondLook,
    broken: frozenset[str] = frozenset(),
    lost: Collection[int] = (),
) -> LookedAgain:
    to_reload = found.to_reload | broken
    reloaded = [code in to_reload for code in stored.codes]
    open_ones = np.array(reloaded, np.bool_) | np.isin(stored.asset_ids, [*lost])
    return LookedAgain(
        revised=0,
        late=0,
        compared=tuple(stored.asset_ids[found.compared[~open_ones[found.compared]]].tolist()),
        unsent=tuple(stored.codes[at] for at in found.unsent),
        to_reload=to_reload,
        is_cut=found.is_cut,
    )
