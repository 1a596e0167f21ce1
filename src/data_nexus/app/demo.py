"""Owns the demo: the main job with no key and no network, killed and resumed before one's eyes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_nexus.app.runs import DiscoveryWish, run_backfill, run_discovery
from data_nexus.app.vendor import SandboxVendor, sandbox_vendor
from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import remove
from data_nexus.database.opening import open_database
from data_nexus.database.overview import overview
from data_nexus.domain.symbol import parse_symbol
from data_nexus.errors import InvariantBroken, VendorUnavailable
from data_nexus.events import Observer
from data_nexus.ingestion.history_loader import Wish
from data_nexus.research.bars import read_bars

_UNIVERSE = (
    "--exchange",
    "US",
    "--symbols",
    "80",
    "--years",
    "20",
    "--latency",
    "40",
    "--minute-limit",
    "1000000",
)
_KILL_AFTER_REQUESTS = 30
_PATIENCE_SEC = 60.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Killed:
    """The moment of the kill: the symbols finished by then, their bars, the requests so far."""

    finished: frozenset[str]
    bars: int
    requests: int


def demo_home(settings: Settings) -> Path:
    """Return the folder of the demo's own database, apart from real data."""
    return settings.home / "demo"


def run_demo(settings: Settings, say: Say, observe: Observer) -> dict[str, Any]:
    """Play the demo in a fresh database and return its figures; raise if a promise is broken."""
    home = demo_home(settings)
    remove(home)
    say("Starting a PostgreSQL and a simulated vendor of its own …")
    apart = settings.replaced(home=str(home), database_url=None)
    with _scene(apart) as (vendor, database):
        wish = DiscoveryWish(("US",), delisted=True)
        listed, dead = run_discovery(vendor.settings, wish, observe)["exchanges"]
        say(
            f"1  discover: {listed['added']} symbols of exchange US, and {dead['added']} dead ones,"
            " are in the table assets"
        )
        killed = _backfill_and_kill(vendor, database)
        say(
            f"2  backfill, ended by kill -9 after {killed.requests} requests:"
            f" {killed.bars:,} bars of {len(killed.finished)} assets are committed"
        )
        figures = run_backfill(vendor.settings, Wish(limit=None), observe).figures
        say(
            f"3  backfill again goes on: {figures['synced']} assets more, {figures['absent']}"
            f" have no bars, {figures['inserted']:,} bars inserted"
        )
        stored = _prove_equal(vendor, database)
        repeated = _asked(vendor)[killed.requests :]
        if again := killed.finished.intersection(repeated):
            raise InvariantBroken(f"asked for again although finished: {', '.join(sorted(again))}")
        say(
            f"4  proof: all {len(stored):,} bars equal the vendor's, none is missing or double,"
            " and no finished asset was asked for again"
        )
        second = run_backfill(vendor.settings, Wish(limit=None), observe).figures
        say(f"5  backfill once more: nothing is due, {second['requests']} requests")
        status = overview(database, vendor.settings)
    return {
        "finished_before_kill": len(killed.finished),
        "resumed": figures,
        "once_more": second,
        "status": status,
        "example": stored["ticker"][0].as_py(),
    }


@contextmanager
def _scene(settings: Settings) -> Iterator[tuple[SandboxVendor, PostgresConnection]]:
    with (
        open_database(None, settings.home, settings.schema) as url,
        sandbox_vendor(settings, _UNIVERSE) as vendor,
    ):
        database = PostgresConnection(url, settings.schema)
        try:
            yield vendor, database
        finally:
            database.close()


def _backfill_and_kill(vendor: SandboxVendor, database: PostgresConnection) -> Killed:
    """Run a backfill in a process of its own and kill it in the middle, without mercy."""
    settings = vendor.settings
    child = subprocess.Popen(
        [sys.executable, "-m", "data_nexus", "backfill", "--no-limit"],
        env=os.environ
        | {
            "EODHD_API_KEY": settings.require_token().reveal(),
            "EODHD_BASE_URL": settings.eodhd_base_url,
            "DATABASE_URL": database.url,
        },
        stdout=subprocess.DEVNULL,
        stderr=None if sys.stderr.isatty() else subprocess.DEVNULL,
    )
    try:
        _wait_for_requests(vendor)
    finally:
        child.kill()
        child.wait()
    with database.connect() as connection:
        finished = connection.execute(
            "SELECT symbol || '.' || exchange FROM assets WHERE last_synced IS NOT NULL"
        ).fetchall()
        bars = connection.execute("SELECT count(*) FROM market_data").fetchone() or (0,)
    return Killed(frozenset(row[0] for row in finished), bars[0], len(_asked(vendor)))


def _wait_for_requests(vendor: SandboxVendor) -> None:
    deadline = time.monotonic() + _PATIENCE_SEC
    while len(_asked(vendor)) < _KILL_AFTER_REQUESTS:
        if time.monotonic() > deadline:
            raise VendorUnavailable("the demo's backfill did not get going")
        time.sleep(0.02)


def _asked(vendor: SandboxVendor) -> list[str]:
    """Return the symbols of all eod requests so far, from the sandbox's own log."""
    log = json.loads(vendor.ask("/log"))
    return [entry["symbol"] for entry in log if entry["endpoint"] == "eod"]


def _prove_equal(vendor: SandboxVendor, database: PostgresConnection) -> pa.Table:
    """Compare every stored bar with the vendor's own; return the stored ones."""
    told = pa.ipc.open_stream(io.BytesIO(vendor.ask("/truth"))).read_all()
    truth = told.sort_by([("symbol", "ascending"), ("date", "ascending")])
    symbols = [parse_symbol(text) for text in pc.unique(truth["symbol"]).to_pylist()]
    stored = read_bars(database, symbols)
    for name in stored.column_names:
        theirs = truth["symbol" if name == "ticker" else name]
        if stored[name].to_pylist() != theirs.to_pylist():
            raise InvariantBroken(f"the column {name} is not the vendor's")
    return stored
