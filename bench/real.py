"""The proof on recorded prices: files are served, discovered, backfilled, and compared.

Every stored value must be the file's, bit for bit; rejected and flagged must be exactly the rows
that break a rule, as `expected` judges them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import numpy as np
import psycopg

from bench.expected import COLUMNS, ROW, Expected, Rows, judge, read_files
from bench.place import Place, warmed_sandbox
from bench.programs import Finished, backfill, discover
from bench.report import Section, table
from data_nexus.app.vendor import SandboxVendor

BARS = ("bars_raw_lean.parquet", "bars_us_2021snap.parquet")
SYMBOLS = "symbols_us.csv.gz"

Name = tuple[str, str]
_STORED = """
COPY (
    SELECT asset_id, date, open, high, low, close, adjusted_close, volume
    FROM market_data
    ORDER BY asset_id, date
) TO STDOUT (FORMAT binary)
"""
# The wire format of that COPY: field count, then each field behind its length (PostgreSQL manual).
_WIRE = np.dtype(
    [("fields", ">i2"), ("s0", ">i4"), ("asset_id", ">i4"), ("s1", ">i4"), ("date", ">i4")]
    + [part for n in COLUMNS[1:] for part in ((f"{n}_size", ">i4"), (n, ">f8"))]
)
_WIRE_HEADER, _WIRE_TRAILER = 19, 2
_DAYS_TO_2000 = 10957
_ASSETS = "SELECT id, symbol, exchange FROM assets"
_REJECTED = """
SELECT a.symbol, a.exchange, r.date - date '1970-01-01', r.rule
FROM rejected_rows r JOIN assets a ON a.id = r.asset_id
"""
_FLAGGED = """
SELECT a.symbol, a.exchange, l.flagged
FROM sync_log l JOIN assets a ON a.id = l.asset_id
WHERE l.flagged <> '{}'
"""


def measure_real(place: Place, folder: Path) -> Section:
    """Load the files through a sandbox; raise `RuntimeError` where the database differs."""
    files = read_files(folder / name for name in BARS)
    expected = {name: judge(rows) for name, rows in files.items()}
    options = [part for name in BARS for part in ("--bars", (folder / name).resolve())]
    options += ["--symbol-list", (folder / SYMBOLS).resolve()]
    with ExitStack() as stack:
        vendor = stack.enter_context(warmed_sandbox(place, *options))
        empty = stack.enter_context(place.template(lambda _: None))
        url = stack.enter_context(place.copy_of(empty))
        listed = _discover_all(place, vendor, url, files)
        click.echo(f"  {listed:,} symbols are listed; the backfill begins")
        loaded = backfill(place.folder, vendor, url)
        click.echo("  comparing ...")
        received, sent = loaded.answer["total_rows"], sum(map(len, files.values()))
        if received != sent:
            raise RuntimeError(f"{received:,} rows were received of {sent:,} in the files")
        if found := list(_differences(url, expected)):
            raise RuntimeError("; ".join([f"{len(found)} differences", *found[:10]]))
    return Section("Real files", _told(listed, loaded, files, expected))


def _discover_all(place: Place, vendor: SandboxVendor, url: str, files: Mapping[Name, Rows]) -> int:
    exchanges = sorted({exchange for _, exchange in files})
    answers = [discover(place.folder, vendor, url, exchange).answer for exchange in exchanges]
    return sum(answer["exchanges"][0]["added"] for answer in answers)


def _differences(url: str, expected: Mapping[Name, Expected]) -> Iterator[str]:
    with psycopg.connect(url) as connection:
        stored = _read_stored(connection)
        rejected = {tuple(row) for row in connection.execute(_REJECTED)}
        flagged: dict[Name, Counter[str]] = {
            (row[0], row[1]): Counter(row[2]) for row in connection.execute(_FLAGGED)
        }
    for name in sorted({*stored, *expected}):
        wanted = expected[name].stored if name in expected else np.empty(0, ROW)
        have = stored.get(name, np.empty(0, ROW))
        if have.tobytes() != wanted.tobytes():
            yield f"{'.'.join(name)}: {len(have)} rows stored, {len(wanted)} wanted, not equal"
    due = {(*name, *row) for name, each in expected.items() for row in each.rejected}
    yield from (f"rejected, but not due: {row}" for row in sorted(rejected - due))
    yield from (f"due, but not rejected: {row}" for row in sorted(due - rejected))
    for name in sorted({*flagged, *expected}):
        odd = expected[name].flagged if name in expected else Counter()
        if flagged.get(name, Counter()) != odd:
            yield f"{'.'.join(name)}: flagged {flagged.get(name)} instead of {odd}"


def _read_stored(connection: psycopg.Connection) -> dict[Name, Rows]:
    names = {row[0]: (row[1], row[2]) for row in connection.execute(_ASSETS)}
    with connection.cursor() as cursor, cursor.copy(_STORED) as copy:
        sent = b"".join(copy)
    wire = np.frombuffer(sent[_WIRE_HEADER:-_WIRE_TRAILER], _WIRE)
    rows = np.empty(len(wire), ROW)
    for column in COLUMNS:
        rows[column] = wire[column]
    rows["date"] += _DAYS_TO_2000
    ids = wire["asset_id"]
    starts = np.flatnonzero(np.diff(ids, prepend=0)).tolist()  # an id is never 0
    return {
        names[int(ids[first])]: rows[first:last]
        for first, last in zip(starts, [*starts[1:], len(rows)], strict=True)
    }


def _told(
    listed: int, loaded: Finished, files: Mapping[Name, Rows], expected: Mapping[Name, Expected]
) -> str:
    figures: dict[str, Any] = loaded.answer
    rows = sum(map(len, files.values()))
    totals = table(
        ("", "count"),
        (
            ("symbols listed, and asked for", f"{listed:,}"),
            ("symbols with bars", f"{len(files):,}"),
            ("bars in the files, and received", f"{rows:,}"),
            ("bars stored, each value equal to the file's", f"{figures['inserted']:,}"),
            ("bars rejected", f"{figures['rejected']:,}"),
            ("stored values that differ", "0"),
            ("seconds (`duration_sec`)", f"{figures['duration_sec']:.1f}"),
            ("peak RSS of the backfill, MB", f"{loaded.peak_rss / 1e6:.0f}"),
        ),
    )
    rejected = Counter(rule for each in expected.values() for _, rule in each.rejected)
    flagged = sum((each.flagged for each in expected.values()), Counter())
    rules = [("rejected", *pair) for pair in rejected.most_common()]
    rules += [("stored and flagged", *pair) for pair in flagged.most_common()]
    counts = table(
        ("rows that break the rule", "", "count"), [(r, g, f"{n:,}") for g, r, n in rules]
    )
    return f"{totals}\n{counts}{_NOTES}"


_NOTES = f"""
`{BARS[0]}` and `{BARS[1]}` served by the sandbox (the first has the symbols that are in both),
with the symbol list `{SYMBOLS}`; symbols without bars are answered with an empty list. The
expectation is read with pyarrow and judged with numpy in `bench/expected.py`, apart from the
engine's decoder and rules; stored values are compared as bits, rejected rows by symbol, date and
rule, flagged rows by symbol and rule.
"""
