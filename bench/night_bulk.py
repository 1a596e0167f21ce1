"""The night in bulk: one session for 50,000 assets, beside a raw COPY of the same rows."""

from __future__ import annotations

import io
import json
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from urllib.request import urlopen

import click
import psycopg
import pyarrow as pa
from pyarrow import csv

from bench.place import Place, warmed_sandbox
from bench.programs import MEASURED, Finished, backfill, discover, environment_of, run_python
from bench.report import Section, table
from data_nexus.app.vendor import SandboxVendor

_ASSETS = 50_000
_LOADED, _OLDER = 10, 240
_BEFORE, _SESSION = "2024-12-30", "2024-12-31"
_MORNING_BEFORE, _MORNING = "2024-12-31T12:00:00+00:00", "2025-01-01T12:00:00+00:00"
_MOST_TIMES, _MOST_BYTES = 6, 300e6
# The session: prices, splits and dividends. As much is spent on what it looks back at.
_CALLS_A_SESSION = 600
# A year of older bars for each asset, so that its rows and their keys fill pages of their own.
_FILL = """
INSERT INTO market_data (asset_id, date, open, high, low, close, adjusted_close, volume)
SELECT asset_id, first - n, open, high, low, close, adjusted_close, volume
FROM (
    SELECT DISTINCT ON (asset_id) asset_id, date AS first, open, high, low, close,
           adjusted_close, volume
    FROM market_data
    ORDER BY asset_id, date
) AS oldest
CROSS JOIN generate_series(1, %s) AS n
"""
_TRUTH = """
CREATE TEMPORARY TABLE truth (
    symbol text, date date, open float8, high float8, low float8, close float8,
    adjusted_close float8, volume float8
)
"""
_DIFFERENCES = """
SELECT count(*)
FROM truth t
LEFT JOIN bars b ON b.ticker = t.symbol AND b.date = t.date
WHERE (t.open, t.high, t.low, t.close, t.adjusted_close, t.volume)
      IS DISTINCT FROM (b.open, b.high, b.low, b.close, b.adjusted_close, b.volume)
"""
_SESSION_ROWS = (
    "COPY (SELECT * FROM market_data WHERE date = '2024-12-31') TO STDOUT (FORMAT binary)"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """An update of one session and a raw COPY of the rows that it stored, in seconds."""

    update: Finished
    copy_sec: float

    @property
    def besides_serving(self) -> float:
        """What the update took without the vendor's time for the session."""
        return float(self.update.answer["duration_sec"] - self.update.answer["serving_sec"])

    @property
    def times(self) -> float:
        """How many times the raw COPY that is."""
        return self.besides_serving / self.copy_sec


def measure_night_in_bulk(place: Place, rounds: int) -> Section:
    """Update by one session round after round; raise `RuntimeError` if a result is wrong."""
    with ExitStack() as stack:
        options = ("--symbols", str(_ASSETS), "--bars-per-symbol", str(_LOADED + 1), "--clean")
        vendor = stack.enter_context(warmed_sandbox(place, *options))
        vendor.ask("/publish", {"exchange": "US", "date": _BEFORE})
        template = stack.enter_context(place.template(lambda url: _fill(place, vendor, url)))
        vendor.ask("/publish", {"exchange": "US", "date": _SESSION})
        pairs = [_pair(place, vendor, template) for _ in range(rounds)]
    singly = pairs[0].update.answer["calls"] - _CALLS_A_SESSION
    row = (
        f"{_ASSETS:,} and {_ASSETS * (_LOADED + _OLDER):,}",
        f"{_CALLS_A_SESSION} + {singly}",
        f"{median(pair.times for pair in pairs):.1f}",
        f"≤ {_MOST_TIMES}",
        ", ".join(f"{pair.times:.1f}" for pair in pairs),
        f"{median(pair.besides_serving for pair in pairs):.2f}",
        f"{median(pair.copy_sec for pair in pairs):.2f}",
        f"{max(pair.update.peak_rss for pair in pairs) / 1e6:.0f}",
        f"≤ {_MOST_BYTES / 1e6:.0f}",
    )
    header = (
        "assets and stored bars",
        "calls",
        "times a raw COPY",
        "promised",
        "each round",
        "update besides serving, s",
        "raw COPY, s",
        "peak RSS, MB",
        "promised",
    )
    return Section("Night in bulk", table(header, [row]) + _NOTES)


def _fill(place: Place, vendor: SandboxVendor, url: str) -> None:
    discover(place.folder, vendor, url)
    backfill(place.folder, vendor, url)
    # No session is missing then: it reads the actions of what was loaded.
    run_python([MEASURED / "night.py", _MORNING_BEFORE], environment_of(vendor, url), place.folder)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL, (_OLDER,))
        connection.execute("VACUUM ANALYZE")


def _pair(place: Place, vendor: SandboxVendor, template: str) -> Pair:
    named = _named(vendor)
    with place.copy_of(template) as url:
        environment = environment_of(vendor, url)
        update = run_python([MEASURED / "night.py", _MORNING], environment, place.folder)
        if update.answer["calls"] > _CALLS_A_SESSION + len(named):
            raise RuntimeError(f"{update.answer['calls']} calls, {len(named)} assets with actions")
        if wrong := _differences(vendor, url):
            raise RuntimeError(f"{wrong} bars differ from the vendor's")
        rows = _session_rows(url)
    file = place.folder / "session.bin"
    file.write_bytes(rows)
    with place.copy_of(template) as url:
        raw = run_python([MEASURED / "floor.py", file], {"DATABASE_URL": url}, place.folder)
    pair = Pair(update, float(raw.answer["duration_sec"]))
    click.echo(f"  {pair.besides_serving:.2f} s beside {pair.copy_sec:.2f} s: {pair.times:.1f}")
    return pair


def _named(vendor: SandboxVendor) -> set[str]:
    """Return the codes that have an action on the session, as the vendor's feeds say."""
    token, root = vendor.settings.require_token().reveal(), vendor.settings.eodhd_base_url
    named: set[str] = set()
    for kind in ("splits", "dividends"):
        query = f"fmt=json&date={_SESSION}&type={kind}&api_token={token}"
        with urlopen(f"{root}/eod-bulk-last-day/US?{query}") as answer:  # noqa: S310 - loopback  # nosec B310
            named.update(row["code"] for row in json.load(answer))
    return named


def _session_rows(url: str) -> bytes:
    with (
        psycopg.connect(url) as connection,
        connection.cursor() as cursor,
        cursor.copy(_SESSION_ROWS) as copy,
    ):
        return b"".join(copy)


def _differences(vendor: SandboxVendor, url: str) -> int:
    """Count the vendor's bars that are stored otherwise or not at all."""
    text = io.BytesIO()
    csv.write_csv(pa.ipc.open_stream(vendor.ask("/truth")).read_all(), text)
    with psycopg.connect(url) as connection:
        connection.execute(_TRUTH)
        with connection.cursor().copy("COPY truth FROM STDIN (FORMAT csv, HEADER)") as copy:
            copy.write(text.getvalue())
        row = connection.execute(_DIFFERENCES).fetchone()
    return int(row[0]) if row else 0


_NOTES = """
`nexus update` of one session, at a moment when that session is the only one missing, beside one
COPY of the very rows that it stored, encoded already, into the same tables: each in a fresh copy
of the database, after a checkpoint. It includes the survey of who is due, the calendars as the run
before kept them, decoding and checking, the comparison with each asset's last bar, cursors and sync
log, the look back at the sessions before, and one history for each asset with an action; left out
is the time for which its requests in bulk waited for the simulated vendor. Each result was compared
with the vendor's truth. The fewer bars an asset has, the cheaper is the raw COPY: neighbours in the
key then share pages.
"""
