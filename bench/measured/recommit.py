"""Commits of histories that are stored already, and nothing around them. A program.

`python recommit.py ASSETS BARS TOGETHER ROUNDS`, with `DATABASE_URL` of a database whose assets
have no bars. It stores a history of each, commits the same again, some assets to a transaction,
and prints the rows and seconds of each round.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np

from data_nexus.database.store import Due, QueuePosition, Store, open_store
from data_nexus.database.store.batch import Batch, Outcome
from data_nexus.domain.bars import Bars
from data_nexus.domain.calendar.window import EARLIEST, Window
from data_nexus.domain.planning.lease import Lease

_WINDOW = Window(EARLIEST, date(2026, 1, 1))
_FIRST_DAY = 8_000


async def main(assets: int, bars: int, together: int, rounds: int) -> None:
    """Commit the same histories again and again."""
    histories = [_bars(number, bars) for number in range(assets)]
    async with open_store(os.environ["DATABASE_URL"], "public", 1, lease_sec=600) as store:
        await _commit(store, histories, assets)
        seconds = [await _commit(store, histories, together) for _ in range(rounds)]
    sys.stdout.write(json.dumps({"rows": assets * bars, "seconds": seconds}))


async def _commit(store: Store, histories: Sequence[Bars], together: int) -> float:
    due = Due(datetime.now(UTC) + timedelta(days=1))
    leases = await store.leases.claim(due, QueuePosition(), len(histories))
    leases.sort(key=lambda lease: lease.asset_id)
    batches = [_batch(*pair) for pair in zip(leases, histories, strict=True)]
    begun = time.perf_counter()
    for at in range(0, len(batches), together):
        await store.commits.commit(batches[at : at + together], None)
    return time.perf_counter() - begun


def _bars(seed: int, count: int) -> Bars:
    noise = np.random.default_rng(seed)
    close = np.round(100 + 0.1 * noise.standard_normal(count).cumsum(), 4)
    return Bars(
        date=np.arange(_FIRST_DAY, _FIRST_DAY + count, dtype=np.int32),
        open=close,
        high=close + 1,
        low=close - 1,
        close=close,
        adjusted_close=np.round(close * 0.9, 4),
        volume=np.round(1e6 * noise.uniform(size=count)),
    )


def _batch(lease: Lease, bars: Bars) -> Batch:
    return Batch(
        lease=lease,
        window=_WINDOW,
        outcome=Outcome.STORED,
        bars=bars,
        rejects=(),
        flags={},
        repeats=0,
        calls=1,
        requests=1,
        body_sha256=None,
    )


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
