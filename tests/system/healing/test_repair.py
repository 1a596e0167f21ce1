"""What was lost or changed behind the engine's back is found and made the vendor's again."""

from __future__ import annotations

from pathlib import Path

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import Commands, Finished, commands_at
from tests.support.vendor.histories import bars_of, day, is_true
from tests.support.vendor.sandbox import Sandbox
from tests.system.healing.conftest import SYMBOLS

REVISIONS = "SELECT date::text, close FROM market_data_revisions ORDER BY asset_id, date"
MARKED = "SELECT count(*) FROM assets WHERE repair_wanted_at IS NOT NULL"


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


def loaded(url: str) -> int:
    """How many assets have bars."""
    return int(value(url, "SELECT count(*) FROM assets WHERE last_bar IS NOT NULL"))


def test_what_was_found_damaged_stays_a_finding_of_verify_until_it_is_mended(
    commands: Commands, database_url: str
) -> None:
    execute(database_url, "UPDATE assets SET repair_wanted_at = now() WHERE id = 2")
    for _ in range(2):
        found = commands.run("verify")
        assert found.code == 8
        assert "no history waits for a repair: broken for 1 asset" in found.stdout
    assert commands.run("repair").code == 0
    assert commands.run("verify").code == 0


def test_an_asset_without_bars_is_nothing_to_repair(commands: Commands, database_url: str) -> None:
    execute(database_url, "INSERT INTO assets (symbol, exchange) VALUES ('NONE', 'US')")
    done = commands.run("repair", "--symbols", "NONE.US")
    assert done.code == 2
    assert "nothing to repair: 1 of 1 assets lack bars" in done.stderr
    assert (
        value(database_url, "SELECT count(*) FROM assets WHERE repair_wanted_at IS NOT NULL") == 0
    )


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


def test_a_second_repair_finds_nothing_and_asks_nothing(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    damage(database_url)
    symbols = ",".join(r[0] for r in rows(database_url, "SELECT ticker FROM bars GROUP BY ticker"))
    assert commands.run("repair", "--symbols", symbols).code == 0
    assert is_true(database_url, vendor)
    begun = len(vendor.log())
    done = commands.run("repair")
    assert (done.code, done.stdout) == (0, "No history waits for a repair.\n")
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
    assert "No history waits" not in done.stdout


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
