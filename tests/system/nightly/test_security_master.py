"""Renames, reused codes and past universes over HTTP: an asset is a listing, not a code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

import data_nexus as nexus
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import Row, execute, rows, snapshot, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import COLUMNS, codes
from tests.system.conftest import Placed

OLD, NEW = "MSFT", "SOFT"


@contextmanager
def new_vendor() -> Iterator[Sandbox]:
    options = {"symbols": 20, "years": 1, "clean": True, "minute_limit": 1_000_000}
    with sandbox(now="2026-11-10T22:00:00", **options) as running:  # type: ignore[arg-type]
        yield running


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    with new_vendor() as running:
        yield running


@pytest.fixture(scope="module")
def loaded_once(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database that holds all that such a vendor has."""
    with cluster.fresh_database() as url, new_vendor() as vendor:
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
        assert commands.run("discover").code == 0
        assert commands.run("backfill", "--no-limit").code == 0
        execute(url, "DELETE FROM quota_ledger")
        yield url


@pytest.fixture
def database_url(cluster: Cluster, loaded_once: str) -> Iterator[str]:
    """A copy of it."""
    with cluster.fresh_database(filled=loaded_once) as url:
        yield url


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed) -> Commands:
    return commands_for(vendor)


def discovered(commands: Commands, *options: str) -> Any:  # noqa: ANN401
    done = commands.run("discover", *options, "--json")
    assert done.code == 0, done.stderr
    return done.answer["exchanges"][-1]


def asset(url: str, code: str) -> Any:  # noqa: ANN401
    return rows(
        url,
        "SELECT id, synced_through, (SELECT count(*) FROM market_data m WHERE m.asset_id = a.id)"
        " FROM assets a WHERE symbol = %s AND retired_at IS NULL",
        code,
    )[0]


def bars(url: str, code: str) -> list[Row]:
    return rows(
        url,
        "SELECT date::text, open, high, low, close, adjusted_close, volume FROM market_data m"
        " JOIN assets a ON a.id = m.asset_id WHERE symbol = %s AND retired_at IS NULL ORDER BY 1",
        code,
    )


def served(vendor: Sandbox, code: str) -> list[Row]:
    columns = vendor.get(f"/truth/{code}.US")
    return list(zip(*(columns[name] for name in ("date", *COLUMNS)), strict=True))


def asked(vendor: Sandbox, since: int) -> list[str]:
    return [entry["endpoint"] for entry in vendor.log()[since:]]


def test_a_rename_moves_the_symbol_and_nothing_else(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    before = asset(database_url, OLD)
    bars = snapshot(database_url, "market_data")
    vendor.post("/list", {"symbol": f"{OLD}.US", "action": "rename", "to": NEW})
    found = discovered(commands)
    assert (found["renamed"], found["added"], found["deactivated"]) == (1, 0, 0)
    assert found["moves"] == [{"from": OLD, "to": NEW, "reason": "renamed: same ISIN"}]
    assert asset(database_url, NEW) == before
    assert snapshot(database_url, "market_data") == bars
    chain = commands.run("listings", f"{OLD}.US", "--json").answer["assets"]
    assert [[each["symbol"] for each in one["listings"]] for one in chain] == [
        [f"{OLD}.US", f"{NEW}.US"]
    ]
    told = commands.run("listings", f"{NEW}.US").stdout
    assert all(word in told for word in (f"{OLD}.US", f"{NEW}.US", "renamed:"))


def test_a_renamed_asset_is_brought_up_to_date_under_its_new_symbol(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    asset_id, _, count = asset(database_url, OLD)
    vendor.post("/list", {"symbol": f"{OLD}.US", "action": "rename", "to": NEW})
    discovered(commands)
    vendor.post("/clock", {"advance_sec": 7 * 86_400})
    done = commands.run("backfill", "--symbols", f"{NEW}.US", "--json", days_old=0)
    assert (done.answer["synced"], done.answer["revised"]) == (1, 0)
    assert asset(database_url, NEW)[0] == asset_id
    assert asset(database_url, NEW)[2] > count
    assert value(database_url, "SELECT count(*) FROM market_data_revisions") == 0
    assert bars(database_url, NEW) == served(vendor, NEW)


def test_without_an_isin_the_vendor_s_change_history_tells_the_rename(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    vendor.post("/list", {"symbol": f"{OLD}.US", "action": "change", "isin": None})
    discovered(commands)
    before, since = asset(database_url, OLD), len(vendor.log())
    vendor.post("/list", {"symbol": f"{OLD}.US", "action": "rename", "to": NEW})
    found = discovered(commands)
    assert found["moves"][0]["reason"] == "renamed: the vendor's change history"
    assert asset(database_url, NEW) == before
    assert asked(vendor, since).count("symbol-change-history") == 1


def test_the_change_history_is_asked_for_only_when_symbols_went_and_came(
    commands: Commands, vendor: Sandbox
) -> None:
    since = len(vendor.log())
    discovered(commands)
    vendor.post("/list", {"symbol": "FRESH.US", "action": "list", "name": "Fresh Inc"})
    discovered(commands)
    vendor.post("/list", {"symbol": f"{OLD}.US", "action": "remove"})
    discovered(commands)
    assert "symbol-change-history" not in asked(vendor, since)


def test_a_plan_without_the_change_history_still_discovers(
    commands: Commands, vendor: Sandbox
) -> None:
    fault = {"kind": "status", "status": 403, "endpoint": "symbol-change-history"}
    vendor.post("/faults", fault)
    vendor.post("/list", {"symbol": f"{OLD}.US", "action": "rename", "to": NEW})
    done = commands.run("discover", "--json")
    assert (done.code, done.answer["exchanges"][0]["renamed"]) == (0, 1)
    assert "by ISIN only" in done.stderr


def test_trouble_with_the_change_history_writes_nothing(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    before = snapshot(database_url, "assets")
    vendor.post("/faults", {"kind": "status", "status": 500, "endpoint": "symbol-change-history"})
    vendor.post("/list", {"symbol": f"{OLD}.US", "action": "rename", "to": NEW})
    assert commands.run("discover", attempts=2).code == 6
    assert snapshot(database_url, "assets") == before


def test_a_reused_code_becomes_an_asset_of_its_own(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    old, _, count = asset(database_url, OLD)
    symbol = f"{OLD}.US"
    isin = "US9999999999"
    vendor.post(
        "/list", {"symbol": symbol, "action": "reuse", "name": "Sunrise Farms", "isin": isin}
    )
    found = discovered(commands)
    assert (found["retired"], found["added"]) == (1, 1)
    assert discovered(commands, "--delisted")["moves"] == [
        {"from": OLD, "to": f"{OLD}_old", "reason": "renamed: its code was reused"}
    ]
    assert asset(database_url, f"{OLD}_old")[::2] == (old, count)
    vendor.post("/clock", {"advance_sec": 7 * 86_400})
    commands.run("backfill", "--symbols", symbol, "--json", days_old=0)
    new = asset(database_url, OLD)
    assert new[0] != old
    assert 0 < new[2] < 10
    assert bars(database_url, OLD) == served(vendor, OLD)
    assert bars(database_url, f"{OLD}_old") == served(vendor, f"{OLD}_old")
    chain = commands.run("listings", symbol, "--json").answer["assets"]
    assert [(one["asset_id"], one["symbol"]) for one in chain] == [
        (old, f"{OLD}_old.US"),
        (new[0], symbol),
    ]


def test_a_second_discovery_after_any_of_it_writes_no_asset(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    vendor.post("/list", {"symbol": "AAPL.US", "action": "rename", "to": "PEAR"})
    vendor.post("/list", {"symbol": f"{OLD}.US", "action": "reuse", "name": "Sunrise Farms"})
    vendor.post("/list", {"symbol": "TSLA.US", "action": "remove"})
    discovered(commands, "--delisted")
    before = snapshot(database_url, "assets", "listings")
    discovered(commands, "--delisted")
    assert snapshot(database_url, "assets", "listings") == before


def test_the_universe_of_a_day_is_who_was_listed_by_then(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    listed = {f"{code}.US" for code in codes(vendor)}
    vendor.post("/list", {"symbol": "TSLA.US", "action": "remove"})
    discovered(commands)
    today = datetime.now(UTC).date()
    with nexus.connect(database_url) as db:
        now = db.universe("US")
        then = db.universe("US", on=today.replace(year=today.year - 1, month=6, day=30))
        assert db.listings("TSLA.US")[0]["listings"][0]["until"].date() == today
    assert set(now["symbol"].to_pylist()) == listed - {"TSLA.US"}
    assert set(now["basis"].to_pylist()) == {"listed"}
    assert set(then["basis"].to_pylist()) <= {"first and last bar"}
