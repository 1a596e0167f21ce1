"""Load on the dashboard: pages of a database of many assets, and how long they take."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import aiohttp
import click

from bench.place import Place
from bench.served.beside import Backfill, backfilling, scans_of_bars
from bench.served.filled import fill
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import embedded_server, remove
from data_nexus.database.upgrade import upgrade
from data_nexus.service.coverage_counts import count_coverage

_PAGES = (
    *("/", "/coverage", "/assets", "/assets?q=s12&state=fresh", "/assets?state=stale"),
    *("/assets?q=no+such", "/assets/4711", "/dead-letters", "/dead-letters?exchange=LSE"),
    *("/runs", "/runs/17", "/plan", "/jobs", "/watchlists", "/watchlists/list1"),
)
# So long the backfill's pace is taken before pages are asked for, and again after it.
_ALONE_SEC = 15.0


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
@click.option("--beside", default=0, show_default=True, help="symbols that a backfill loads beside")
@click.option("--bars", default=2_500, show_default=True, help="bars of each of these")
@click.option("--minute-limit", default=1_000, show_default=True, help="requests for these")
def load(assets: int, sessions: int, letters: int, **shape: Any) -> None:  # noqa: ANN401
    """Ask for each page without a pause, and print how long it took.

    With --beside a backfill goes on meanwhile; its pace is printed with and without readers.
    """
    home = Path(tempfile.mkdtemp(prefix="nexus-bench-"))
    try:
        with embedded_server(home) as url:
            upgrade(url)
            fill(url, {"assets": assets, "sessions": sessions, "letters": letters})
            begun = time.monotonic()
            count_coverage(PostgresConnection(url))
            click.echo(f"coverage counted in {time.monotonic() - begun:.1f} s")
            _load(Place(home, url), **shape)
    finally:
        remove(home)


def _load(
    place: Place, *, seconds: float, readers: int, beside: int, bars: int, minute_limit: int
) -> None:
    with ExitStack() as stack:
        backfill = None
        if beside:
            backfill = stack.enter_context(backfilling(place, beside, bars, minute_limit))
        own_url = stack.enter_context(_served(place.url, place.folder))
        scans = scans_of_bars(place.url)
        asyncio.run(_measure(own_url, seconds, readers, backfill))
        click.echo(f"market_data was read as a whole {scans_of_bars(place.url) - scans} times")


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


async def _measure(url: str, seconds: float, readers: int, backfill: Backfill | None) -> None:
    async with aiohttp.ClientSession(url) as session:
        for path in _PAGES:
            await _ask(session, path)
        alone = [await backfill.rate_for(_ALONE_SEC)] if backfill else []
        begun, before = time.monotonic(), backfill.rows() if backfill else 0
        for path in _PAGES:
            timing = await _timed(session, path, seconds, readers)
            click.echo(
                f"{timing.path:30} p50 {timing.median:7.1f} ms  p99 {timing.p99:7.1f} ms"
                f"  {timing.pages:6,} pages"
            )
        if backfill:
            watched = (backfill.rows() - before) / (time.monotonic() - begun)
            alone.append(await backfill.rate_for(_ALONE_SEC))
            share = watched / mean(alone)
            rates = f"{', '.join(f'{rate:,.0f}' for rate in alone)} rows/s alone"
            click.echo(f"backfill: {rates}, {watched:,.0f} with readers: {share:.1%}")


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
