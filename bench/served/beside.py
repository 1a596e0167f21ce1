"""A backfill that goes on while pages are asked for, and how many rows a second it stores."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from bench.place import Place, endless_sandbox
from bench.programs import BACKFILL, discover, environment_of, inherited

# Of no asset that was there before.
EXCHANGE = "XETRA"
_STARTING_SEC = 120.0
_ROWS = """
    SELECT coalesce(sum(l.received), 0)
    FROM sync_log l
    WHERE l.asset_id IN (SELECT id FROM assets WHERE exchange = %s)
"""
_SCANS = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'market_data'"


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill under way on a database."""

    url: str
    child: subprocess.Popen[bytes]

    def rows(self) -> int:
        """Return how many rows it has stored so far; raise `RuntimeError` once it has ended."""
        if self.child.poll() is not None:
            raise RuntimeError(f"the backfill ended with {self.child.returncode}: give it more")
        with psycopg.connect(self.url) as connection:
            return int(connection.execute(_ROWS, [EXCHANGE]).fetchall()[0][0])

    async def rate_for(self, seconds: float) -> float:
        """Return how many rows a second it stores in the next seconds."""
        begun, before = time.monotonic(), self.rows()
        await asyncio.sleep(seconds)
        return (self.rows() - before) / (time.monotonic() - begun)


@contextmanager
def backfilling(place: Place, symbols: int, bars: int, minute_limit: int) -> Iterator[Backfill]:
    """Load symbols that the sandbox lists, with that many bars each, while the block lasts."""
    shape = ("--exchange", EXCHANGE, "--symbols", str(symbols), "--bars-per-symbol", str(bars))
    limit = ("--minute-limit", str(minute_limit))
    with endless_sandbox(place, *shape, *limit, "--clean") as vendor:
        discover(place.folder, vendor, place.url, EXCHANGE)
        ours = {"NEXUS_HOME": str(place.folder / "loading"), "NEXUS_LOG_LEVEL": "error"}
        with subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, *BACKFILL, "--exchange", EXCHANGE],
            stdout=subprocess.DEVNULL,
            env=inherited() | ours | environment_of(vendor, place.url),
            cwd=place.folder,
        ) as child:
            try:
                backfill = Backfill(place.url, child)
                _wait_for_rows(backfill)
                yield backfill
            finally:
                child.kill()


def scans_of_bars(url: str) -> int:
    """Return how often `market_data` was read as a whole, by whomever."""
    with psycopg.connect(url) as connection:
        return int(connection.execute(_SCANS).fetchall()[0][0])


def _wait_for_rows(backfill: Backfill) -> None:
    deadline = time.monotonic() + _STARTING_SEC
    while not backfill.rows():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the backfill stored nothing within {_STARTING_SEC:g} s")
        time.sleep(0.2)
