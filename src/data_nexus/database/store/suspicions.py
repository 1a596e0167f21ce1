"""Remember which assets are to be read again, and why, until an answer ends the suspicion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import args_row, tuple_row

from data_nexus.database.pool import Pool
from data_nexus.database.queries import Ids, suspected_assets
from data_nexus.domain.adjustment.findings import ADJUSTED_CLOSE_IS_EXPLAINED
from data_nexus.domain.planning.due import LastSessions
from data_nexus.domain.planning.suspicion import (
    CONFIRMING_READINGS,
    SEEN_BY_COMPARISON,
    NotedSuspicion,
    Reason,
    SettledSuspicion,
    Suspicion,
)
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.texts import one_line
from data_nexus.errors import StorageDamaged

# No look back reaches a session that is older.
_DEEPEST_DAYS = 14


@dataclass(frozen=True, slots=True)
class Suspicions:
    """The suspicions of a database."""

    _pool: Pool

    async def note(self, suspicions: Sequence[Suspicion]) -> None:
        """Note suspicions; what is noted already keeps its place in the queue."""
        if suspicions:
            await self._pool.execute("note_suspicions", noted_parameters(suspicions))

    async def of_asset(self, asset_id: int, moment: datetime) -> list[NotedSuspicion]:
        """Return what is noted of an asset, and what of it is due at a moment."""
        asked = {
            "asset_ids": [asset_id],
            "moment": moment,
            "confirming": CONFIRMING_READINGS,
            "seen_by_comparison": [*SEEN_BY_COMPARISON],
        }
        return await self._pool.rows("read_suspicions", asked, args_row(_noted))

    async def counts(
        self, exchange: str | None, moment: datetime, asset_ids: Ids = None
    ) -> dict[str, int]:
        """Return how many assets are to be read again at a moment, by exchange."""
        return dict(await self._pool.rows(*suspected_assets(exchange, moment, asset_ids)))

    async def to_reload(self) -> set[Symbol]:
        """Return the assets whose histories have changed, as sessions in bulk have shown."""
        asked = {"reason": Reason.CHANGED}
        return {*await self._pool.rows("read_changed", asked, args_row(Symbol))}

    async def end(self, reason: Reason, asset_ids: Sequence[int]) -> None:
        """Forget one reason to read assets again."""
        await self._pool.execute("end_suspicions", {"reason": reason, "asset_ids": list(asset_ids)})

    async def note_unexplained(self, since: date, read_after: datetime) -> None:
        """Note the assets whose adjusted closes have become unexplained since a day."""
        parameters = {
            "reason": Reason.UNEXPLAINED,
            "rule": ADJUSTED_CLOSE_IS_EXPLAINED,
            "since": since,
            "moment": read_after,
        }
        await self._pool.execute("suspect_unexplained", parameters)

    async def note_open(self, expected: LastSessions, read_after: datetime, most: int) -> None:
        """Note assets that have passed their last published session with one before it open."""
        parameters = {
            "exchanges": [segment.exchange for segment in expected],
            "venues": [segment.venue for segment in expected],
            "asset_types": [segment.asset_type for segment in expected],
            "published": [each.last for each in expected.values()],
            "settled": [each.before for each in expected.values()],
            "reason": Reason.OPEN,
            "moment": read_after,
            "deepest_days": _DEEPEST_DAYS,
            "most": most,
        }
        await self._pool.execute("note_open", parameters)

    async def recent_bars(self, asset_ids: Sequence[int], since: date) -> dict[int, int]:
        """Return how many bars assets have since a day; one without any is left out."""
        asked = {"asset_ids": list(asset_ids), "since": since}
        return dict(await self._pool.rows("count_recent_bars", asked, tuple_row))

    async def recent_closes(
        self, asset_ids: Sequence[int], since: date, through: date
    ) -> dict[int, list[float]]:
        """Return the closes of assets within a range of days, ascending."""
        asked = {"asset_ids": list(asset_ids), "since": since, "through": through}
        return dict(await self._pool.rows("recent_closes", asked, tuple_row))


def noted_parameters(suspicions: Sequence[Suspicion]) -> dict[str, Any]:
    """Return what the statement `note_suspicions` takes."""
    return {
        "asset_ids": [each.asset_id for each in suspicions],
        "reasons": [each.reason for each in suspicions],
        "sessions": [each.session for each in suspicions],
        "moments": [each.read_after for each in suspicions],
        "answers": [each.answer for each in suspicions],
    }


def settled_parameters(settled: Sequence[SettledSuspicion]) -> dict[str, Any]:
    """Return what the statement `settle_suspicions` takes."""
    return {
        "asset_ids": [each.asset_id for each in settled],
        "reasons": [each.reason for each in settled],
        "moments": [None if each.is_ended else _moment(each.read_after) for each in settled],
        "times": [each.times for each in settled],
        "answers": [each.answer for each in settled],
    }


def _moment(moment: datetime | None) -> str:
    return moment.isoformat() if moment else "infinity"


def _noted(
    asset_id: int, reason: str, session: date, times: int, is_due: object, answer: str | None
) -> NotedSuspicion:
    if reason not in set(Reason):
        raise StorageDamaged(
            f"suspicions: the reason {one_line(reason)[:80]!r} of the asset with the id {asset_id}"
            " is none of this version; delete the row, or install the version that wrote it"
        )
    return NotedSuspicion(asset_id, Reason(reason), session, times, bool(is_due), answer)
