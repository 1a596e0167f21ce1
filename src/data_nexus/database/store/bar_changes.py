"""Write how answers differ from stored bars: what is new, changed, or withdrawn, and old values."""

from __future__ import annotations

import numpy as np

from data_nexus.database.connection import AsyncConn
from data_nexus.database.queries import query
from data_nexus.database.store.packed_arrays import (
    bar_parameters,
    key_parameters,
    packed_dates,
    packed_numbers,
    packed_truths,
)
from data_nexus.domain.bars import AssetBars
from data_nexus.domain.validation.change import Change, Rebasing


async def write_change(connection: AsyncConn, change: Change, withdrawn: AssetBars) -> None:
    """Write what differs, and nothing else; `withdrawn` are the bars that leave the table."""
    await _keep_old(connection, change.restated, are_withdrawn=False)
    await _keep_old(connection, withdrawn, are_withdrawn=True)
    if change.rebasings:
        async with connection.cursor() as cursor:
            rebasings = [_parameters(each) for each in change.rebasings]
            await cursor.executemany(query("store_rebasing"), rebasings)
    if len(change.written):
        await connection.execute(query("store_bars"), bar_parameters(change.written))
    if len(withdrawn):
        await connection.execute(query("withdraw_bars"), key_parameters(withdrawn))


async def _keep_old(connection: AsyncConn, bars: AssetBars, *, are_withdrawn: bool) -> None:
    if len(bars):
        marks = packed_truths(np.full(len(bars), are_withdrawn))
        parameters = bar_parameters(bars) | {"are_withdrawn": marks}
        await connection.execute(query("store_revisions"), parameters)


def _parameters(rebasing: Rebasing) -> dict[str, object]:
    volumes = rebasing.volumes
    return {
        "asset_id": rebasing.asset_id,
        "old_factor": rebasing.old_factor,
        "new_factor": rebasing.new_factor,
        "volume_ratio": rebasing.volume_ratio,
        "dates": packed_dates(rebasing.dates),
        "adjusted_closes": packed_numbers(rebasing.adjusted_closes),
        "volumes": None if volumes is None else packed_numbers(volumes),
    }
