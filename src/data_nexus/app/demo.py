"""Play the demo: the main job, with no key and no network.

A load is killed and resumed; a session with a split and a dividend is published and loaded.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_nexus.app.commands.runs import run_backfill, run_discovery, run_update
from data_nexus.app.vendor import SandboxVendor, sandbox_vendor
from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import remove
from data_nexus.database.open import open_database
from data_nexus.database.reader.status import Overview, overview
from data_nexus.domain.planning.bulk_or_single import CALLS_A_SESSION
from data_nexus.domain.planning.due import session_before
from data_nexus.domain.planning.look_back import LookBack
from data_nexus.domain.symbol import parse_symbol
from data_nexus.domain.texts import counted
from data_nexus.errors import InvariantBroken, VendorUnavailable
from data_nexus.events import Observer
from data_nexus.ingestion.discovery_run import DiscoveryScope
from data_nexus.ingestion.history_loader import BackfillScope
from data_nexus.ingestion.reports.run_report import RunReport
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
_SPLIT, _DIVIDEND = "AAPL.US", "MSFT.US"
_KILL_AFTER_REQUESTS = 30
_PATIENCE_SEC = 60.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Killed:
    """The state at the kill: the finished symbols, the stored bars, the requests sent."""

    finished: frozenset[str]
    bars: int
    requests: int


@dataclass(frozen=True, slots=True)
class LoadPart:
    """The demo's load: the assets finished before the kill, and the two backfills after it."""

    finished_before_kill: int
    resumed: RunReport
    once_more: RunReport


@dataclass(frozen=True, slots=True)
class UpdatePart:
    """The demo's updates: one that reads actions, one of a new session, one with nothing due."""

    actions: RunReport
    update: RunReport
    once_more: RunReport


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo did; `status` is the state of its database at the end."""

    loaded: LoadPart
    updated: UpdatePart
    status: Overview
    example: str = _SPLIT

    def as_dict(self) -> dict[str, Any]:
        """Return it under the names of `nexus demo --json`."""
        return {
            "finished_before_kill": self.loaded.finished_before_kill,
            "resumed": self.loaded.resumed.as_dict(),
            "once_more": self.loaded.once_more.as_dict(),
            "actions": self.updated.actions.as_dict(),
            "update": self.updated.update.as_dict(),
            "update_once_more": self.updated.once_more.as_dict(),
            "status": self.status.as_dict(),
            "example": self.example,
        }


def demo_home(settings: Settings) -> Path:
    """Return the folder of the demo's database, separate from real data."""
    return settings.home / "demo"


def run_demo(settings: Settings, say: Say, doing: Say, observe: Observer) -> DemoReport:
    """Play the demo in a fresh database and report; raise if a promise is broken.

    `say` gets each step when it is done, `doing` what is being done.
    """
    home = demo_home(settings)
    remove(home)
    doing("starting a PostgreSQL and a simulated vendor")
    demo_settings = replace(settings, nexus_home=str(home), database_url=None)
    session = session_before("US", datetime.now(UTC).date())
    with _scene(demo_settings) as (vendor, database):
        _publish(vendor, session_before("US", session))
        doing("discovering and loading an exchange")
        loaded = _load(vendor, database, say, observe)
        doing("updating it, as on the next mornings")
        updated = _update(vendor, database, session, say, observe)
        status = overview(database, vendor.settings)
    return DemoReport(loaded, updated, status)


def _load(
    vendor: SandboxVendor, database: PostgresConnection, say: Say, observe: Observer
) -> LoadPart:
    """Discover and load all histories, with a kill in the middle."""
    scope = DiscoveryScope(("US",), delisted=True)
    listed, delisted = run_discovery(vendor.settings, scope, observe).lists
    say(
        f"1  discover: {counted(listed.changes.added, 'listed symbol')} and"
        f" {counted(delisted.changes.added, 'delisted symbol')} of exchange US are known"
    )
    killed = _backfill_and_kill(vendor, database)
    say(
        f"2  backfill, killed (kill -9) after {counted(killed.requests, 'request')}:"
        f" {counted(killed.bars, 'bar')} of {counted(len(killed.finished), 'asset')} are stored"
    )
    resumed = run_backfill(vendor.settings, BackfillScope(limit=None), observe)
    say(
        f"3  backfill again: it continues with {counted(resumed.synced, 'asset')}"
        f" and {counted(resumed.inserted, 'bar')}; {resumed.absent} have no bars"
    )
    bars = _prove_equal(vendor, database)
    repeated = _requested(vendor)[killed.requests :]
    if again := killed.finished.intersection(repeated):
        raise InvariantBroken(f"requested again although finished: {', '.join(sorted(again))}")
    say(
        f"4  proof: all {counted(bars, 'bar')} equal the vendor's, none is missing or stored twice,"
        " and no finished asset was requested again"
    )
    once_more = run_backfill(vendor.settings, BackfillScope(limit=None), observe)
    say(f"5  backfill once more: nothing is due, {counted(once_more.requests, 'request')}")
    return LoadPart(len(killed.finished), resumed, once_more)


def _update(
    vendor: SandboxVendor, database: PostgresConnection, session: date, say: Say, observe: Observer
) -> UpdatePart:
    """Read the actions, publish a session with new ones, and update on the next morning."""
    before = _morning_after(session_before("US", session))
    actions = run_update(vendor.settings, None, observe, now=before)
    say(
        "6  update: no session is missing; splits and dividends of"
        f" {counted(actions.actions, 'asset')} are read, {counted(actions.calls, 'call')}"
    )
    _announce_actions(vendor, session)
    _publish(vendor, session)
    say(
        f"7  the vendor publishes the session of {session}, with a 4:1 split of {_SPLIT} and a"
        f" dividend of {_DIVIDEND}"
    )
    morning = _morning_after(session)
    update = run_update(vendor.settings, None, observe, now=morning)
    in_bulk = CALLS_A_SESSION + LookBack().calls
    say(
        f"8  update: {counted(update.synced, 'asset')} are fresh again for"
        f" {counted(update.calls, 'call')}, one by one, as a whole session in bulk costs {in_bulk};"
        f" {counted(update.reread, 'history')} were read again as a whole, since their adjusted"
        " closes had changed"
    )
    bars = _prove_equal(vendor, database)
    once_more = run_update(vendor.settings, None, observe, now=morning)
    if once_more.calls:
        raise InvariantBroken(f"a second update cost {once_more.calls} calls")
    if findings := actions.findings + update.findings:
        raise InvariantBroken(f"{findings} assets have unexplained adjusted closes")
    say(
        f"9  proof: all {counted(bars, 'bar')} equal the vendor's, and splits and dividends explain"
        " every adjusted close; update once more: nothing is due,"
        f" {counted(once_more.requests, 'request')}"
    )
    return UpdatePart(actions, update, once_more)


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
    """Run a backfill in a separate process and kill it midway with SIGKILL."""
    settings = vendor.settings
    child = subprocess.Popen(
        # -P: no module of the working folder is loaded.
        [sys.executable, "-P", "-m", "data_nexus", "backfill", "--no-limit"],
        env=os.environ
        | {
            "EODHD_API_KEY": settings.require_token().reveal(),
            "EODHD_BASE_URL": settings.eodhd_base_url,
            "DATABASE_URL": database.url,
        },
        stdout=subprocess.DEVNULL,
        # What it draws on a terminal would stay there, as it is killed.
        stderr=subprocess.DEVNULL,
        # Ctrl-C of the terminal is for the demo, which kills it.
        start_new_session=True,
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
    return Killed(frozenset(row[0] for row in finished), bars[0], len(_requested(vendor)))


def _wait_for_requests(vendor: SandboxVendor) -> None:
    deadline = monotonic() + _PATIENCE_SEC
    while len(_requested(vendor)) < _KILL_AFTER_REQUESTS:
        if monotonic() > deadline:
            raise VendorUnavailable("the demo's backfill did not start")
        sleep(0.02)


def _requested(vendor: SandboxVendor) -> list[str]:
    """Return the symbols of all eod requests so far, from the sandbox's own log."""
    log = json.loads(vendor.ask("/log"))
    return [entry["symbol"] for entry in log if entry["endpoint"] == "eod"]


def _announce_actions(vendor: SandboxVendor, session: date) -> None:
    """Announce a split and a dividend with a session as their ex-date."""
    day = session.isoformat()
    vendor.ask("/actions", {"symbol": _SPLIT, "date": day, "split": "4/1"})
    vendor.ask("/actions", {"symbol": _DIVIDEND, "date": day, "dividend": 0.75})


def _morning_after(session: date) -> datetime:
    """Return a moment at which a session is published, and the next one is not."""
    return datetime.combine(session + timedelta(days=1), time(12), UTC)


def _publish(vendor: SandboxVendor, session: date) -> None:
    vendor.ask("/publish", {"exchange": "US", "date": session.isoformat()})


def _prove_equal(vendor: SandboxVendor, database: PostgresConnection) -> int:
    """Compare every stored bar with the vendor's own; return how many there are."""
    received = pa.ipc.open_stream(io.BytesIO(vendor.ask("/truth"))).read_all()
    truth = received.sort_by([("symbol", "ascending"), ("date", "ascending")])
    symbols = [parse_symbol(text) for text in pc.unique(truth["symbol"]).to_pylist()]
    stored = read_bars(database, symbols)
    for name in stored.column_names:
        if not stored[name].equals(truth["symbol" if name == "ticker" else name]):
            raise InvariantBroken(f"column {name} differs from the vendor's")
    return len(stored)
