"""Mark damaged histories until they are read whole again, and choose some to be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import args_row, scalar_row

from data_nexus.database.pool import Pool
from data_nexus.domain.symbol import Symbol


@dataclass(frozen=True, slots=True)
class LoadedAsset:
    """An asset of which bars are stored; `asset_type` is the vendor's word."""

    asset_id: int
    symbol: Symbol
    asset_type: str


@dataclass(frozen=True, slots=True)
class Repairs:
    """The marks of damaged histories; a commit of the whole history takes its asset's away."""

    _pool: Pool

    async def want(self, asset_ids: Sequence[int]) -> None:
        """Mark some assets."""
        await self._pool.execute("want_repair", {"asset_ids": list(asset_ids)})

    async def want_exchange(self, exchange: str) -> None:
        """Mark all loaded assets of an exchange."""
        await self._pool.execute("want_repair_of_exchange", {"exchange": exchange})

    async def left(
        self, moment: datetime, exchange: str | None, asset_ids: Sequence[int] | None
    ) -> int:
        """Return how many marks from before a moment are left, of an exchange or of some assets."""
        asked = {
            "moment": moment,
            "exchange": exchange,
            "asset_ids": None if asset_ids is None else list(asset_ids),
        }
        return await self._pool.one("damaged_left", asked, scalar_row)

    async def loaded(
        self, exchange: str | None, asset_ids: Sequence[int] | None, most: int | None
    ) -> list[LoadedAsset]:
        """Return loaded assets: the given ones, or at most a number of them, chosen by chance."""
        asked = {
            "exchange": exchange,
            "asset_ids": None if asset_ids is None else list(asset_ids),
            "most": most,
        }
        return await self._pool.rows("loaded_assets", asked, args_row(_loaded))


def _loaded(asset_id: int, code: str, exchange: str, asset_type: str) -> LoadedAsset:
    return LoadedAsset(asset_id, Symbol(code, exchange), asset_type)
