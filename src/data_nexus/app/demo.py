"""Owns the demo: the main job with no key and no network, killed and resumed before one's eyes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections import Counter
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
from data_nexus.database.embedded import embedded_server, remove
from data_nexus.database.opening import open_database
from data_nexus.database.overview import overview
from data_nexus.domain.symbol import parse_symbol
from data_nexus.errors import InvariantBroken, VendorUnavailable
from data_nexus.events import Observer
from data_nexus.ingestion.history_loader import Wish
from data_nexus.research.bars import read_bars

_UNIVERSE = ("--exchange", "US", "--symbols", "60", "--years", "20", "--latency", "20")
_KILL_AFTER_REQUESTS = 20
_PATIENCE_SEC = 60.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the demo plays: the sandbox, the database, and whom to tell."""

    vendor: SandboxVendor
    database: PostgresConnection
    say: Say
    observe: Observer


def demo_home(settings: Settings) -> Path:
    """Return the folder of the demo's own database, apart from real data."""
    return settings.home / "demo"


def run_demo(settings: Settings, say: Say, observe: Observer) -> dict[str, Any]:
    """Play the demo in a fresh database and return its figures; raise if anything is not as promised."""
    home = demo_home(settings)
    remove(home)
    say("Starting PostgreSQL and the sandbox vendor …")
    with _scene(settings.replaced(home=str(home), database_url=None), say, observe) as scene:
        found = run_discovery(scene.vendor.settings, DiscoveryWish(("US",)), observe)
        say(f"1. discover: {found['exchanges'][0]['added']} symbols of exchange US are in `assets`")
        killed_at = _backfill_and_kill(scene)
        say(f"2. backfill, ended by kill -9 after {killed_at['requests']} requests:"
            f" {killed_at['rows']:,} bars of {killed_at['assets']} assets are committed")
        report = run_backfill(scene.vendor.settings, Wish(limit=None), observe)
        figures = report.figures
        say(f"3. backfill again: {figures['synced']} assets synced,"
            f" {figures['absent']} have no bars, {figures['inserted']:,} bars inserted"
            f" ({figures['total_rows'] / figures['duration_sec']:,.0f} rows/s)")
        proof = _prove(scene, killed_at["assets"])
        say(f"4. proof: all {proof['bars']:,} bars equal the vendor's, none is missing or double;"
            f" no finished asset was asked for again")
        second = run_backfill(scene.vendor.settings, Wish(limit=None), observe).figures
        say(f"5. backfill once more: nothing is due, {second['requests']} requests")
        status = overview(scene.database, settings.days_old)
    return {"killed_at": killed_at, "resumed": figures, "proof": proof, "again": second, "status": status}


@contextmanager
def _scene(settings: Settings, say: Say, observe: Observer) -> Iterator[Scene]:
    with (
        open_database(None, settings.home, settings.schema) as url,
        sandbox_vendor(settings, _UNIVERSE) as vendor,
    ):
        database = PostgresConnection(url, settings.schema)
        try:
            yield Scene(vendor, database, say, observe)
        finally:
            database.close()


def _backfill_and_kill(scene: Scene) -> dict[str, int]:
    """Run a backfill in a process of its own and kill it in the middle, without mercy."""
    settings = scene.vendor.settings
    child = subprocess.Popen(
        [sys.executable, "-m", "data_nexus", "backfill", "--no-limit"],
        env=os.environ
        | {
            "EODHD_API_KEY": settings.require_token().reveal(),
            "EODHD_BASE_URL": settings.eodhd_base_url,
            "DATABASE_URL": scene.database.url,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_requests(scene.vendor)
    finally:
        child.kill()
        child.wait()
    with scene.database.connect() as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM market_data), count(*) FROM assets WHERE last_synced IS NOT NULL"
        ).fetchone()
    rows, assets = row or (0, 0)
    return {"requests": len(_asked(scene.vendor)), "rows": rows, "assets": assets}


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


def _prove(scene: Scene, finished_before_kill: int) -> dict[str, int]:
    """Compare the database with the vendor's truth, and the request log with the promise."""
    truth = pa.ipc.open_stream(io.BytesIO(scene.vendor.ask("/truth"))).read_all()
    symbols = [parse_symbol(text) for text in pc.unique(truth["symbol"]).to_pylist()]
    stored = read_bars(scene.database, symbols)
    expected = truth.sort_by([("symbol", "ascending"), ("date", "ascending")])
    for name in stored.column_names:
        if stored[name].to_pylist() != expected["symbol" if name == "ticker" else name].to_pylist():
            raise InvariantBroken(f"the column {name} is not the vendor's")
    repeated = sum(count - 1 for count in Counter(_asked(scene.vendor)).values())
    in_flight = _KILL_AFTER_REQUESTS
    return {"bars": len(stored), "asked_again": repeated, "finished_before_kill": finished_before_kill, "in_flight": in_flight}
