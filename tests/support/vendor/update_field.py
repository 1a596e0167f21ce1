"""Where updates are disturbed: a vendor that is sessions ahead of a loaded database.

Every round has a copy of the loaded database, so that all rounds begin alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from tests.support.postgres.database import Cluster
from tests.support.postgres.final_tables import FinalTables, assert_equal_tables, final_tables
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.forked_commands import forked_update
from tests.support.vendor.nights import load_all
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth

MONDAY, TUESDAY, WEDNESDAY = "2026-11-09", "2026-11-10", "2026-11-11"
# Before the next opening: the funds of the day before are out, too.
MORNING_AFTER = {
    TUESDAY: datetime(2026, 11, 11, 12, tzinfo=UTC),
    WEDNESDAY: datetime(2026, 11, 12, 12, tzinfo=UTC),
}
SYMBOLS = 740
# So few rows share a transaction that a session has several.
BATCH_ROWS = 50
# What must be equal however an update was disturbed. Whether an asset came in bulk or by itself may
# differ, and with it what the log says; when a vendor is asked again for nothing, too.
_COMPARED = (
    "market_data",
    "market_data_revisions",
    "rebasings",
    "rejected_rows",
    "dead_letters",
    "splits",
    "dividends",
)


@dataclass(slots=True)
class UpdateField:
    """A vendor whose sessions are out `now`, and `url`, a round's own database that lacks them."""

    cluster: Cluster
    vendor: Sandbox
    folder: Path
    loaded: str
    now: datetime
    url: str = ""

    @contextmanager
    def round(self) -> Iterator[Commands]:
        """Begin again with what was loaded; commands on it."""
        with self.cluster.fresh_database(filled=self.loaded) as self.url:
            self.vendor.delete("/faults")
            commands = commands_at(self.folder, self.vendor, self.url)
            # Only the prices of the session before are compared again.
            yield replace(commands, environment={**commands.environment, "NEXUS_LOOK_BACK": "0"})

    def update(self, commands: Commands, **settings: object) -> int | None:
        """Run an update to its end; its exit code."""
        given = {"batch_rows": BATCH_ROWS, **settings}
        with forked_update(commands, self.now, **given) as running:
            running.join(120)
        return running.exitcode

    def asked(self, since: int) -> list[dict[str, Any]]:
        """What the vendor was asked for since a length of its log."""
        return list(self.vendor.get(f"/log?since={since}"))

    def requests(self) -> int:
        """The length of the vendor's log."""
        return int(self.vendor.get("/stats")["requests"])

    def tables(self) -> FinalTables:
        """What is to be equal after every round."""
        found = final_tables(self.url)
        cursors = (
            "SELECT id, last_synced IS NULL, synced_through, last_bar, lease_owner, parked_at"
            " FROM assets ORDER BY id"
        )
        return {name: found[name] for name in _COMPARED} | {"assets": rows(self.url, cursors)}

    def assert_final(self, undisturbed: FinalTables) -> None:
        """The tables are what an undisturbed update leaves, and the vendor's truth."""
        assert_equal_tables(self.tables(), undisturbed)
        self.assert_true()

    def assert_true(self) -> None:
        """Each bar is as the vendor has it, and nothing is half."""
        counts = differences(self.url, truth(self.vendor))
        assert (counts["lost"], counts["invented"]) == (0, 0)
        self.assert_sound()

    def assert_sound(self) -> None:
        """Nothing is half: no house invariant is broken, and each bar of bulk has its log entry."""
        assert set(broken_invariants(PostgresConnection(self.url)).values()) == {0}
        orphans = (
            "SELECT count(*) FROM market_data m WHERE m.date > %s AND NOT EXISTS (SELECT FROM"
            " sync_log s WHERE s.asset_id = m.asset_id AND s.arrived @> m.date)"
        )
        assert value(self.url, orphans, MONDAY) == 0

    def assert_paid(self, since: int, unused: int = 0) -> None:
        """The ledger has charged all that the vendor counts since a length of its log.

        And no more, but for `unused` calls that dead runs have reserved and not spent.
        """
        cost = sum(entry["cost"] for entry in self.asked(since))
        charged = value(self.url, "SELECT coalesce(sum(spent), 0) FROM quota_ledger")
        assert cost <= charged <= cost + unused

    def bulk_since(self, since: int) -> list[dict[str, Any]]:
        """The bulk requests since a length of the log."""
        return [e for e in self.asked(since) if e["endpoint"] == "eod-bulk-last-day"]


@contextmanager
def update_field(
    cluster: Cluster, folder: Path, symbols: int = SYMBOLS, through: str = WEDNESDAY
) -> Iterator[UpdateField]:
    """A vendor that published sessions, up to a day, after all that it had was loaded."""
    options = {"symbols": symbols, "bars_per_symbol": 12, "clean": True}
    with (
        sandbox(now="2026-11-11T23:00:00", minute_limit=1_000_000, **options) as vendor,  # type: ignore[arg-type]
        cluster.fresh_database() as loaded,
    ):
        vendor.post("/limits", {"daily": 10_000_000})
        vendor.post("/publish", {"exchange": "US", "date": MONDAY})
        commands = commands_at(folder, vendor, loaded)
        assert commands.run("discover", "--exchange", "US").code == 0
        load_all(vendor, loaded)
        execute(loaded, "DELETE FROM quota_ledger", "UPDATE assets SET actions_wanted_at = NULL")
        vendor.post("/actions", {"symbol": "AAPL.US", "date": TUESDAY, "split": "4/1"})
        vendor.post("/actions", {"symbol": "MSFT.US", "date": WEDNESDAY, "dividend": 0.75})
        vendor.post("/publish", {"exchange": "US", "date": through})
        vendor.post("/warm")
        yield UpdateField(cluster, vendor, folder, loaded, MORNING_AFTER[through])
