"""Gives crash tests a vendor, and a database whose assets are known and can be armed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute, rows, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.forked_commands import forked
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes, differences, truth

SYMBOLS, BARS = 30, 2000


@dataclass(slots=True)
class Field:
    """Where the kills take place: commands, their vendor and their database."""

    commands: Commands
    vendor: Sandbox
    url: str
    symbols: list[str]
    bars: int = BARS

    def arm(self, *, empty: bool) -> None:
        """Make all assets due again: with nothing stored, or with what is there to be re-read."""
        execute(
            self.url,
            "TRUNCATE sync_log, rejected_rows, market_data_revisions, dead_letters, runs",
        )
        if empty:
            execute(
                self.url,
                "TRUNCATE market_data",
                "UPDATE assets SET last_synced = NULL, synced_through = NULL, last_bar = NULL",
            )
        # Before the last bar nothing would be asked for that a re-read could meet.
        execute(
            self.url,
            "UPDATE assets SET last_synced = last_synced - interval '9 days', ask_after = NULL,"
            " synced_through = synced_through - 3000, last_bar = last_bar - 3000, times_failed = 0,"
            " times_rescued = 0, parked_at = NULL",
        )

    def backfill(self, **settings: object) -> int | None:
        """Run a backfill of all that is due to its end; its exit code."""
        with forked(self.commands, "backfill", "--no-limit", **settings) as running:
            running.join(120)
        return running.exitcode

    def finished(self) -> set[str]:
        """The assets whose answer is committed since the last arming."""
        query = "SELECT symbol || '.US' FROM sync_log JOIN assets a ON a.id = asset_id"
        return {row[0] for row in rows(self.url, query)}

    def assert_nothing_without_its_log(self, *, is_first_load: bool) -> None:
        """What an answer wrote and the log entry that tells of it are there together."""
        tables = ["rejected_rows", "market_data_revisions", *["market_data"] * is_first_load]
        query = (
            "SELECT count(*) FROM {} t"
            " WHERE NOT EXISTS (SELECT FROM sync_log s WHERE s.asset_id = t.asset_id)"
        )
        with psycopg.connect(self.url) as connection:
            for table in tables:
                found = connection.execute(sql.SQL(query).format(sql.Identifier(table)))
                assert found.fetchone() == (0,), table

    def asked(self, since: int) -> list[str]:
        """The symbols whose history was asked for since a length of the vendor's log."""
        log = self.vendor.get(f"/log?since={since}")
        return [entry["symbol"] for entry in log if entry["endpoint"] == "eod"]

    def requests(self) -> int:
        """The length of the vendor's log."""
        return int(self.vendor.get("/stats")["requests"])

    def assert_whole(self, rejected: int = 0) -> None:
        """All is stored once and as the vendor serves it; nobody holds or waits for anything."""
        served = truth(self.vendor)
        counts = differences(self.url, served)
        assert counts == {"lost": 0, "invented": 0, "served": SYMBOLS * self.bars}
        held = (
            "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL OR lease_until IS NOT NULL"
        )
        assert value(self.url, held) == 0
        parked = "SELECT (SELECT count(*) FROM dead_letters), count(parked_at) FROM assets"
        assert rows(self.url, parked) == [(0, 0)]
        assert rows(
            self.url,
            "SELECT count(*), count(DISTINCT asset_id), sum(received), sum(inserted + revised"
            " + unchanged + rejected) FROM sync_log WHERE outcome = 'stored'",
        ) == [(SYMBOLS, SYMBOLS, *[SYMBOLS * self.bars + rejected] * 2)]
        assert value(self.url, "SELECT count(*) FROM rejected_rows") == rejected
        ahead = (
            "SELECT count(*) FROM assets a WHERE synced_through IS DISTINCT FROM"
            " (SELECT max(date) FROM market_data m WHERE m.asset_id = a.id)"
        )
        assert value(self.url, ahead) == 0


@contextmanager
def field_with(cluster: Cluster, folder: Path, bars: int) -> Iterator[Field]:
    """A field of assets of which each has so many bars."""
    options = {"symbols": SYMBOLS, "bars_per_symbol": bars, "clean": True, "latency": 3}
    with (
        cluster.fresh_database() as url,
        sandbox(minute_limit=1_000_000, **options) as vendor,  # type: ignore[arg-type]
    ):
        vendor.post("/warm")
        listed = codes(vendor)
        add_assets(url, *listed)
        commands = commands_at(folder, vendor, url)
        yield Field(commands, vendor, url, [f"{code}.US" for code in listed], bars)


@pytest.fixture(scope="module")
def field(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with field_with(cluster, tmp_path_factory.mktemp("field"), BARS) as field:
        yield field
