"""Snapshots: what writing, refreshing and reading one takes, beside the database and ArcticDB.

ArcticDB is no dependency of ours, for its licence; where it is not installed, its line is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, LiteralString

import click
import psycopg
import pyarrow as pa

import data_nexus as nexus
from bench.place import Place
from bench.report import Section, table
from data_nexus.database.connection import PostgresConnection
from data_nexus.research.snapshots.storage.open import open_storage
from data_nexus.research.snapshots.write import export_lake

_ASSETS, _SESSIONS = 500, 2_520
_TIMES_DATABASE, _TIMES_ARCTIC = 5, 1
_SIZES = {"assets": _ASSETS, "sessions": _SESSIONS}
_ASSET_ROWS = """
INSERT INTO assets (symbol, exchange, currency)
SELECT 'S' || lpad(i::text, 4, '0'), 'US', 'USD' FROM generate_series(1, %(assets)s) i
"""
# The square of a sine walks like a price; both have two decimals, as prices do.
_BARS = """
INSERT INTO market_data
SELECT a.id, '2016-03-01'::date + n * 7 / 5, round(p, 2), round(p * 1.01, 2), round(p * 0.99, 2),
       round(p * 1.002, 2), round(p * 0.8, 4), 1000 + mod(a.id * 7919 + n * 104729, 1000000)
FROM assets a
CROSS JOIN generate_series(0, %(sessions)s - 1) n
CROSS JOIN LATERAL (
    SELECT (20 + 80 * sin(n / 300.0 + a.id) ^ 2 + mod(a.id * 31 + n * 17, 97) / 50.0)::numeric AS p
) q
ORDER BY a.id, n
"""
_LAST_BARS = "UPDATE assets SET last_bar = (SELECT max(date) FROM market_data)"
# One more session for everybody, and a dividend for one in a hundred.
_SESSION = """
INSERT INTO market_data
SELECT asset_id, date + 1, open, high, low, close, close, volume
FROM market_data WHERE date = (SELECT max(date) FROM market_data)
"""
_REBASED = """
UPDATE market_data SET adjusted_close = adjusted_close * 0.995 WHERE mod(asset_id, 100) = 7
"""
_SYMBOLS = [f"S{number:04}.US" for number in range(1, _ASSETS + 1)]
_DATABASE, _LAKE, _ARCTIC = "`db.bars(…)`", "`lake.bars(…)`", "ArcticDB, the same frame"

Way = Callable[[], object]
Seconds = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Scene:
    """The database, its snapshot and where they lie."""

    url: str
    folder: Path
    database: nexus.Nexus

    @property
    def target(self) -> str:
        """The place of the snapshot."""
        return str(self.folder / "lake")

    def export(self) -> dict[str, Any]:
        """Write or refresh the snapshot; its figures."""
        own = PostgresConnection(self.url)
        try:
            return asdict(export_lake(own, open_storage(self.target), written_by="bench"))
        finally:
            own.close()


def measure_snapshot(place: Place, rounds: int) -> Section:
    """Write, refresh and read a snapshot; raise `RuntimeError` if it is not the database's bars."""
    with ExitStack() as stack:
        template = stack.enter_context(place.template(_fill))
        url = stack.enter_context(place.copy_of(template))
        scene = Scene(url, place.folder, stack.enter_context(nexus.connect(url)))
        written = [scene.export(), scene.export()]
        _execute(url, _SESSION, _REBASED)
        written.append(scene.export())
        lake = nexus.lake(scene.target)
        if not lake.bars(_SYMBOLS).equals(scene.database.bars(_SYMBOLS)):
            raise RuntimeError("the snapshot holds other bars than the database")
        ways: dict[str, Way] = {
            _DATABASE: lambda: scene.database.bars(_SYMBOLS),
            _LAKE: lambda: lake.bars(_SYMBOLS),
            "`lake.bars(…)`, one symbol": lambda: lake.bars(_SYMBOLS[77]),
            "`lake.bars(…)`, one day of all": lambda: lake.bars(
                _SYMBOLS, "2019-03-05", "2019-03-05"
            ),
        }
        compared = [_in_turn(ways, rounds)]
        if find_spec("arcticdb"):
            arctic = stack.enter_context(_arctic(place.folder, lake.bars(_SYMBOLS)))
            # By themselves: a read of the database between them takes the memory that each keeps.
            compared.append(_in_turn({_LAKE: ways[_LAKE], _ARCTIC: arctic}, rounds))
    for seconds in compared:
        for name, each in seconds.items():
            click.echo(f"  {name}: {median(each):.3f} s")
    return Section("Snapshot", _text(compared, written))


def _fill(url: str) -> None:
    _execute(url, _ASSET_ROWS, _BARS, _LAST_BARS)


def _execute(url: str, *statements: LiteralString) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            psycopg.ClientCursor(connection).execute(statement, _SIZES)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


@contextmanager
def _arctic(folder: Path, bars: pa.Table) -> Iterator[Way]:
    """Give the reading of the same bars, written as one frame into a library in a folder."""
    arctic = import_module("arcticdb").Arctic(f"lmdb://{folder / 'arctic'}?map_size=1GB")
    library = arctic.get_library("bench", create_if_missing=True)
    frame = bars.to_pandas()
    library.write("bars", frame.assign(date=frame["date"].astype("datetime64[ns]")))
    yield lambda: library.read("bars").data


def _in_turn(ways: dict[str, Way], rounds: int) -> Seconds:
    """Time ways in turn, after each has been gone once."""
    for way in ways.values():
        way()
    seconds: Seconds = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(_timed(way))
    return seconds


def _timed(way: Way) -> float:
    started = time.perf_counter()
    way()
    return time.perf_counter() - started


def _text(series: list[Seconds], written: list[dict[str, Any]]) -> str:
    promises = {_DATABASE: _TIMES_DATABASE, _ARCTIC: _TIMES_ARCTIC}
    compared = table(
        ("time for time", "ratio of medians", "in the rounds", "promised"),
        [
            _ratio(seconds, name, least)
            for seconds in series
            for name, least in promises.items()
            if name in seconds
        ],
    )
    reading = table(
        ("reading", "ms", "each round"),
        [
            (name, f"{median(each) * 1e3:.0f}", ", ".join(f"{s * 1e3:.0f}" for s in each))
            for seconds in series
            for name, each in seconds.items()
        ],
    )
    names = ("the first time", "again, nothing new", "after a night")
    writing = table(
        ("writing", "s", "files written", "kept", "MB written"),
        [
            (
                name,
                f"{each['duration_sec']:.2f}",
                each["written"],
                each["kept"],
                f"{each['bytes_written'] / 1e6:.1f}",
            )
            for name, each in zip(names, written, strict=True)
        ],
    )
    return f"{compared}\n{reading}\n{writing}{_NOTES}"


def _ratio(seconds: Seconds, name: str, least: int) -> tuple[str, ...]:
    each = sorted(s / own for s, own in zip(seconds[name], seconds[_LAKE], strict=True))
    of_medians = median(seconds[name]) / median(seconds[_LAKE])
    in_rounds = f"{each[0]:.1f} to {each[-1]:.1f}"
    return f"{name} : {_LAKE}", f"{of_medians:.1f}", in_rounds, f"≥ {least}"


_NOTES = f"""
{_ASSETS} symbols of {_SESSIONS:,} sessions ({_ASSETS * _SESSIONS / 1e6:.2f} million bars), read in
one call to Arrow; ArcticDB reads them from one frame to pandas. All ways run in one process, from
files that the system holds in its memory: first the four of ours in turn, then the two that are
compared with each other. The night brings a bar for every asset and
re-bases one history in a hundred; after it the snapshot is compared with the database, bar by bar.
"""
