"""Store what bars show against the calendars, and choose the assets by which to see it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from psycopg.rows import scalar_row, tuple_row

from data_nexus.database.pool import Pool
from data_nexus.database.queries import learned_sessions
from data_nexus.domain.calendar.learned import Calendars, LearnedSession, calendars_with
from data_nexus.domain.planning.due import MarketSegment

# Among so many assets the most liquid ones are looked for, and so many of these take turns: one
# that does not trade any more is not asked for ever.
_AMONG, _LIQUID = 1_000, 10
_RECENT = timedelta(days=14)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StoredCalendars:
    """What a database knows of the calendars."""

    _pool: Pool

    async def read(self) -> Calendars:
        """Return the calendars with what was learned."""
        return calendars_with(await self._pool.rows(*learned_sessions()))

    async def learn(self, found: Sequence[LearnedSession]) -> list[LearnedSession]:
        """Store what was found; return what was not known before."""
        if not found:
            return []
        parameters = {
            "exchanges": [each.exchange for each in found],
            "dates": [each.date for each in found],
            "are_open": [each.is_open for each in found],
            "traded": [each.traded for each in found],
            "asked": [each.asked for each in found],
            "symbols": [" ".join(each.symbols) for each in found],
        }
        new = {*await self._pool.rows("learn_sessions", parameters, tuple_row)}
        return [each for each in found if (each.exchange, each.date) in new]

    async def stored_on(self, exchange: str, dates: Collection[date]) -> dict[date, int]:
        """Return how many assets of an exchange have a bar on each of some days, of a sample."""
        asked = {"exchange": exchange, "limit": _AMONG}
        sample = await self._pool.rows("choose_sample", asked, scalar_row)
        held = {"asset_ids": sample, "dates": [*dates]}
        return dict(await self._pool.rows("count_bars_on", held, tuple_row))

    async def probes(
        self, exchange: str, segments: Sequence[MarketSegment], since: date, last: date
    ) -> dict[int, datetime | None]:
        """Return liquid assets with a bar since a session, and when each was last answered.

        The one that was asked the longest ago comes first.
        """
        asked = {
            "exchange": exchange,
            "venues": [each.venue for each in segments],
            "asset_types": [each.asset_type for each in segments],
            "since": since,
            "limit": _AMONG,
        }
        synced: dict[int, datetime | None] = dict(
            await self._pool.rows("choose_probes", asked, tuple_row)
        )
        ranked = {"asset_ids": [*synced], "first": last - _RECENT, "last": last, "limit": _LIQUID}
        found = await self._pool.rows("rank_probes", ranked, scalar_row)
        return {
            each: synced[each] for each in sorted(found, key=lambda at: synced[at] or _LONG_AGO)
        }
