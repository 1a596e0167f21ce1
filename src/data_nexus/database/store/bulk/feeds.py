"""Store what else comes with sessions in bulk: actions by code, and rows that cannot be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from psycopg.rows import scalar_row, tuple_row

from data_nexus.database.pool import Pool
from data_nexus.database.store.actions import dividend_columns, split_columns
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.validation.bulk_session import RejectedBulkRow

Action = TypeVar("Action", Split, Dividend)


@dataclass(frozen=True, slots=True)
class SessionFeeds:
    """The actions and rejected rows of sessions in bulk, by the codes that assets have now."""

    _pool: Pool

    async def store_actions(
        self,
        exchange: str,
        splits: Mapping[str, Sequence[Split]],
        dividends: Mapping[str, Sequence[Dividend]],
    ) -> None:
        """Store a day's actions by code; doing it again changes nothing."""
        known = await self.ids_of(exchange, {*splits, *dividends})
        # A day's answer never has all actions of an asset.
        for name, columns in (
            ("store_splits", split_columns(_by_asset(splits, known))),
            ("store_dividends", dividend_columns(_by_asset(dividends, known))),
        ):
            await self._pool.execute(name, columns | {"whole_ids": []})

    async def unknown_actions(
        self,
        exchange: str,
        splits: Mapping[str, Sequence[Split]],
        dividends: Mapping[str, Sequence[Dividend]],
    ) -> dict[str, int]:
        """Return the codes, with their ids, of assets with an action that is not stored like it."""
        known = await self.ids_of(exchange, {*splits, *dividends})
        sent = {
            (known[code], each.date, each.numerator, each.denominator)
            for code, actions in splits.items()
            for each in actions
            if code in known
        } | {
            (known[code], each.date, each.value, each.unadjusted_value, each.currency)
            for code, paid in dividends.items()
            for each in paid
            if code in known
        }
        held = {"asset_ids": [*known.values()], "dates": [*{each[1] for each in sent}]}
        stored = {
            tuple(row)
            for name in ("read_splits_on", "read_dividends_on")
            for row in await self._pool.rows(name, held, tuple_row)
        }
        unknown = {each[0] for each in sent - stored}
        return {code: asset_id for code, asset_id in known.items() if asset_id in unknown}

    async def with_actions_on(self, exchange: str, dates: Sequence[date]) -> dict[str, int]:
        """Return the assets with a stored action on some days: ids by code."""
        asked = {"exchange": exchange, "dates": list(dates)}
        return dict(await self._pool.rows("assets_with_actions_on", asked, tuple_row))

    async def ids_of(self, exchange: str, codes: Collection[str]) -> dict[str, int]:
        """Return the ids of the assets that have some codes now."""
        asked = {"exchange": exchange, "codes": list(codes)}
        return dict(await self._pool.rows("current_ids", asked, tuple_row))

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
        return await self._pool.one("store_rejects", parameters, scalar_row)


def _by_asset(
    by_code: Mapping[str, Sequence[Action]], known: Mapping[str, int]
) -> dict[int, Sequence[Action]]:
    return {known[code]: actions for code, actions in by_code.items() if code in known}
