"""Read the stored bars of windows, and write how answers differ from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np

from data_nexus.database.connection import EPOCH_DAY, AsyncConn
from data_nexus.database.queries import query
from data_nexus.database.store.copy_format import (
    bar_parameters,
    key_parameters,
    packed_dates,
    packed_numbers,
    packed_truths,
)
from data_nexus.domain.bars import AssetBars, unpacked
from data_nexus.domain.calendar.window import Window
from data_nexus.domain.validation.change import Change, Rebasing


async def read_windows(connection: AsyncConn, windows: Sequence[tuple[int, Window]]) -> AssetBars:
    """Return the stored bars of assets since the beginning of each one's window, or earlier.

    One statement for windows of about one length, as an index finds only one first date quickly.
    """
    rows: list[Sequence[Any]] = []
    async with connection.cursor(binary=True) as cursor:
        for first, asset_ids in _together(windows):
            asked = {"asset_ids": asset_ids, "first": first}
            await cursor.execute(query("read_windows"), asked)
            rows += await cursor.fetchall()
    rows.sort(key=lambda row: row[0])
    counts, bars = unpacked([row[1:] for row in rows], EPOCH_DAY)
    return AssetBars(np.repeat(np.array([row[0] for row in rows], np.int32), counts), bars)


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


def _together(windows: Iterable[tuple[int, Window]]) -> list[tuple[date, list[int]]]:
    """Return the assets whose windows have about one length, with the earliest first date."""
    groups: defaultdict[int, list[tuple[int, Window]]] = defaultdict(list)
    for asset_id, window in windows:
        groups[(window.last - window.first).days.bit_length()].append((asset_id, window))
    return [
        (min(window.first for _, window in group), [asset_id for asset_id, _ in group])
        for group in groups.values()
    ]
