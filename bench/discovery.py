"""The discovery of a long symbol list: at first, and again with nothing changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.request import Request, urlopen

import click
import psycopg

from bench.place import Place, warmed_sandbox
from bench.programs import Finished, discover
from bench.report import Section, table
from data_nexus.app.vendor import SandboxVendor

_MOST_SEC = 3.0
# Where every row lies, and which transaction wrote it: equal as long as nothing was written.
_VERSIONS = "SELECT md5(string_agg(ctid::text || xmin::text, ' ' ORDER BY id)) FROM assets"
_NOTHING = {"added": 0, "reactivated": 0, "deactivated": 0, "updated": 0}


@dataclass(frozen=True, slots=True)
class Pair:
    """A first discovery, the same once more, and the log bytes that each wrote."""

    first: Finished
    again: Finished
    first_wal: int
    again_wal: int


def measure_discovery(place: Place, rounds: int, symbols: Path) -> Section:
    """Discover a symbol list twice in each round; raise `RuntimeError` if the second writes."""
    with ExitStack() as stack:
        vendor = stack.enter_context(warmed_sandbox(place, "--symbol-list", symbols.resolve()))
        served = median(_serving_seconds(vendor) for _ in range(rounds))
        empty = stack.enter_context(place.template(lambda _: None))
        pairs = [_discover_twice(place, vendor, empty) for _ in range(rounds)]
    count = pairs[0].first.answer["exchanges"][0]["added"]
    firsts = [pair.first for pair in pairs]
    rows = (
        ("first", *_figures(firsts, served), _wal([pair.first_wal for pair in pairs])),
        (
            "again, unchanged",
            *_figures([pair.again for pair in pairs], served),
            _wal([pair.again_wal for pair in pairs]),
        ),
    )
    header = (
        f"{count:,} symbols",
        "besides serving, s",
        "promised",
        "`duration_sec`",
        "serving, s",
        "whole process, s",
        "peak RSS, MB",
        "WAL, kB",
    )
    return Section("Discovery", table(header, rows) + _NOTES)


def _discover_twice(place: Place, vendor: SandboxVendor, empty: str) -> Pair:
    with place.copy_of(empty) as url:
        positions, versions, done = [place.wal_position()], [], []
        for _ in range(2):
            done.append(discover(place.folder, vendor, url))
            positions.append(place.wal_position())
            versions.append(_versions(url))
    first, again = done
    is_silent = _NOTHING.items() <= again.answer["exchanges"][0].items()
    if versions[0] != versions[1] or not is_silent:
        raise RuntimeError(f"an unchanged list was written again: {again.answer}")
    seconds = " and ".join(f"{each.answer['duration_sec']:.2f} s" for each in done)
    click.echo(f"  {first.answer['exchanges'][0]['added']:,} symbols: {seconds}")
    return Pair(first, again, positions[1] - positions[0], positions[2] - positions[1])


def _serving_seconds(vendor: SandboxVendor) -> float:
    """Return how long a client waits for the whole list that does nothing with it."""
    token = vendor.settings.require_token().reveal()
    url = f"{vendor.settings.eodhd_base_url}/exchange-symbol-list/US?fmt=json&api_token={token}"
    started = time.perf_counter()
    with urlopen(Request(url, headers={"Accept-Encoding": "gzip"})) as answer:  # noqa: S310 - loopback  # nosec B310
        answer.read()
    return time.perf_counter() - started


def _versions(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(_VERSIONS).fetchone()
    return str(row and row[0])


def _figures(runs: Sequence[Finished], served: float) -> tuple[str, ...]:
    seconds = median(float(run.answer["duration_sec"]) for run in runs)
    return (
        f"{seconds - served:.2f}",
        f"≤ {_MOST_SEC:g}",
        f"{seconds:.2f}",
        f"{served:.2f}",
        f"{median(run.wall_sec for run in runs):.2f}",
        f"{max(run.peak_rss for run in runs) / 1e6:.0f}",
    )


def _wal(sizes: Sequence[int]) -> str:
    return f"{median(sizes) / 1000:,.0f}"


_NOTES = """
Medians of the rounds, each in a fresh database. *Serving* is how long a client waits for the
list that only reads it to the end; the simulated vendor writes the list anew for each request.
After the second discovery every row of `assets` lay where it had lain, written by the same
transaction as before; what log it wrote is that of its staging table, of `runs` and of its checks.
"""
