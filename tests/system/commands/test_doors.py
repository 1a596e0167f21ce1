"""The specification's own doors lead to the same rooms: scripts, classes, sessions, views."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import func, select

import data_nexus as nexus
from data_nexus.errors import CredentialsRefused, QuotaSpent, UsageError
from data_nexus.ingestion.asset_discovery import AssetDiscovery
from data_nexus.ingestion.history_loader import EODHistoryLoader
from tests.support.postgres.tables import add_assets, rows, value
from tests.support.programs.commands import Commands
from tests.support.source import ROOT
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth
from tests.system.conftest import Placed

SYMBOLS, BARS = 12, 100
INGESTION = ROOT / "bin/run_ingestion.py"
VERIFICATION = ROOT / "scripts/verify_ingestion.py"


@pytest.fixture(scope="module")
def shared_vendor() -> Iterator[Sandbox]:
    options = {"symbols": SYMBOLS, "bars_per_symbol": BARS, "clean": True}
    with sandbox(minute_limit=1_000_000, **options) as vendor:  # type: ignore[arg-type]
        yield vendor


@pytest.fixture
def vendor(shared_vendor: Sandbox) -> Iterator[Sandbox]:
    yield shared_vendor
    shared_vendor.delete("/faults")


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed) -> Commands:
    return commands_for(vendor)


@pytest.fixture
def in_process(vendor: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The vendor, as settings of this process name it."""
    monkeypatch.setenv("EODHD_BASE_URL", vendor.url)
    monkeypatch.setenv("NEXUS_BACKOFF_SECONDS", "0.01")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return vendor


def test_the_ingestion_script_discovers_backfills_and_tells_the_status(
    commands: Commands, database_url: str, vendor: Sandbox
) -> None:
    discovered = commands.run_program(INGESTION, "discover", "--exchange", "US")
    assert (discovered.code, f"{SYMBOLS} added" in discovered.stdout) == (0, True)
    flags = ("--limit", "100", "--concurrency", "5", "--days-old", "1")
    loaded = commands.run_program(INGESTION, "backfill", *flags)
    assert (loaded.code, f"{SYMBOLS} assets synced" in loaded.stdout) == (0, True)
    status = commands.run_program(INGESTION, "status", "--json")
    assert (status.code, status.answer["rows"]) == (0, SYMBOLS * BARS)
    assert differences(database_url, truth(vendor)) == {
        "lost": 0,
        "invented": 0,
        "served": SYMBOLS * BARS,
    }


def test_the_verification_script_runs_the_five_checks(commands: Commands) -> None:
    done = commands.run_program(VERIFICATION)
    assert (done.code, done.stderr) == (0, "")
    assert len(re.findall(r"^ok ", done.stdout, re.MULTILINE)) >= 5
    assert "FAIL" not in done.stdout


def test_the_verification_script_says_what_failed(commands: Commands, vendor: Sandbox) -> None:
    vendor.post("/faults", {"kind": "status", "status": 500, "endpoint": "eod"})
    done = commands.run_program(VERIFICATION, attempts=1, breaker_seconds=0.05)
    assert done.code == 3
    assert re.findall(r"^FAIL  (.*?):", done.stdout, re.MULTILINE)[0] == "small backfill"


def test_discovery_as_the_specification_writes_it(in_process: Sandbox, database_url: str) -> None:
    discovery = AssetDiscovery(in_process.token, database_url)
    assert asyncio.run(discovery.discover_exchange("US")) == SYMBOLS
    assert asyncio.run(discovery.discover_exchange("US")) == SYMBOLS
    assert value(database_url, "SELECT count(*) FROM assets WHERE last_synced IS NULL") == SYMBOLS


def test_the_history_loader_as_the_specification_writes_it(
    in_process: Sandbox, database_url: str
) -> None:
    parts = conninfo_to_dict(database_url)
    config = {key: parts[key] for key in ("host", "port", "user")} | {"database": parts["dbname"]}

    async def load() -> list[dict[str, Any]]:
        await AssetDiscovery(in_process.token, config).discover_exchange("US")
        loader = EODHistoryLoader(in_process.token, config)
        return [await loader.run_cycle(limit=10, days_old=1) for _ in range(3)]

    first, second, third = asyncio.run(load())
    assert [cycle["total_assets"] for cycle in (first, second, third)] == [10, 2, 0]
    assert first["total_rows"] == 10 * BARS
    assert {"total_assets", "total_rows", "failed", "duration_sec"} <= first.keys()
    assert differences(database_url, truth(in_process))["lost"] == 0


def test_the_history_loader_raises_what_ended_it(in_process: Sandbox, database_url: str) -> None:
    asyncio.run(AssetDiscovery(in_process.token, database_url).discover_exchange("US"))
    with pytest.raises(CredentialsRefused):
        asyncio.run(EODHistoryLoader("wrong-token", database_url).run_cycle())
    in_process.post("/faults", {"kind": "status", "status": 402, "endpoint": "eod"})
    with pytest.raises(QuotaSpent):
        asyncio.run(EODHistoryLoader(in_process.token, database_url).run_cycle())


@pytest.mark.parametrize(("status", "figure"), [(500, "failed"), (422, "parked")])
def test_an_asset_in_trouble_is_a_figure_and_no_error(
    in_process: Sandbox, database_url: str, status: int, figure: str
) -> None:
    in_process.post("/faults", {"kind": "status", "status": status, "symbol": "AAPL.US"})

    async def load() -> dict[str, Any]:
        await AssetDiscovery(in_process.token, database_url).discover_exchange("US")
        return await EODHistoryLoader(in_process.token, database_url).run_cycle()

    figures = asyncio.run(load())
    assert (figures["total_assets"], figures["synced"], figures[figure]) == (
        SYMBOLS,
        SYMBOLS - 1,
        1,
    )


def test_a_notebook_reads_bars_and_works_with_the_models(
    commands: Commands, database_url: str
) -> None:
    commands.run("discover")
    commands.run("backfill", "--symbols", "AAPL.US,MSFT.US")
    with nexus.connect(database_url) as db:
        table = db.bars(["MSFT.US", "AAPL.US"], start="2026-01-01")
        with db.get_session() as session:
            assert session.query(nexus.Asset).filter_by(exchange="US").count() == SYMBOLS
            assert session.scalar(select(func.count()).select_from(nexus.Bar)) == 2 * BARS
        assert db.status()["assets"]["with_data"] == 2
        with pytest.raises(UsageError, match=r"NOPE\.US"):
            db.bars("NOPE.US")
    expected = rows(
        database_url,
        "SELECT ticker, date, open, high, low, close, adjusted_close, volume FROM bars"
        " WHERE date >= '2026-01-01' ORDER BY ticker, date",
    )
    assert [tuple(bar.values()) for bar in table.to_pylist()] == expected


KEYS = {
    "discover": {"exchanges", "calls", "duration_sec"},
    "backfill": {
        *("total_assets", "synced", "failed", "parked", "total_rows", "inserted", "revised"),
        *("unchanged", "rejected", "calls", "requests", "duration_sec"),
    },
    "plan": {"steps", "calls", "requests", "quota_left", "days", "eta_sec"},
    "dead-letters list": {"dead_letters"},
    "status": {"assets", "rows", "first_date", "last_date", "quota", "workers"},
}


def test_each_answer_in_json_is_one_document_with_the_promised_keys(commands: Commands) -> None:
    for command, keys in KEYS.items():
        done = commands.run(*command.split(), "--json")
        assert done.code == 0
        assert keys <= json.loads(done.stdout).keys()
    discovered = commands.run("discover", "--json").answer["exchanges"][0]
    assert {"exchange", "added", "reactivated", "deactivated", "unchanged"} <= discovered.keys()
    status = commands.run("status", "--json").answer
    states = {"total", "with_data", "without_data", "fresh", "stale", "parked"}
    assert states <= status["assets"].keys()
    assert {"used", "limit", "extra", "resets_at"} <= status["quota"].keys()


@pytest.mark.parametrize("arguments", [("backfill",), ("status", "--json"), ("config",)])
def test_a_reader_that_left_is_no_bug_and_stops_no_work(
    commands: Commands, database_url: str, arguments: tuple[str, ...]
) -> None:
    """As in `nexus bars AAPL.US | head -1`."""
    add_assets(database_url, "AAPL")
    with commands.running(*arguments) as running:
        assert running.child.stdout
        running.child.stdout.close()
        assert running.child.stderr
        assert (running.child.wait(60), running.child.stderr.read()) == (0, "")
    loaded = "SELECT count(*) FROM assets WHERE last_synced IS NOT NULL"
    assert value(database_url, loaded) == (arguments == ("backfill",))


@pytest.mark.parametrize(
    "arguments",
    [
        ("backfill", "--limit", "0"),
        ("backfill", "--symbols", "AAPL"),
        ("backfill", "--exchange", "../etc"),
        ("discover", "--exchange", "U S"),
        ("bars", "NOPE.US"),
        ("plan", "--exchange", "../etc"),
        ("worker", "--exchange", "../etc"),
        ("dead-letters", "retry"),
        ("dead-letters", "drop", "AAPL.US", "--all"),
        ("dead-letters", "show", "NOPE.US"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_a_mistake_in_the_command_ends_with_2_and_one_document(
    commands: Commands, arguments: tuple[str, ...]
) -> None:
    done = commands.run(*arguments, "--json")
    assert (done.code, done.answer["exit_code"]) == (2, 2)
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
