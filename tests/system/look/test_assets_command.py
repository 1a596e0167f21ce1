"""`nexus assets`, `nexus exchanges` and what Python gives of both, on a small vendor's symbols."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import data_nexus as nexus
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox

SYMBOLS = 60


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    options: dict[str, Any] = {"symbols": SYMBOLS, "bars_per_symbol": 20, "clean": True}
    now = "2026-11-10T23:30:00"
    with sandbox(
        now=now, minute_limit=1_000_000, exchange=["US", "LSE", "AU"], **options
    ) as started:
        yield started


@pytest.fixture(scope="module")
def desk(
    cluster: Cluster, vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Commands]:
    """Two of three exchanges discovered, five American histories loaded."""
    with cluster.fresh_database() as url:
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
        assert commands.run("discover", "--exchange", "US", "--exchange", "LSE").code == 0
        assert commands.run("backfill", "--exchange", "US", "--limit", "5").code == 0
        yield commands


@pytest.fixture
def url(desk: Commands) -> str:
    return desk.environment["DATABASE_URL"]


def tickers(desk: Commands, *arguments: str) -> list[str]:
    done = desk.run("assets", *arguments, "--json")
    assert (done.code, done.stderr) == (0, "")
    assert done.answer["total"] == len(done.answer["assets"])
    return [row["symbol"] for row in done.answer["assets"]]


def test_words_are_sought_in_code_and_name_and_the_best_come_first(
    desk: Commands, url: str
) -> None:
    everything = tickers(desk)
    assert len(everything) == len(set(everything)) == value(url, "SELECT count(*) FROM assets")
    code, name = rows(url, "SELECT symbol, name FROM assets WHERE exchange = 'US' LIMIT 1")[0]
    assert tickers(desk, "--search", code.lower(), "--exchange", "us")[0] == f"{code}.US"
    words = name.lower().split()
    found = tickers(desk, "--search", " ".join(reversed(words)))
    assert f"{code}.US" in found
    listed = rows(url, "SELECT symbol || '.' || exchange, name, isin FROM assets")
    expected = {
        ticker
        for ticker, called, isin in listed
        if all(word in f"{ticker} {called} {isin or ''}".lower() for word in words)
    }
    assert set(found) == expected
    assert tickers(desk, "--search", "100%_") == []


def test_a_code_comes_before_a_name_that_holds_it(desk: Commands, url: str) -> None:
    codes = [code for (code,) in rows(url, "SELECT symbol FROM assets WHERE exchange = 'US'")]
    early, late = min(codes), max(codes)
    (name,) = rows(url, "SELECT name FROM assets WHERE symbol = %s AND exchange = 'US'", early)[0]
    rename = "UPDATE assets SET name = %s WHERE symbol = %s AND exchange = 'US'"
    rows(url, rename, f"The {late} fund", early)
    try:
        found = tickers(desk, "--search", late, "--exchange", "US")
        assert found.index(f"{late}.US") == 0
        assert f"{early}.US" in found
    finally:
        rows(url, rename, name, early)


def test_types_exchanges_and_watchlists_narrow_and_unknown_ones_are_named(
    desk: Commands, url: str
) -> None:
    (kind, count) = rows(
        url, "SELECT asset_type, count(*) FROM assets GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    )[0]
    assert len(tickers(desk, "--type", kind.upper())) == count
    wrong = desk.run("assets", "--type", "Stock")
    assert wrong.code == 2
    assert "no asset is of type 'Stock'; there are: " in wrong.stderr
    assert kind in wrong.stderr
    assert desk.run("assets", "--exchange", "XX").code == 2
    assert "no watchlist none" in desk.run("assets", "--watchlist", "none").stderr
    mine = tickers(desk, "--exchange", "LSE")[:3]
    assert desk.run("watchlist", "create", "mine", *mine).code == 0
    assert tickers(desk, "--watchlist", "mine") == mine


def test_many_assets_are_counted_and_a_hostile_name_is_only_shown(desk: Commands, url: str) -> None:
    execute(
        url,
        "UPDATE assets SET name = E'Evil [red]<b>\\x1b[2J' WHERE id = (SELECT min(id) FROM assets)",
    )
    few = desk.run("assets", "--search", "evil")
    assert "Evil [red]<b>␛[2J" in few.stdout
    assert "\x1b" not in few.stdout
    assert few.stdout.splitlines()[-1] == "1 asset."
    total = value(url, "SELECT count(*) FROM assets")
    many = desk.run("assets", "--limit", "7")
    lines = many.stdout.splitlines()
    assert lines[8] == f"The first 7 of {total:,} assets:"
    by_exchange = rows(url, "SELECT exchange, count(*) FROM assets GROUP BY 1")
    for exchange, count in by_exchange:
        assert f"{exchange} {count:,}" in lines[9]
    states = Counter(row["state"] for row in desk.run("assets", "--json").answer["assets"])
    assert states["no bars"] == total - 5
    assert f"no bars {total - 5:,}" in lines[11]


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("settled_through = '2099-01-01', synced_through = '2099-01-01'", "fresh"),
        ("settled_through = '2001-01-01', synced_through = '2001-01-01'", "stale"),
        ("settled_through = '2099-01-01', synced_through = '2001-01-01'", "stale"),
        ("paused_at = now()", "paused"),
        ("is_followed = false", "not followed"),
        ("is_active = false", "not listed"),
        ("is_delisted = true", "delisted"),
        ("repair_wanted_at = now()", "damaged"),
        ("parked_at = now()", "parked"),
        ("retired_at = now()", "replaced"),
    ],
)
def test_the_state_is_what_status_counts(desk: Commands, change: Any, state: str) -> None:  # noqa: ANN401
    """Of one asset with bars; its columns are put back afterwards."""
    url = desk.environment["DATABASE_URL"]
    asset_id = value(url, "SELECT max(id) FROM assets WHERE last_bar IS NOT NULL")
    kept = (
        "settled_through, synced_through, paused_at, is_followed, is_active, is_delisted,"
        " repair_wanted_at, parked_at, retired_at"
    )
    before = rows(url, f"SELECT {kept} FROM assets WHERE id = %s", asset_id)[0]  # noqa: S608
    try:
        execute(url, f"UPDATE assets SET {change} WHERE id = {asset_id}")  # noqa: S608
        with nexus.connect(url) as db:
            found = {row["asset_id"]: row for row in db.assets(exchange="US").to_pylist()}
            status = db.status()["assets"]
        assert found[asset_id]["state"] == state
        assert found[asset_id]["first_bar"] < found[asset_id]["last_bar"]
        fresh = [row for row in found.values() if row["state"] == "fresh"]
        if state in ("fresh", "stale"):
            assert len(fresh) == status["fresh"]
    finally:
        places = ", ".join(["%s"] * len(before))
        rows(
            url,
            f"UPDATE assets SET ({kept}) = ROW({places}) WHERE id = %s",  # noqa: S608
            *before,
            asset_id,
        )


def test_an_empty_database_says_what_to_run(
    cluster: Cluster, vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with cluster.fresh_database() as url:
        commands = commands_at(tmp_path_factory.mktemp("empty"), vendor, url)
        assert "nexus discover --exchange US" in commands.run("assets").stdout
        assert "nexus discover --exchange US" in commands.run("coverage").stdout
        assert commands.run("exchanges", "--offline").stdout.startswith("0 exchanges, 0 of them")


def test_the_vendors_exchanges_cost_one_call_and_ours_come_first(
    desk: Commands, vendor: Sandbox
) -> None:
    begun = len(vendor.log())
    done = desk.run("exchanges", "--json")
    assert (done.code, done.answer["calls"]) == (0, 1)
    assert [each["endpoint"] for each in vendor.log()[begun:]].count("exchanges-list") == 1
    listed = vendor.ask("/exchanges-list", fmt="json").json()
    found = done.answer["exchanges"]
    assert {row["code"]: row["name"] for row in found} == {r["Code"]: r["Name"] for r in listed}
    assert [(row["code"], bool(row["assets"])) for row in found] == [
        ("LSE", True),
        ("US", True),
        ("AU", False),
    ]
    text = desk.run("exchanges", "--search", "lond").stdout
    assert "1 exchange, 1 of them in the database." in text
    assert "London Exchange" in text


def test_the_list_is_kept_for_days_without_a_network_until_it_is_asked_for_again(
    desk: Commands, url: str, vendor: Sandbox
) -> None:
    assert desk.run("exchanges", "--refresh", "--json").answer["calls"] == 1
    execute(url, "UPDATE vendor_exchanges SET listed_at = now() - interval '3 days'")
    begun = len(vendor.log())
    unreachable = Commands(
        desk.folder, {**desk.environment, "EODHD_BASE_URL": "http://127.0.0.1:9/api"}
    )
    done = unreachable.run("exchanges")
    assert done.code == 0
    assert "As the vendor listed them 3 days ago; again: --refresh (1 call)" in done.stdout
    assert done.stdout == unreachable.run("exchanges", "--offline").stdout
    assert len(vendor.log()) == begun
    refused = unreachable.run("exchanges", "--refresh")
    assert (refused.code, "no connection" in refused.stderr) == (6, True)
    assert desk.run("exchanges", "--refresh", "--offline").code == 2
    execute(url, "INSERT INTO vendor_exchanges VALUES ('GONE', 'shut', '', '', '')")
    again = desk.run("exchanges", "--refresh")
    assert "2 of them in the database, for 1 call." in again.stdout
    assert "GONE" not in again.stdout


def test_without_a_key_or_offline_only_ours_are_listed_and_nothing_is_sent(
    desk: Commands, url: str, vendor: Sandbox
) -> None:
    execute(url, "DELETE FROM vendor_exchanges")
    begun = len(vendor.log())
    done = desk.run("exchanges", "--offline")
    assert done.code == 0
    assert "With --offline only the exchanges in the database are shown." in done.stdout
    keyless = Commands(
        desk.folder, {k: v for k, v in desk.environment.items() if k != "EODHD_API_KEY"}
    )
    done = keyless.run("exchanges")
    assert done.code == 0
    assert "Without a key (EODHD_API_KEY) only" in done.stdout
    assert [each["code"] for each in keyless.run("exchanges", "--json").answer["exchanges"]] == [
        *("LSE", "US")
    ]
    assert len(vendor.log()) == begun


def lists_read(vendor: Sandbox) -> int:
    return [each["endpoint"] for each in vendor.log()].count("exchanges-list")


def test_python_lists_both_and_describes_the_database(
    desk: Commands, url: str, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = lists_read(vendor)
    monkeypatch.setattr(logging.root, "handlers", [])
    for name, setting in desk.environment.items():
        monkeypatch.setenv(name, setting)
    with nexus.connect(url) as db:
        own = db.exchanges()
        assert own["code"].to_pylist() == ["LSE", "US"]
        assert own["with_bars"].to_pylist() == [0, 5]
        execute(url, "DELETE FROM vendor_exchanges")
        for given in ({"vendor": True}, {"vendor": True}, {"refresh": True}):
            assert db.exchanges(**given)["code"].to_pylist() == ["LSE", "US", "AU"]
        assert lists_read(vendor) == calls + 2, "the second one was kept"
        loaded = db.assets("", exchange="US").to_pylist()
        with_bars = [row["symbol"] for row in loaded if row["last_bar"]]
        assert len(db.bars(with_bars)) == 100
        assert len(db.bars(db.assets(with_bars[0]))) == 20
        assert repr(db).startswith("<database on a server: ")
        assert "LSE, US, 5 with bars to 2026-11-" in repr(db)
        assert "postgres" not in repr(db)
        execute(url, "UPDATE assets SET exchange = 'LSE<i>' WHERE exchange = 'LSE'")
        page = db._repr_html_()
        execute(url, "UPDATE assets SET exchange = 'LSE' WHERE exchange = 'LSE<i>'")
    assert "LSE&lt;i&gt;" in page
    assert "<i>" not in page
    assert len(repr(db)) < 300
