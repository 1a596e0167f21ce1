"""Everything at once: workers load for a while, and all that may happen to them happens.

The vendor's clock runs ahead by hours every few seconds, a share of its answers is amiss, splits,
dividends and restatements come, workers are killed or drained, the server is killed. In the end
nothing is lost: every bar is the vendor's, and no process has grown. `NEXUS_MIXED_SECONDS` says
how long it takes.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from data_nexus.database.embedded import embedded_server, remove
from data_nexus.database.upgrade import upgrade
from data_nexus.domain.calendar.publication import PublicationKind, published_through
from tests.support.campaign import sized
from tests.support.postgres.embedded import server_pid
from tests.support.postgres.tables import Row, eventually, execute, rows, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.forked_commands import forked_worker, set_clock
from tests.support.programs.processes import memory_kb, open_files
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import COLUMNS, truth

SECONDS = int(os.environ.get("NEXUS_MIXED_SECONDS", sized(12, 1800)))
SEED = int(os.environ.get("NEXUS_MIXED_SEED", "11"))
SYMBOLS, WORKERS = 150, 3
# One step of the vendor's clock takes so many seconds: a short run makes short steps.
# At the lowest priority of a busy machine a drain may take long; one that hangs is seen.
_DRAINED_SEC = 120
# At least one session and a weekend, and fewer days than are read again.
_LAST_HOURS = 96
STEPS_SEC = (4.0, 9.0) if SECONDS > 60 else (0.5, 1.0)
SETTINGS: dict[str, Any] = {
    "late_seconds": 3,
    "poll_seconds": 1,
    "lease_seconds": 4,
    "batch_seconds": 0.1,
    "breaker_seconds": 2,
    "answer_seconds": 10,
    "grace_seconds": 10,
}
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
    {"kind": "html"},
    {"kind": "rst_before"},
    {"kind": "rst_at", "bytes": 100},
    {"kind": "truncate_length"},
    {"kind": "truncate_gzip"},
    {"kind": "corrupt_gzip", "how": "crc"},
    {"kind": "empty"},
    {"kind": "unordered"},
    {"kind": "duplicates"},
    {"kind": "contradiction"},
    {"kind": "slow", "bytes_per_sec": 20_000},
    {"kind": "bad_values", "values": [{"row": 0, "field": "close", "raw": "-1e999"}]},
    {"kind": "bad_values", "values": [{"row": 0, "field": "volume", "raw": '"\\ud800"'}]},
)
MOST_GROWTH_KB, MOST_NEW_FILES = 12_000, 6


@dataclass(slots=True)
class MixedRun:
    """A vendor, a server, and workers that are struck; `number` 0 never is."""

    vendor: Sandbox
    commands: Commands
    home: Path
    url: str
    chance: random.Random
    servers: ExitStack
    workers: list[ForkServerProcess] = field(default_factory=list)
    exits: list[int | None] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    today: date = date(2025, 6, 2)
    hour: float = 12.0

    def start(self, stack: ExitStack) -> ForkServerProcess:
        """Start one more worker; it goes by the vendor's clock."""
        return stack.enter_context(forked_worker(self.commands, self.clock, **SETTINGS))

    @property
    def clock(self) -> Path:
        """The file that has the vendor's clock."""
        return self.commands.folder / "clock"

    def note(self, what: str) -> None:
        """Count something that was done."""
        self.done[what] = self.done.get(what, 0) + 1

    def step(self, stack: ExitStack) -> None:
        """Let some hours pass for the vendor, and something happen."""
        self.pass_time(self.chance.uniform(6, 24))
        self.note("steps")
        if self.chance.random() < 0.5:
            self._set_fault()
        if self.chance.random() < 0.6:
            self._tell()
        if self.chance.random() < 0.3:
            self._strike(stack)
        if self.chance.random() < 0.06:
            self._kill_server()

    def pass_time(self, hours: float) -> None:
        """Let it be later for the vendor and for the workers."""
        self.hour += hours
        self.today += timedelta(self.hour // 24)
        self.hour %= 24
        self.vendor.post("/clock", {"now": f"{self.now():%Y-%m-%dT%H:%M:%S}"})
        set_clock(self.clock, self.now())

    def now(self) -> datetime:
        """What the vendor's clock shows, to the minute."""
        minutes = timedelta(minutes=int(self.hour * 60))
        return datetime.combine(self.today, datetime.min.time(), UTC) + minutes

    def _set_fault(self) -> None:
        self.vendor.delete("/faults")
        fault = self.chance.choice(FAULTS)
        self.vendor.post("/faults", {**fault, "share": self.chance.uniform(0.03, 0.1)})
        self.note("faults")

    def _tell(self) -> None:
        """A split or a dividend of the running day, or a last session that is corrected."""
        symbol = self.chance.choice(self._living())
        bars = self.vendor.get(f"/truth/{symbol}")
        if not bars["date"]:
            return
        last, kind = bars["date"][-1], self.chance.choice(("split", "dividend", "correction"))
        if kind == "split":
            ratio = self.chance.choice(("2/1", "4/1", "1/10"))
            self.vendor.post("/actions", {"symbol": symbol, "date": last, "split": ratio})
        elif kind == "dividend":
            amount = round(bars["close"][-1] / 50, 4)
            self.vendor.post("/actions", {"symbol": symbol, "date": last, "dividend": amount})
        else:
            volume = float(self.chance.randrange(1, 10_000))
            self.vendor.post("/restate", {"symbol": symbol, "date": last, "volume": volume})
        self.note(kind + "s")

    def _living(self) -> list[str]:
        with suppress(psycopg.Error):
            found = rows(
                self.url,
                "SELECT symbol || '.' || exchange FROM assets"
                " WHERE NOT is_delisted AND last_bar IS NOT NULL ORDER BY 1",
            )
            return [row[0] for row in found] or ["AAPL.US"]
        return ["AAPL.US"]

    def _strike(self, stack: ExitStack) -> None:
        """Kill or drain a worker, and start another in its place."""
        at = self.chance.randrange(1, len(self.workers))
        struck, is_kill = self.workers[at], self.chance.random() < 0.7
        assert struck.pid
        with suppress(ProcessLookupError):
            os.kill(struck.pid, signal.SIGKILL if is_kill else signal.SIGTERM)
        struck.join(_DRAINED_SEC)
        if not is_kill:
            self.exits.append(struck.exitcode)
        self.note("kills" if is_kill else "drains")
        self.workers[at] = self.start(stack)

    def _kill_server(self) -> None:
        pid = server_pid(self.home)
        if pid is None:
            return
        os.kill(pid, signal.SIGKILL)
        time.sleep(self.chance.uniform(0, 1))
        self.servers.pop_all().close()
        assert self.servers.enter_context(embedded_server(self.home)) == self.url
        self.note("kills of the server")

    def log(self) -> str:
        """The end of what the workers said."""
        return (self.commands.folder / "forked.log").read_text(encoding="utf-8")[-3000:]

    def answers(self) -> list[Row]:
        """Of the assets that differ: their state, and what the log has of their last answers."""
        return rows(
            self.url,
            "SELECT a.symbol, a.venue, a.asset_type, a.synced_through, a.settled_through,"
            " a.last_bar, s.committed_at, s.window_first, s.window_last, s.passed_to,"
            " s.received, s.inserted,"
            " s.revised, s.withdrawn, s.lost, s.cause, s.arrived FROM assets a"
            " JOIN LATERAL (SELECT * FROM sync_log WHERE asset_id = a.id ORDER BY committed_at DESC"
            " LIMIT 6) s ON true WHERE a.symbol || '.' || a.exchange = ANY (%s)",
            [str(each[0]) for each in self.differing()],
        )

    def differing(self) -> list[Row]:
        """The assets whose bars are not the vendor's, but for those that rest or wait for us."""
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "CREATE TEMPORARY TABLE truth (ticker text, date date, open float8, high float8,"
                " low float8, close float8, adjusted_close float8, volume float8)"
            )
            served = truth(self.vendor).select(["symbol", "date", *COLUMNS])
            with connection.cursor().copy("COPY truth FROM STDIN") as copy:
                for row in zip(*(column.to_pylist() for column in served.columns), strict=True):
                    copy.write_row(row)
            return connection.execute(
                """
                WITH stored AS (
                    SELECT a.symbol || '.' || a.exchange AS ticker, date, open, high, low, close,
                           adjusted_close, volume
                    FROM market_data m JOIN assets a ON a.id = m.asset_id
                ), differing AS (
                    (TABLE truth EXCEPT ALL TABLE stored)
                    UNION ALL (TABLE stored EXCEPT ALL TABLE truth)
                )
                SELECT d.ticker, count(*), min(d.date), max(d.date), max(a.last_synced)
                FROM differing d
                JOIN assets a ON a.symbol || '.' || a.exchange = d.ticker
                -- The vendor's row was rejected, and that is said.
                LEFT JOIN (SELECT DISTINCT asset_id, date FROM rejected_rows) r
                    ON (r.asset_id, r.date) = (a.id, d.date)
                WHERE r.date IS NULL
                  AND NOT (a.is_delisted OR a.parked_at IS NOT NULL OR a.ask_after IS NOT NULL)
                GROUP BY d.ticker
                """
            ).fetchall()


@pytest.fixture
def mixed(tmp_path: Path) -> Iterator[MixedRun]:
    home = tmp_path / "home"
    options = {"symbols": SYMBOLS, "years": 4, "minute_limit": 10_000_000}
    limits = {"daily_limit": 100_000_000}
    with (
        sandbox(now="2025-06-02T12:00:00", **options, **limits) as vendor,  # type: ignore[arg-type]
        ExitStack() as servers,
    ):
        url = servers.enter_context(embedded_server(home))
        upgrade(url)
        commands = commands_at(tmp_path, vendor, url)
        chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
        yield MixedRun(vendor, commands, home, url, chance, servers)
    remove(home)


BREACHES = {
    "counts": "SELECT count(*) FROM sync_log"
    " WHERE received <> inserted + revised + unchanged + rejected",
    "fences": "SELECT count(*) FROM (SELECT FROM sync_log WHERE fence IS NOT NULL"
    " GROUP BY asset_id, fence HAVING count(*) > 1) AS twice",
    "rows": "SELECT count(*) FROM (SELECT asset_id, count(*) AS n FROM market_data GROUP BY 1) m"
    " FULL JOIN (SELECT asset_id, sum(inserted - lost - withdrawn) AS n FROM sync_log GROUP BY 1) l"
    " USING (asset_id) WHERE coalesce(m.n, 0) <> coalesce(l.n, 0)",
    "not a number": "SELECT count(*) FROM market_data WHERE 'NaN' IN (open, high, low, close,"
    " adjusted_close, volume)",
    "leases": "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL",
    "idle in transaction": "SELECT count(*) FROM pg_stat_activity"
    " WHERE state = 'idle in transaction'",
}


@pytest.mark.sized(SECONDS, "seconds")
def test_after_everything_at_once_the_bars_are_the_vendors(mixed: MixedRun) -> None:
    found = mixed.commands.run("discover", "--exchange", "US")
    assert found.code == 0, found.stderr
    mixed.pass_time(0)
    with ExitStack() as stack:
        mixed.workers += [mixed.start(stack) for _ in range(WORKERS)]
        first = mixed.workers[0].pid
        assert first
        eventually(lambda: value(mixed.url, "SELECT count(*) FROM market_data") > 10_000, 60)
        # Connections come and go: of the first half the most counts.
        began, early = time.monotonic(), (0, 0)
        while (elapsed := time.monotonic() - began) < SECONDS:
            mixed.step(stack)
            time.sleep(mixed.chance.uniform(*STEPS_SEC))
            if elapsed < SECONDS / 2:
                begun = memory_kb(first) if elapsed < max(60, STEPS_SEC[1]) else early[0]
                early = begun, max(early[1], open_files(first))
        mixed.vendor.delete("/faults")
        execute(mixed.url, "UPDATE assets SET times_rescued = 0")
        # The session after the last one shows what was corrected in that.
        mixed.pass_time(_LAST_HOURS)
        settled_from = value(mixed.url, "SELECT now()")
        # An answer that was under way when the time passed is of before.
        published = published_through("US", PublicationKind.FUND, mixed.now())
        due = (
            "SELECT count(*) FROM assets WHERE is_active AND NOT is_delisted AND parked_at IS NULL"
            " AND ask_after IS NULL AND (coalesce(last_synced, '-infinity') < %s"
            " OR synced_through < %s)"
        )
        eventually(lambda: not value(mixed.url, due, settled_from, published), 120)
        late = memory_kb(first), open_files(first)
        assert [worker.exitcode for worker in mixed.workers] == [None] * WORKERS, mixed.log()
        for worker in mixed.workers:
            assert worker.pid
            os.kill(worker.pid, signal.SIGTERM)
        for worker in mixed.workers:
            worker.join(_DRAINED_SEC)
        mixed.exits += [worker.exitcode for worker in mixed.workers]
    assert set(mixed.exits) == {75}
    assert {name: n for name, query in BREACHES.items() if (n := value(mixed.url, query))} == {}
    assert mixed.differing() == [], f"{mixed.done} {mixed.now()} {mixed.answers()}"
    verified = mixed.commands.run("verify")
    assert verified.code == 0, verified.stdout + verified.stderr
    assert late[0] - early[0] <= MOST_GROWTH_KB, (early, late)
    assert late[1] - early[1] <= MOST_NEW_FILES, (early, late)
