"""Reading back: `db.bars` beside ADBC and psycopg, of the same rows, from the same server.

ADBC is no dependency of ours; where it is not installed, its lines are left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from statistics import median

import click
import numpy as np
import psycopg
import pyarrow as pa

import data_nexus as nexus
from bench.place import Place
from bench.report import Section, table

_ASSETS, _SESSIONS = 500, 2_520
_LEAST = 0.8
_COLUMNS = ("open", "high", "low", "close", "adjusted_close", "volume")
_ASSET_ROWS = """
INSERT INTO assets (symbol, exchange, currency)
SELECT 'S' || lpad(i::text, 4, '0'), 'US', 'USD' FROM generate_series(1, %(assets)s) i
"""
_SESSION_ROWS = """
CREATE TEMP TABLE sessions AS
SELECT '2014-01-02'::date + n * 7 / 5 AS date, n FROM generate_series(0, %(sessions)s - 1) n
"""
_BARS = """
INSERT INTO market_data
SELECT a.id, s.date, p, p * 1.01, p * 0.99, p * 1.002, p * 0.8,
       1000 + mod(a.id * 7919 + s.n * 104729, 1000000)
FROM assets a
CROSS JOIN sessions s
CROSS JOIN LATERAL (SELECT 50 + mod(a.id * 31 + s.n * 17, 997) / 10.0::float8 AS p) q
ORDER BY a.id, s.date
"""
_DIVIDENDS = """
INSERT INTO dividends (asset_id, date, value, unadjusted_value, currency)
SELECT a.id, s.date, 0.25, 0.25, 'USD' FROM assets a JOIN sessions s ON mod(s.n, 63) = 62
"""
_SPLITS = """
INSERT INTO splits (asset_id, date, numerator, denominator)
SELECT a.id, s.date, 2, 1 FROM assets a JOIN sessions s ON s.n = 1200 WHERE mod(a.id, 5) = 0
"""
_BY_TICKER = """
SELECT a.symbol || '.' || a.exchange AS ticker, m.date,
       m.open, m.high, m.low, m.close, m.adjusted_close, m.volume
FROM market_data m JOIN assets a ON a.id = m.asset_id
ORDER BY ticker, m.date
"""
_BY_NUMBER = """
SELECT asset_id, date, open, high, low, close, adjusted_close, volume
FROM market_data ORDER BY asset_id, date
"""
_ROW = np.dtype(
    [("fields", ">i2"), ("n0", ">i4"), ("asset_id", ">i4"), ("n1", ">i4"), ("date", ">i4")]
    + [part for name in _COLUMNS for part in ((f"n_{name}", ">i4"), (name, ">f8"))]
)
_HEADER_BYTES, _TRAILER_BYTES, _EPOCH = 19, 2, 10_957

Way = Callable[[], pa.Table]


def measure_reading(place: Place, rounds: int) -> Section:
    """Read all rows in each way, round after round; raise `RuntimeError` if two ways differ."""
    with ExitStack() as stack:
        template = stack.enter_context(place.template(_fill))
        url = stack.enter_context(place.copy_of(template))
        db = stack.enter_context(nexus.connect(url))
        ours = _ours(db)
        others = _others(url)
        _compare({**ours, **others})
        seconds: dict[str, list[float]] = {name: [] for name in (*ours, *others)}
        for _ in range(rounds):
            for name, way in {**ours, **others}.items():
                seconds[name].append(_timed(way))
                click.echo(f"  {name}: {seconds[name][-1]:.2f} s")
    return Section("Reading", _text(seconds, next(iter(ours)), [*others]))


def _fill(url: str) -> None:
    sizes = {"assets": _ASSETS, "sessions": _SESSIONS}
    with psycopg.connect(url) as connection:
        for statement in (_ASSET_ROWS, _SESSION_ROWS, _BARS, _DIVIDENDS, _SPLITS):
            psycopg.ClientCursor(connection).execute(statement, sizes)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _ours(db: nexus.Nexus) -> dict[str, Way]:
    symbols = [f"S{number:04}.US" for number in range(1, _ASSETS + 1)]
    return {
        "`db.bars(…)`": lambda: db.bars(symbols),
        '`db.bars(…, adjust="total")`': lambda: db.bars(symbols, adjust="total"),
        "`db.returns(…)`": lambda: db.returns(symbols),
    }


def _others(url: str) -> dict[str, Way]:
    ways: dict[str, Way] = {"psycopg, binary COPY and numpy, by number": lambda: _copied(url)}
    if find_spec("adbc_driver_postgresql"):
        ways["ADBC, by ticker"] = lambda: _by_adbc(url, _BY_TICKER)
        ways["ADBC, by number"] = lambda: _by_adbc(url, _BY_NUMBER)
    return ways


def _by_adbc(url: str, query: str) -> pa.Table:
    driver = import_module("adbc_driver_postgresql.dbapi")
    with driver.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetch_arrow_table()


def _copied(url: str) -> pa.Table:
    statement = f"COPY ({_BY_NUMBER}) TO STDOUT (FORMAT binary)"
    with psycopg.connect(url) as connection, connection.cursor().copy(statement) as copy:
        body = b"".join(copy)
    rows = (len(body) - _HEADER_BYTES - _TRAILER_BYTES) // _ROW.itemsize
    sent = np.frombuffer(body, _ROW, rows, _HEADER_BYTES)
    columns = {"asset_id": pa.array(sent["asset_id"].astype(np.int32))}
    columns["date"] = pa.array(sent["date"].astype(np.int32) + _EPOCH).view(pa.date32())
    return pa.table(columns | {name: pa.array(sent[name].astype(np.float64)) for name in _COLUMNS})


def _timed(way: Way) -> float:
    started = time.perf_counter()
    way()
    return time.perf_counter() - started


def _compare(ways: dict[str, Way]) -> None:
    """Whoever reads the prices as they are stored must read the same ones."""
    first, *others = (
        way().select(["date", "open", "close", "adjusted_close"])
        for name, way in ways.items()
        if "total" not in name and "returns" not in name
    )
    if len(first) != _ASSETS * _SESSIONS or not all(first.equals(other) for other in others):
        raise RuntimeError("two ways read different rows")


def _text(seconds: dict[str, list[float]], ours: str, others: list[str]) -> str:
    rows = _ASSETS * _SESSIONS
    quickest = min(others, key=lambda name: median(seconds[name]))
    ratios = sorted(
        theirs / own for own, theirs in zip(seconds[ours], seconds[quickest], strict=True)
    )
    of_medians = median(seconds[quickest]) / median(seconds[ours])
    compared = table(
        ("rows per second", "ratio of medians", "in the rounds", "promised"),
        [
            (
                f"{ours} : {quickest}",
                f"{of_medians:.2f}",
                f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
                f"≥ {_LEAST}",
            )
        ],
    )
    lines = [
        (
            name,
            f"{rows / median(each):,.0f}",
            f"{median(each):.2f} ({', '.join(f'{second:.2f}' for second in each)})",
        )
        for name, each in seconds.items()
    ]
    return f"{compared}\n{table(('', 'rows/s', 'seconds (each round)'), lines)}{_NOTES}"


_NOTES = f"""
{_ASSETS} symbols of {_SESSIONS:,} sessions, to Arrow, in one call each; every asset has
{_SESSIONS // 63} dividends, every fifth a split. Ours names 500 symbols, looks up their actions
and sorts by ticker; *by number* reads `market_data` alone, *by ticker* joins and sorts like ours.
What is compared is the quickest of the others. All ways run in one process, in turn, on the same
server; that they read the same rows is checked first.
"""
