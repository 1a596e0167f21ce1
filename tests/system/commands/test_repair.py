"""What was lost or changed behind the engine's back is found and made the vendor's again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from data_nexus.domain.planning.suspicion import Reason
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import Commands, Finished, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth
from tests.system.conftest import Placed

SYMBOLS = 12
REVISIONS = "SELECT date::text, close FROM market_data_revisions ORDER BY asset_id, date"
MARKED = "SELECT count(*) FROM assets WHERE repair_wanted_at IS NOT NULL"


@pytest.fixture(scope="module")
def vendor_once() -> Iterator[Sandbox]:
    options = {"symbols": SYMBOLS, "bars_per_symbol": 100, "clean": True}
    with sandbox(minute_limit=1_000_000, **options) as running:  # type: ignore[arg-type]
        yield running


@pytest.fixture
def vendor(vendor_once: Sandbox) -> Iterator[Sandbox]:
    yield vendor_once
    vendor_once.delete("/faults")
    vendor_once.post("/limits", {"daily": 100_000})


@pytest.fixture(scope="module")
def loaded_once(
    cluster: Cluster, vendor_once: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with cluster.fresh_database() as url:
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor_once, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        assert commands.run("backfill", "--no-limit").code == 0
        yield url


@pytest.fixture
def database_url(cluster: Cluster, loaded_once: str) -> Iterator[str]:
    with cluster.fresh_database(filled=loaded_once) as url:
        yield url


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed) -> Commands:
    return commands_for(vendor)


def day(url: str, asset_id: int, number: int) -> str:
    """The date of an asset's bar by its number."""
    query = "SELECT date::text FROM market_data WHERE asset_id = %s ORDER BY date OFFSET %s LIMIT 1"
    return str(value(url, query, asset_id, number))


def damage(url: str) -> list[tuple[str, float]]:
    """Delete a bar in the middle of one history and edit one of another; the edited one."""
    rows(url, "DELETE FROM market_data WHERE asset_id = 1 AND date = %s", day(url, 1, 50))
    edited = day(url, 2, 40)
    rows(url, "UPDATE market_data SET close = 7 WHERE asset_id = 2 AND date = %s", edited)
    return [(edited, 7.0)]


def asked(vendor: Sandbox, begun: int) -> list[str]:
    """The histories that the vendor was asked for since."""
    return [each["symbol"] for each in vendor.log()[begun:] if each["endpoint"] == "eod"]


def deep(commands: Commands, *arguments: str) -> Finished:
    return commands.run("verify", "--deep", "--json", *arguments)


def is_true(url: str, vendor: Sandbox) -> bool:
    """Whether all bars are the vendor's, and nothing that is said of them is broken."""
    found = differences(url, truth(vendor))
    is_sound = not any(broken_invariants(PostgresConnection(url)).values())
    return is_sound and (found["lost"], found["invented"]) == (0, 0)


def test_a_history_that_looks_like_another_asset_s_is_no_damage_to_be_repaired(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """The vendor, or something on the way, mixes two assets up for a while."""
    ticker, asset_id = rows(
        database_url,
        "SELECT symbol || '.US', id FROM assets WHERE symbol <> 'AAPL' ORDER BY id LIMIT 1",
    )[0]
    before = bars_of(database_url)
    vendor.post("/faults", {"kind": "other_symbol", "endpoint": "eod", "symbol": ticker})
    found = commands.run("verify", "--deep", "--symbols", ticker)
    assert found.code == 3
    assert f"{ticker}: what was sent looks like another asset's" in found.stdout
    assert commands.run("repair").code == 0
    assert bars_of(database_url) == before, "nothing is marked"
    execute(database_url, f"UPDATE assets SET repair_wanted_at = now() WHERE id = {asset_id}")  # noqa: S608
    assert commands.run("repair").code == 3, "nor believed where it is"
    assert bars_of(database_url) == before
    vendor.delete("/faults")
    assert commands.run("repair").code == 0
    assert bars_of(database_url) == before


def test_a_bar_deleted_or_edited_by_hand_is_found_and_healed_and_its_value_kept(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    edited = damage(database_url)
    symbols = [row[0] for row in rows(database_url, "SELECT symbol FROM assets ORDER BY id")]
    before, begun = bars_of(database_url), len(vendor.log())
    found = deep(commands, "--no-limit")
    status = commands.run("status", "--json").answer["assets"]
    assert (status["damaged"], status["fresh"]) == (2, loaded(database_url) - 2)
    assert len(asked(vendor, begun)) == SYMBOLS + 3, "one call an asset, and the checks' own"
    assert bars_of(database_url) == before, "it writes nothing"
    assert found.code == 8
    none = {"withdrawn": 0, "doubted": 0, "is_of_another": False}
    deleted, changed = {"missing": 1, "changed": 0} | none, {"missing": 0, "changed": 1} | none
    differing = sorted(found.answer["deep"].pop("differing"), key=lambda each: -each["missing"])
    assert differing == [
        {"symbol": f"{symbols[0]}.US", **deleted},
        {"symbol": f"{symbols[1]}.US", **changed},
    ]
    begun = len(vendor.log())
    repaired = commands.run("repair", "--json")
    assert repaired.code == 0, repaired.stderr
    figures = {key: repaired.answer[key] for key in ("total_assets", "inserted", "revised", "left")}
    assert figures == {"total_assets": 2, "inserted": 1, "revised": 1, "left": 0}
    assert sorted(asked(vendor, begun)) == sorted(f"{code}.US" for code in symbols[:2])
    assert rows(database_url, REVISIONS) == edited
    assert is_true(database_url, vendor)
    assert deep(commands, "--no-limit").code == 0


def bars_of(url: str) -> list[tuple[Any, ...]]:
    return rows(url, "SELECT * FROM market_data ORDER BY asset_id, date")


def loaded(url: str) -> int:
    """How many assets have bars."""
    return int(value(url, "SELECT count(*) FROM assets WHERE last_bar IS NOT NULL"))


def test_a_second_repair_finds_nothing_and_asks_nothing(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    damage(database_url)
    symbols = ",".join(r[0] for r in rows(database_url, "SELECT ticker FROM bars GROUP BY ticker"))
    assert commands.run("repair", "--symbols", symbols).code == 0
    assert is_true(database_url, vendor)
    begun = len(vendor.log())
    done = commands.run("repair")
    assert (done.code, done.stdout) == (0, "Nothing is due.\n")
    assert vendor.log()[begun:] == []


def test_a_page_that_no_repair_can_mend_is_named_instead_of_nothing_is_due(
    tmp_path: Path, vendor: Sandbox, cluster: Cluster, database_url: str
) -> None:
    path = value(database_url, "SELECT pg_relation_filepath('market_data')")
    with cluster.fresh_database(filled=database_url) as copy:
        name = copy.rpartition("/")[2].partition("?")[0]
        oid = value(cluster.url, "SELECT oid::text FROM pg_database WHERE datname = %s", name)
        folder = Path(value(cluster.url, "SHOW data_directory"))
        # Nobody has read the copy: no page of it is in the server's memory.
        with (folder / "base" / oid / Path(path).name).open("r+b") as file:
            file.seek(4000)
            file.write(b"\xff" * 64)
        done = commands_at(tmp_path, vendor, copy).run("repair")
    assert done.code == 7
    assert "the table market_data is damaged: invalid page" in " ".join(done.stderr.split())
    assert "Nothing is due" not in done.stdout


def test_a_repair_that_is_cut_short_is_continued(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    damage(database_url)
    done = commands.run("repair", "--exchange", "US", "--limit", "5", "--json")
    assert (done.code, done.answer["synced"], done.answer["left"]) == (3, 5, SYMBOLS - 5)
    begun = len(vendor.log())
    done = commands.run("repair", "--json")
    assert (done.code, done.answer["synced"], done.answer["left"]) == (0, SYMBOLS - 5, 0)
    assert len(asked(vendor, begun)) == SYMBOLS - 5
    assert is_true(database_url, vendor)


def test_what_the_vendor_does_not_answer_stays_marked(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    damage(database_url)
    (symbol,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 1")[0]
    vendor.post("/faults", {"kind": "status", "status": 503, "symbol": symbol})
    done = commands.run("repair", "--symbols", symbol, "--json", attempts=1)
    assert (done.code, done.answer["left"]) == (3, 1)
    vendor.delete("/faults")
    assert commands.run("repair").code == 0
    assert value(database_url, MARKED) == 0


def test_a_comparison_names_its_price_and_does_not_begin_without_it(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    execute(database_url, "DELETE FROM quota_ledger")
    vendor.post("/limits", {"daily": SYMBOLS + 5})
    begun = len(vendor.log())
    done = deep(commands, "--no-limit")
    assert f"{SYMBOLS} calls" in done.stderr
    assert done.code == 4
    assert asked(vendor, begun) == []


def test_symbols_and_a_number_bound_a_comparison(commands: Commands, database_url: str) -> None:
    (symbol,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 2")[0]
    for arguments, compared in ((["--symbols", symbol], 1), (["--limit", "3"], 3)):
        assert deep(commands, *arguments).answer["deep"]["compared"] == compared
    assert deep(commands, "--symbols", "NONE.US").code == 2
    assert commands.run("verify", "--symbols", symbol).code == 2
    assert commands.run("repair", "--symbols", symbol, "--exchange", "US").code == 2


def test_a_person_is_shown_what_is_broken_and_what_mends_it(
    commands: Commands, database_url: str
) -> None:
    damage(database_url)
    (symbol,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 1")[0]
    done = commands.run("verify")
    assert done.code == 8
    line = (
        f"FAIL stored bars are those of the sync log: broken for 1 asset ({symbol}); nexus repair"
    )
    assert line in " ".join(done.stdout.split())


def send_without(vendor: Sandbox, symbol: str, lacking: set[str]) -> None:
    """Send an asset's history without the bars of some days."""
    sent = vendor.ask(f"/eod/{symbol}", fmt="json").json()
    left = [each for each in sent if each["date"] not in lacking]
    assert len(left) == len(sent) - len(lacking)
    vendor.post("/faults", {"kind": "hostile_json", "symbol": symbol, "body": json.dumps(left)})


@pytest.mark.parametrize("place", ["WHERE number BETWEEN 40 AND 79", "WHERE number > 85"])
def test_lost_bars_that_the_vendor_does_not_send_stay_missing_until_it_does(
    commands: Commands, vendor: Sandbox, database_url: str, place: str
) -> None:
    """A partial answer is no proof that they never were: in the middle, or the last ones."""
    (symbol,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 1")[0]
    numbered = (
        "SELECT date, row_number() OVER (ORDER BY date) AS number FROM market_data"
        " WHERE asset_id = 1"
    )
    lost = {
        str(day)
        for (day,) in rows(
            database_url,
            f"DELETE FROM market_data WHERE asset_id = 1 AND date IN"  # noqa: S608
            f" (SELECT date FROM ({numbered}) AS n {place}) RETURNING date",
        )
    }
    assert len(lost) >= 10
    send_without(vendor, symbol, lost)
    for _ in range(3):
        done = commands.run("repair", "--symbols", symbol, "--json")
        assert (done.code, done.answer["left"]) == (3, 1)
        broken = broken_invariants(PostgresConnection(database_url))
        assert [name for name, ids in broken.items() if ids] == [
            "stored bars are those of the sync log"
        ]
        assert commands.run("status", "--json").answer["assets"]["damaged"] == 1
        suspected = "SELECT reason FROM suspicions WHERE asset_id = 1 ORDER BY reason"
        assert (Reason.LOST,) in rows(database_url, suspected)
    vendor.delete("/faults")
    done = commands.run("repair", "--json")
    assert (done.code, done.answer["inserted"], done.answer["left"]) == (0, len(lost), 0)
    assert is_true(database_url, vendor)
    assert value(database_url, "SELECT count(*) FROM suspicions") == 0


def test_lost_bars_that_are_not_sent_for_a_week_are_lost_for_good(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    (symbol,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 1")[0]
    lost = {day(database_url, 1, number) for number in range(40, 45)}
    rows(
        database_url,
        "DELETE FROM market_data WHERE asset_id = 1 AND date = ANY (%s::date[])",
        [*lost],
    )
    send_without(vendor, symbol, lost)
    left = []
    for _ in range(6):
        left.append(commands.run("repair", "--symbols", symbol, "--json").answer["left"])
        execute(database_url, "UPDATE suspicions SET read_after = now()")
    assert left == [1, 1, 1, 1, 0, 0]
    assert value(database_url, "SELECT sum(lost) FROM sync_log") == len(lost)
    assert not any(broken_invariants(PostgresConnection(database_url)).values())
    assert value(database_url, "SELECT count(*) FROM suspicions") == 0


def test_a_repair_of_lost_bars_does_not_believe_another_asset_s_history(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """But one of bars that are all there does: an edited history is made the vendor's."""
    rows(
        database_url,
        "DELETE FROM market_data WHERE asset_id = 1 AND date = %s",
        day(database_url, 1, 50),
    )
    (symbol,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 1")[0]
    (other,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 2")[0]
    fault = {"kind": "other_symbol", "endpoint": "eod", "symbol": symbol, "other": other}
    vendor.post("/faults", fault)
    done = commands.run("repair", "--symbols", symbol, "--json")
    assert (done.code, done.answer["revised"], done.answer["left"]) == (3, 0, 1)
    vendor.delete("/faults")
    assert commands.run("repair", "--json").code == 0
    assert is_true(database_url, vendor)
    execute(database_url, "UPDATE market_data SET close = 7 + random() WHERE asset_id = 1")
    assert commands.run("repair", "--symbols", symbol).code == 0
    assert is_true(database_url, vendor)


def test_lost_bars_are_lost_for_good_once_a_person_has_accepted_it(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """Also of an asset that the vendor does not know any more."""
    (symbol,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 1")[0]
    gone = "DELETE FROM market_data WHERE asset_id = 1 AND date = %s RETURNING date"
    rows(database_url, gone, day(database_url, 1, 50))
    vendor.post("/faults", {"kind": "status", "status": 404, "endpoint": "eod", "symbol": symbol})
    assert commands.run("repair", "--symbols", symbol).code == 3
    assert commands.run("suspicions", "accept", symbol).code == 0
    assert commands.run("repair").code == 0
    assert value(database_url, "SELECT sum(lost) FROM sync_log") == 1
    assert not any(broken_invariants(PostgresConnection(database_url)).values())
    assert value(database_url, "SELECT count(*) FROM suspicions") == 0
