"""Read what is stored of the windows of answers, for comparison with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np

from data_nexus.database.connection import AsyncConn
from data_nexus.database.packed import unpacked
from data_nexus.database.queries import query
from data_nexus.domain.bars import AssetBars
from data_nexus.domain.window import Window


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
    counts, bars = unpacked(rows)
    return AssetBars(np.repeat(np.array([row[0] for row in rows], np.int32), counts), bars)


def _together(windows: Iterable[tuple[int, Window]]) -> list[tuple[date, list[int]]]:
    """Return the assets whose windows have about one length, with the earliest first date."""
    groups: defaultdict[int, list[tuple[int, Window]]] = defaultdict(list)
    for asset_id, window in windows:
        groups[(window.last - window.first).days.bit_length()].append((asset_id, window))
    return [
        (min(window.first for _, window in group), [asset_id for asset_id, _ in group])
        for group in groups.values()
    ]
