"""Count from time to time how complete exchanges are, so that pages need not read the bars."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.overview.coverage import (
    CountedYear,
    assets_to_count,
    counting_alone,
    exchanges_to_count,
    store_counts,
)
from data_nexus.errors import NexusError
from data_nexus.events import Observer, Warned
from data_nexus.research.assets import NamedAsset
from data_nexus.research.coverage import count_years

_EVERY_SEC = 60.0
# So many assets are read in a transaction.
_AT_ONCE = 200
_KINDS = ("expected", "stored", "absent", "missing")


async def keep_counting(database: PostgresConnection, observe: Observer) -> None:
    """Count what has changed, again and again, in a thread, until cancelled.

    Half of the time is left to others. An error of the database is reported, and waited out.
    """
    is_over = False

    def rest(seconds: float) -> None:
        if is_over:
            raise StopCounting
        time.sleep(seconds)

    try:
        while True:
            try:
                await asyncio.to_thread(count_coverage, database, rest)
            except NexusError as error:
                observe(Warned("coverage", f"not counted: {error}"))
            await asyncio.sleep(_EVERY_SEC)
    finally:
        is_over = True


class StopCounting(Exception):
    """The counts are not wanted any more."""


def count_coverage(
    database: PostgresConnection, rest: Callable[[float], None] = lambda _: None
) -> list[str]:
    """Count the exchanges whose counts are too old; return them.

    Nothing is counted while another process does it.
    """
    done = []
    with counting_alone(database) as is_alone:
        for exchange in exchanges_to_count(database) if is_alone else ():
            try:
                _count(database, exchange, rest)
            except StopCounting:
                break
            done.append(exchange)
    return done


def _count(database: PostgresConnection, exchange: str, rest: Callable[[float], None]) -> None:
    now = datetime.now(UTC)
    found = assets_to_count(database, exchange)
    assets = [NamedAsset(symbol, asset_id) for asset_id, symbol in found]
    sums: defaultdict[int, list[int]] = defaultdict(lambda: [0] * len(_KINDS))
    lacking: defaultdict[int, int] = defaultdict(int)
    gaps: list[tuple[int, int, int]] = []
    for begin in range(0, len(assets), _AT_ONCE):
        begun = time.monotonic()
        for asset, years in count_years(database, assets[begin : begin + _AT_ONCE], now):
            for year in years:
                counts = (getattr(year, kind) for kind in _KINDS)
                sums[year.year] = [a + b for a, b in zip(sums[year.year], counts, strict=True)]
                if year.missing:
                    lacking[year.year] += 1
                    gaps.append((asset.asset_id, year.year, year.missing))
        # Outside of a transaction: a long one would keep the server from tidying up.
        rest(time.monotonic() - begun)
    counted = [
        CountedYear(
            exchange=exchange,
            year=year,
            assets=lacking[year],
            counted_at=now,
            **dict(zip(_KINDS, sums[year], strict=True)),
        )
        for year in sorted(sums)
    ]
    store_counts(database, exchange, counted, gaps, now)
