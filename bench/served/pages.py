"""Load on the dashboard: pages of a database of many assets, and how long they take."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import click
import psycopg

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import embedded_server, remove
from data_nexus.database.upgrade import upgrade
from data_nexus.service.coverage_counts import count_coverage

_PAGES = (
    *("/", "/coverage", "/assets", "/assets?q=s12&state=fresh", "/assets?state=stale"),
    *("/assets?q=no+such", "/assets/4711", "/dead-letters", "/dead-letters?exchange=LSE"),
    *("/runs", "/runs/17", "/plan", "/jobs", "/watchlists"),
)
# A year of sessions for each asset; the other tables as they are after it was loaded.
_FILL = (
    """
    INSERT INTO assets (symbol, exchange, venue, asset_type, name, currency, last_synced,
                        synced_through, settled_through, last_bar)
    SELECT 'S' || n, CASE WHEN n %% 4 = 0 THEN 'LSE' ELSE 'US' END,
           CASE WHEN n %% 4 = 0 THEN 'LSE' ELSE 'NYSE' END, 'Common Stock', 'Company ' || n, 'USD',
           now(), s.last, s.last - 1, s.last
    FROM generate_series(1, %(assets)s) n, (SELECT current_date - 1 AS last) s
    """,
    """
    INSERT INTO market_data
    SELECT a.id, d.day, 1, 2, 0.5, 1.5, 1.5, 1000
    FROM assets a,
         (SELECT (current_date - n)::date AS day FROM generate_series(1, 400) n
          WHERE extract(isodow FROM current_date - n) < 6 LIMIT %(sessions)s) d
    """,
    """
    INSERT INTO sync_log (asset_id, fence, run_id, outcome, window_first, window_last, received,
                          inserted, revised, unchanged, rejected, calls, requests, committed_at)
    SELECT id, 1, 1, 'stored', '2020-01-01', current_date, 250, 250, 0, 0, 0, 1, 1,
           now() - id * interval '0.2 second'
    FROM assets
    """,
    """
    INSERT INTO dead_letters (asset_id, endpoint, reason, last_at)
    SELECT id, 'eod', symbol || ': refused (422)', now() - id * interval '1 second'
    FROM assets
    WHERE %(letters)s > 0 AND id %% greatest(1, %(assets)s / %(letters)s) = 0
    """,
    """
    INSERT INTO runs (command, finished_at, outcome)
    SELECT 'update', now(), 'done' FROM generate_series(1, 3000)
    """,
)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a page took, in milliseconds: the half, 99 in 100, and how many were asked for."""

    path: str
    median: float
    p99: float
    pages: int


@click.command()
@click.option("--assets", default=100_000, show_default=True)
@click.option("--sessions", default=250, show_default=True)
@click.option("--letters", default=20_000, show_default=True)
@click.option("--seconds", default=10.0, show_default=True, help="so long each page is asked for")
@click.option("--readers", default=2, show_default=True, help="so many ask at once")
def load(assets: int, sessions: int, letters: int, seconds: float, readers: int) -> None:
    """Ask for each page without a pause, and print how long it took."""
    home = Path(tempfile.mkdtemp(prefix="nexus-bench-"))
    try:
        with embedded_server(home) as url:
            upgrade(url)
            _fill(url, {"assets": assets, "sessions": sessions, "letters": letters})
            begun = time.monotonic()
            count_coverage(PostgresConnection(url))
            click.echo(f"coverage counted in {time.monotonic() - begun:.1f} s")
            with _served(url, home) as own_url:
                asyncio.run(_measure(own_url, seconds, readers))
    finally:
        remove(home)


def _fill(url: str, sizes: Mapping[str, int]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _FILL:
            begun = time.monotonic()
            connection.execute(statement, sizes)
            click.echo(f"{time.monotonic() - begun:6.1f} s  {statement.split()[2]}")
        connection.execute("VACUUM ANALYZE")


@contextmanager
def _served(url: str, home: Path) -> Iterator[str]:
    """Run `nexus serve` on a database; give its URL."""
    settings = {"DATABASE_URL": url, "NEXUS_HOME": str(home / "home")}
    with subprocess.Popen(
        [sys.executable, "-m", "data_nexus", "serve", "--port", "0", "--json"],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            lines = server.stdout or ()
            yield json.loads("".join(line for _, line in zip(range(3), lines, strict=False)))["url"]
        finally:
            server.terminate()


async def _measure(url: str, seconds: float, readers: int) -> None:
    async with aiohttp.ClientSession(url) as session:
        for path in _PAGES:
            await _ask(session, path)
            timing = await _timed(session, path, seconds, readers)
            click.echo(
                f"{timing.path:30} p50 {timing.median:7.1f} ms  p99 {timing.p99:7.1f} ms"
                f"  {timing.pages:6,} pages"
            )


async def _timed(session: aiohttp.ClientSession, path: str, seconds: float, readers: int) -> Timing:
    took: list[float] = []
    until = time.monotonic() + seconds

    async def read() -> None:
        while time.monotonic() < until:
            took.append(await _ask(session, path))

    async with asyncio.TaskGroup() as group:
        for _ in range(readers):
            group.create_task(read())
    took.sort()
    median, p99 = (took[int(len(took) * share)] * 1000 for share in (0.5, 0.99))
    return Timing(path, median, p99, len(took))


async def _ask(session: aiohttp.ClientSession, path: str) -> float:
    begun = time.monotonic()
    async with session.get(path) as answer:
        await answer.read()
        answer.raise_for_status()
    return time.monotonic() - begun


if __name__ == "__main__":
    load()
