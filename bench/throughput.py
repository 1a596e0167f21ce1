"""The throughput: the engine beside the bare COPY and the specification's way, in turns.

Each way runs in a process of its own, on a fresh copy of one database after a checkpoint; the
tables that they leave must be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import psycopg

from bench.place import Place, warmed_sandbox
from bench.programs import BACKFILL, MEASURED, Finished, discover, environment_of, run_python
from bench.report import Section, table
from data_nexus.app.vendor import SandboxVendor

WAYS = {
    "engine": "the engine, `nexus backfill`",
    "watched": "the engine, counted and asked by a monitor",
    "floor": "the floor, one bare COPY",
    "spec": "the specification's way",
}
_ROWS_FILE = "rows.copy"
_PROGRAMS: dict[str, tuple[str | Path, ...]] = {
    "engine": BACKFILL,
    "watched": (MEASURED / "watched.py",),
    "floor": (MEASURED / "floor.py", _ROWS_FILE),
    "spec": (MEASURED / "as_specified.py",),
}
# The least that is promised of the engine: the floor's share, and the multiple of the spec's way.
_LEAST = {"floor": 0.7, "spec": 25.0}
# What may be lost by being watched.
_MOST = {"watched": 1.02}
_ASSETS, _BARS = 100, 5000
_DIGEST = "SELECT count(*), bit_xor(hashtextextended(m::text, 0)) FROM market_data m"
_ROWS = "COPY (SELECT * FROM market_data ORDER BY asset_id, date) TO STDOUT (FORMAT binary)"


@dataclass(frozen=True, slots=True)
class Load:
    """One load of all rows: what the program said, and what the server had to do for it."""

    done: Finished
    wal_bytes: int
    transactions: int
    digest: tuple[int, int]

    @property
    def seconds(self) -> float:
        """The time from before the first request until after the last commit."""
        return float(self.done.answer["duration_sec"])


@dataclass(frozen=True, slots=True)
class Track:
    """Where the ways compete: a warmed vendor, and a template with its assets listed."""

    place: Place
    vendor: SandboxVendor
    template: str

    def load(self, way: str, look: Callable[[str], object] = lambda _: None) -> Load:
        """Load a fresh database in the way named; `look` may read it at the end."""
        place = self.place
        with place.copy_of(self.template) as url:
            before = place.wal_position()
            done = run_python(_PROGRAMS[way], environment_of(self.vendor, url), place.folder)
            written = place.wal_position() - before
            transactions = place.transactions(url)
            found = Load(done, written, transactions, _digest(url))
            look(url)
        click.echo(f"  {way}: {found.seconds:.2f} s, {found.digest[0] / found.seconds:,.0f} rows/s")
        return found


def measure_throughput(place: Place, rounds: int, ways: Sequence[str]) -> Section:
    """Let the ways load in turns, after one load that does not count, and tell how long it took.

    Raises `RuntimeError` if their tables differ.
    """
    with ExitStack() as stack:
        options = ("--symbols", str(_ASSETS), "--bars-per-symbol", str(_BARS), "--clean")
        vendor = stack.enter_context(warmed_sandbox(place, *options))
        template = place.template(lambda url: discover(place.folder, vendor, url))
        track = Track(place, vendor, stack.enter_context(template))
        click.echo("Not counted:")
        first = track.load("engine", lambda url: _keep_rows(url, place.folder / _ROWS_FILE))
        loads: dict[str, list[Load]] = {way: [] for way in ways}
        for number in range(rounds):
            click.echo(f"Round {number + 1} of {rounds}:")
            for way in ways:
                loads[way].append(track.load(way))
    for way, found in loads.items():
        if any(load.digest != first.digest for load in found):
            raise RuntimeError(f"{way}: its table differs from the engine's first")
    return Section("Throughput", _ratios(loads) + _figures(loads) + _NOTES)


def _digest(url: str) -> tuple[int, int]:
    with psycopg.connect(url) as connection:
        count, digest = connection.execute(_DIGEST).fetchone() or (0, 0)
    return int(count), int(digest or 0)


def _keep_rows(url: str, file: Path) -> None:
    """Let PostgreSQL itself encode the rows that the floor sends."""
    with (
        psycopg.connect(url) as connection,
        connection.cursor().copy(_ROWS) as copy,
        file.open("wb") as out,
    ):
        out.writelines(copy)


def _ratios(loads: Mapping[str, Sequence[Load]]) -> str:
    rows = []
    promised = {way: f"≥ {least:g}" for way, least in _LEAST.items()}
    promised |= {way: f"≤ {most:g}" for way, most in _MOST.items()}
    for way in promised.keys() & loads.keys() if "engine" in loads else ():
        pairs = zip(loads[way], loads["engine"], strict=True)
        each = [other.seconds / own.seconds for other, own in pairs]
        ratio = _seconds(loads[way]) / _seconds(loads["engine"])
        spread = f"{min(each):.2f} to {max(each):.2f}"
        rows.append((f"{WAYS['engine']} : {WAYS[way]}", f"{ratio:.2f}", spread, promised[way]))
    header = ("rows per second", "ratio of medians", "in the rounds", "promised")
    return table(header, sorted(rows)) + "\n" if rows else ""


def _figures(loads: Mapping[str, Sequence[Load]]) -> str:
    header = (
        "",
        "rows/s",
        "seconds (each round)",
        "whole process, s",
        "CPU, s",
        "peak RSS, MB",
        "WAL bytes/row",
        "commits with rows",
        "all transactions",
    )
    return table(header, [_figures_of(way, found) for way, found in loads.items()]) + "\n"


def _figures_of(way: str, loads: Sequence[Load]) -> tuple[str, ...]:
    rows = loads[0].digest[0]
    seconds = _seconds(loads)
    each = ", ".join(f"{load.seconds:.2f}" for load in loads)
    return (
        WAYS[way],
        f"{rows / seconds:,.0f}",
        f"{seconds:.2f} ({each})",
        f"{median(load.done.wall_sec for load in loads):.2f}",
        f"{median(load.done.cpu_sec for load in loads):.2f}",
        f"{max(load.done.peak_rss for load in loads) / 1e6:.0f}",
        f"{median(load.wal_bytes for load in loads) / rows:.0f}",
        str(loads[0].done.answer["commits"]),
        f"{median(load.transactions for load in loads):.0f}",
    )


def _seconds(loads: Sequence[Load]) -> float:
    return median(load.seconds for load in loads)


_NOTES = f"""\
{_ASSETS} assets of {_BARS:,} rows. *Seconds* is the program's own time from before its first
request to after its last commit (of the engine the `duration_sec` of `--json`), the median of the
rounds; *whole process* adds Python's start, the imports and the end. The floor sends the same
rows, already encoded by PostgreSQL, in one COPY and one transaction into the same table, with its
primary key and CHECK constraints. The specification's way is `bench/measured/as_specified.py`.
*Counted and asked* is the engine
with the listener of `/metrics`, which a monitor asks every second; more often than any does.
The engine and the specification's way also share the processors with the simulated vendor, the
floor does not. Every load starts from a fresh copy of one database, after a checkpoint, with
autovacuum off; the tables were equal, row by row.
"""
