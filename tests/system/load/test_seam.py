"""A split, a dividend or a restatement reaches every stored bar at the next ordinary re-read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from data_nexus.domain.planning.suspicion import CONFIRMING_READINGS, Reason
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute, rows, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes, differences, truth
from tests.system.conftest import Placed

SYMBOLS = 12
LAST, NEXT = "2026-11-06", "2026-11-09"


@contextmanager
def vendor_on_friday() -> Iterator[Sandbox]:
    """A vendor on a Tuesday evening, with five years of bars up to the Friday before."""
    options = {"symbols": SYMBOLS, "years": 5, "clean": True, "minute_limit": 1_000_000}
    with sandbox(now="2026-11-10T22:00:00", **options) as running:  # type: ignore[arg-type]
        running.post("/publish", {"exchange": "US", "date": LAST})
        yield running


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    with vendor_on_friday() as running:
        yield running


@pytest.fixture(scope="module")
def loaded_once(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database that holds all that such a vendor has."""
    with cluster.fresh_database() as url, vendor_on_friday() as vendor:
        add_assets(url, *codes(vendor))
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
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


def catch_up(commands: Commands, vendor: Sandbox) -> tuple[dict[str, Any], Counter[str]]:
    """Bring all up to date; the run's figures, and how often each symbol was asked for."""
    begun = len(vendor.log())
    done = commands.run("backfill", "--no-limit", "--days-old", "0", "--json")
    assert done.code == 0, done.stderr
    log = vendor.log()[begun:]
    return done.answer, Counter(entry["symbol"] for entry in log if entry["endpoint"] == "eod")


def served(vendor: Sandbox) -> set[tuple[Any, ...]]:
    """Every bar that the vendor serves now."""
    return set(zip(*(column.to_pylist() for column in truth(vendor).columns), strict=True))


def publish_next(vendor: Sandbox) -> Counter[str]:
    """Publish the next session; the symbols that have an action on it, ours and the tape's own."""
    before = served(vendor)
    vendor.post("/publish", {"exchange": "US", "date": NEXT})
    return Counter({bar[0] for bar in before - served(vendor)})


def assert_true(url: str, vendor: Sandbox) -> None:
    """What is stored is what the vendor says now, in every column."""
    counts = differences(url, truth(vendor))
    assert (counts["lost"], counts["invented"]) == (0, 0)


@pytest.mark.parametrize(
    "action",
    [{"split": "4/1"}, {"split": "1/15"}, {"split": "1398/1000"}, {"dividend": 0.5}],
    ids=str,
)
def test_an_action_is_seen_at_the_seam_and_the_whole_history_read_again(
    commands: Commands, vendor: Sandbox, database_url: str, action: dict[str, Any]
) -> None:
    vendor.post("/actions", {"symbol": "AAPL.US", "date": NEXT, **action})
    rebased = publish_next(vendor)
    assert "AAPL.US" in rebased
    figures, asked = catch_up(commands, vendor)
    assert asked == Counter(f"{code}.US" for code in codes(vendor)) + rebased
    assert figures["reread"] == len(rebased) < SYMBOLS / 2
    assert_true(database_url, vendor)


def test_a_restatement_within_the_window_has_the_whole_history_read_again(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """One that lies farther back, too: where one bar was restated, others may have been."""
    old = "SELECT date::text, close FROM bars WHERE ticker = 'AAPL.US' AND date < '2023-01-01'"
    day, close = rows(database_url, old + " ORDER BY date DESC LIMIT 1")[0]
    for when, price in ((day, close + 1), ("2026-11-05", 77.25)):
        vendor.post("/restate", {"symbol": "AAPL.US", "date": when, "close": price})
    figures, _ = catch_up(commands, vendor)
    assert figures["reread"] == 1
    assert_true(database_url, vendor)
    kept = "SELECT date::text FROM market_data_revisions ORDER BY date"
    assert rows(database_url, kept) == [(day,), ("2026-11-05",)]


def test_a_correction_of_the_last_session_alone_costs_one_call(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    vendor.post("/restate", {"symbol": "AAPL.US", "date": LAST, "volume": 123456.0})
    figures, asked = catch_up(commands, vendor)
    assert (figures["reread"], figures["revised"], asked["AAPL.US"]) == (0, 1, 1)
    assert_true(database_url, vendor)


def test_nothing_is_written_when_the_whole_history_cannot_be_had(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """The seam stays broken in the database as well, so that the next run sees it again."""
    vendor.post("/actions", {"symbol": "AAPL.US", "date": NEXT, "split": "4/1"})
    vendor.post("/publish", {"exchange": "US", "date": NEXT})
    stored = "SELECT max(date)::text, sum(close) FROM bars WHERE ticker = 'AAPL.US'"
    before = rows(database_url, stored)
    gone = {"kind": "status", "status": 503, "symbol": "AAPL.US"}
    # The first answer, of the last days, comes; the second does not.
    vendor.post("/faults", {"kind": "unordered", "symbol": "AAPL.US", "times": 1})
    vendor.post("/faults", gone)
    done = commands.run("backfill", "--no-limit", "--days-old", "0", "--json", attempts=2)
    assert (done.code, done.answer["failed"]) == (3, 1)
    assert rows(database_url, stored) == before
    vendor.delete("/faults")
    catch_up(commands, vendor)
    assert_true(database_url, vendor)


def test_only_new_actions_have_histories_asked_for_as_a_whole_again(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    for _ in range(2):
        rebased = publish_next(vendor)
        figures, asked = catch_up(commands, vendor)
        assert figures["reread"] == len(rebased)
        assert asked.total() == SYMBOLS + len(rebased)
        assert_true(database_url, vendor)
    assert rebased == Counter(), "nothing was published the second time"
    assert value(database_url, "SELECT count(*) FROM market_data_revisions") == 0


LOST = {
    "all of it": "true",
    "the last bars": "date >= '2026-10-01'",
    "the last bar": "date = '2026-11-06'",
    "one bar in the overlap": "date = '2026-11-03'",
    "all but the last bar": "date < '2026-11-06'",
}


@pytest.mark.parametrize("where", LOST.values(), ids=LOST)
def test_stored_bars_that_are_lost_are_seen_at_the_next_re_read_and_stored_again(
    commands: Commands, vendor: Sandbox, database_url: str, where: str
) -> None:
    aapl = f"FROM market_data WHERE asset_id = 1 AND {where}"
    lost = rows(database_url, f"SELECT count(*) {aapl}")[0][0]
    rows(database_url, f"DELETE {aapl}")
    figures, asked = catch_up(commands, vendor)
    assert (figures["reread"], figures["inserted"]) == (1, lost)
    assert asked.total() == SYMBOLS + 1
    assert_true(database_url, vendor)
    assert value(database_url, "SELECT sum(lost)::int FROM sync_log") == lost
    assert not any(broken_invariants(PostgresConnection(database_url)).values())
    figures, asked = catch_up(commands, vendor)
    assert (figures["reread"], asked.total()) == (0, SYMBOLS), "once is enough"


def test_bars_that_are_lost_far_before_the_overlap_are_found_by_verify_and_repaired(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    rows(database_url, "DELETE FROM market_data WHERE asset_id = 1 AND date < '2026-06-01'")
    catch_up(commands, vendor)
    done = commands.run("verify", "--json")
    name = "stored bars are those of the sync log"
    assert (done.code, done.answer["broken"]) == (8, {name: ["AAPL.US"]})
    done = commands.run("repair", "--json")
    assert (done.code, done.answer["total_assets"], done.answer["left"]) == (0, 1, 0)
    assert_true(database_url, vendor)
    assert not any(broken_invariants(PostgresConnection(database_url)).values())


@pytest.mark.parametrize("day", ["2026-11-01", "2021-12-25"], ids=["in the overlap", "long ago"])
def test_a_stored_bar_that_the_vendor_sends_no_more_is_withdrawn(
    commands: Commands, vendor: Sandbox, database_url: str, day: str
) -> None:
    """A session that was none. Long ago, only a whole history shows it."""
    rows(database_url, "INSERT INTO market_data VALUES (1, %s, 9, 9, 9, 9, 9, 9)", day)
    rows(
        database_url,
        "UPDATE sync_log SET inserted = inserted + 1, received = received + 1 WHERE asset_id = 1",
    )
    if day < "2026":
        assert commands.run("verify", "--symbols", "AAPL.US", "--deep", "--json").code == 8
        figures = commands.run("repair", "--json").answer
    else:
        figures, asked = catch_up(commands, vendor)
        assert (figures["reread"], asked["AAPL.US"]) == (1, 2), "it takes two answers"
    assert (figures["withdrawn"], figures["doubted"], figures["inserted"]) == (1, 0, 0)
    assert_true(database_url, vendor)
    assert commands.run("verify", "--json").code == 0
    changes = commands.run("changes", "--since", "2020-01-01", "--json").answer
    assert changes["counts"]["withdrawn"] == 1
    assert changes["withdrawn"][0]["date"] == day
    figures, asked = catch_up(commands, vendor)
    assert (figures["reread"], asked.total()) == (0, SYMBOLS), "once is enough"


def test_an_empty_answer_once_costs_a_loaded_asset_one_call_and_no_day(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    nothing = {"kind": "hostile_json", "body": "[]", "endpoint": "eod", "symbol": "AAPL.US"}
    vendor.post("/faults", {**nothing, "times": 1})
    figures, asked = catch_up(commands, vendor)
    assert (figures["absent"], figures["reread"], asked["AAPL.US"]) == (0, 1, 2)
    resting = "SELECT count(*) FROM assets WHERE ask_after IS NOT NULL"
    assert value(database_url, resting) == 0
    vendor.post("/faults", nothing)
    figures, asked = catch_up(commands, vendor)
    assert (figures["absent"], asked["AAPL.US"]) == (1, 2), "said twice, it is believed"
    assert value(database_url, resting) == 1
    assert_true(database_url, vendor)


def test_a_stray_bar_ahead_of_its_time_does_not_keep_the_asset_from_its_history(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """All windows that begin before it are empty until the vendor's sessions reach it."""
    stray = "'2026-11-25', 1, 1, 1, 1, 1, 1"
    execute(
        database_url,
        f"INSERT INTO market_data VALUES (1, {stray})",  # noqa: S608
        "UPDATE assets SET last_bar = '2026-11-25', synced_through = '2026-11-25' WHERE id = 1",
    )
    vendor.post("/publish", {"exchange": "US", "date": NEXT})
    figures, _ = catch_up(commands, vendor)
    assert figures["absent"] == 0
    last = "SELECT count(*) FROM market_data WHERE asset_id = 1 AND date = '2026-11-09'"
    assert value(database_url, last) == 1


def test_the_backfill_that_breaks_an_invariant_ends_with_8_and_names_the_asset(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """A trigger swallows a row, as a broken index or a replica that lags could."""
    execute(
        database_url,
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN CASE WHEN NEW.date < ''2026-11-09'' THEN NEW END; END'",
        "CREATE TRIGGER swallowing BEFORE INSERT ON market_data FOR EACH ROW"
        " WHEN (NEW.asset_id = 2) EXECUTE FUNCTION swallow()",
    )
    vendor.post("/publish", {"exchange": "US", "date": NEXT})
    done = commands.run("backfill", "--no-limit", "--days-old", "0")
    (symbol,) = rows(database_url, "SELECT symbol || '.' || exchange FROM assets WHERE id = 2")[0]
    assert done.code == 8
    assert f"{symbol}: broken: no cursor is ahead of its rows" in done.stderr
    assert "nexus repair" in done.stderr
    assert "no cursor" in value(database_url, "SELECT outcome FROM runs ORDER BY id DESC LIMIT 1")
    execute(database_url, "DROP TRIGGER swallowing ON market_data")
    assert commands.run("repair", "--symbols", symbol).code == 0
    assert not any(broken_invariants(PostgresConnection(database_url)).values())


def test_a_history_that_moves_like_another_asset_s_is_not_believed_for_a_week(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """The bars stay, and the asset is suspected; the next answer of its own ends that."""
    code = next(each for each in codes(vendor) if each != "AAPL")
    vendor.post("/faults", {"kind": "other_symbol", "endpoint": "eod", "symbol": f"{code}.US"})
    figures, _ = catch_up(commands, vendor)
    assert (figures["revised"], figures["inserted"]) == (0, 0)
    suspected = "SELECT a.symbol, s.reason FROM suspicions s JOIN assets a ON a.id = s.asset_id"
    assert (code, str(Reason.ANOTHER)) in rows(database_url, suspected)
    assert_true(database_url, vendor)
    vendor.delete("/faults")
    execute(database_url, "UPDATE suspicions SET read_after = now()")
    assert commands.run("repair", "--symbols", f"{code}.US").code == 0
    assert rows(database_url, suspected) == []
    assert_true(database_url, vendor)


def test_a_vendor_that_stays_with_another_history_is_right_after_a_week(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    code = next(each for each in codes(vendor) if each != "AAPL")
    vendor.post("/faults", {"kind": "other_symbol", "endpoint": "eod", "symbol": f"{code}.US"})
    revised = []
    for _ in range(CONFIRMING_READINGS + 1):
        revised.append(catch_up(commands, vendor)[0]["revised"])
        execute(database_url, "UPDATE suspicions SET read_after = now()")
    assert revised[:-1] == [0] * CONFIRMING_READINGS
    assert revised[-1] > 1000
    assert not any(broken_invariants(PostgresConnection(database_url)).values())
