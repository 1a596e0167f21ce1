"""The nightly update keeps the symbol lists, at one call a list and week; none spoils a night."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from data_nexus.errors import CredentialsRefused, QuotaSpent
from data_nexus.events import Event, Retried, Warned, ignore
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.reports.run_report import RunReport
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import commands_at
from tests.support.vendor.nights import load_all, update_at, without_actions
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth

SYMBOLS = 30
LIST, CHANGES = "exchange-symbol-list", "symbol-change-history"
# The week in which the lists were read, on a Saturday morning; each night ends in a morning.
SATURDAY = datetime(2026, 11, 7, 12, tzinfo=UTC)
FRIDAY, MONDAY, NEXT_FRIDAY, LAST_MONDAY = "2026-11-06", "2026-11-09", "2026-11-13", "2026-11-16"


@contextmanager
def vendor_on_friday() -> Iterator[Sandbox]:
    options = {"symbols": SYMBOLS, "bars_per_symbol": 25, "clean": True}
    with sandbox(now="2026-11-10T22:00:00", minute_limit=1_000_000, **options) as running:  # type: ignore[arg-type]
        publish(running, FRIDAY)
        yield running


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    with vendor_on_friday() as running:
        yield running


@pytest.fixture(scope="module")
def loaded_once(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database that holds all that such a vendor has, its lists as of Saturday."""
    with cluster.fresh_database() as url, vendor_on_friday() as vendor:
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
        assert commands.run("discover", "--delisted").code == 0
        load_all(vendor, url)
        without_actions(vendor, url)
        execute(url, "DELETE FROM quota_ledger", "UPDATE listings SET from_moment = '2026-11-07'")
        read_at(url, SATURDAY)
        yield url


@pytest.fixture
def loaded(cluster: Cluster, loaded_once: str) -> Iterator[str]:
    """The URL of a copy of it, as if nobody had ever asked for the dead."""
    with cluster.fresh_database(filled=loaded_once) as url:
        execute(url, "DELETE FROM discoveries WHERE is_delisted")
        yield url


def publish(vendor: Sandbox, day: str) -> None:
    vendor.post("/publish", {"exchange": "US", "date": day})


def read_at(url: str, moment: datetime) -> None:
    """Let the lists have been read at a moment."""
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE discoveries SET moment = %s", [moment])


def night_of(
    session: str, vendor: Sandbox, url: str, *, list_days: float = 7, attempts: int = 4
) -> RunReport:
    """Publish a session, and update on the next morning."""
    publish(vendor, session)
    now = morning_after(session)
    return update_at(now, vendor, url, list_days=list_days, attempts=attempts)


def morning_after(session: str) -> datetime:
    return datetime.fromisoformat(f"{session}T12:00:00+00:00") + timedelta(days=1)


def asked(vendor: Sandbox, since: int) -> Counter[str]:
    """The requests since a number of them, by endpoint."""
    return Counter(entry["endpoint"] for entry in vendor.log()[since:])


def apart_from_actions(figures: dict[str, Any]) -> int:
    """The calls of an update, without those for histories and actions that had changed."""
    return int(figures["calls"] - figures["reread"] - 2 * figures["actions"])


def assert_true(url: str, vendor: Sandbox) -> None:
    """What is stored is what the vendor says now, in every column."""
    counts = differences(url, truth(vendor))
    assert (counts["lost"], counts["invented"]) == (0, 0)


def asset_id(url: str, code: str) -> int:
    found: int = value(url, "SELECT id FROM assets WHERE symbol = %s AND retired_at IS NULL", code)
    return found


def test_a_list_is_read_again_when_it_is_a_week_old_and_not_before(
    vendor: Sandbox, loaded: str
) -> None:
    found = []
    for session in (MONDAY, NEXT_FRIDAY, LAST_MONDAY):
        begun = len(vendor.log())
        figures = night_of(session, vendor, loaded).as_dict()
        lists = asked(vendor, begun)[LIST]
        found.append(lists)
        assert apart_from_actions(figures) == SYMBOLS + lists
        assert_true(loaded, vendor)
    assert found == [0, 1, 0]


def test_what_a_list_brought_is_told(vendor: Sandbox, loaded: str, tmp_path: Path) -> None:
    figures = night_of(NEXT_FRIDAY, vendor, loaded).as_dict()
    [told] = figures["lists"]
    assert (told["exchange"], told["unchanged"], told["calls"]) == ("US", SYMBOLS, 1)
    read_at(loaded, SATURDAY)
    publish(vendor, LAST_MONDAY)
    # By the real clock, weeks after that Saturday.
    said = commands_at(tmp_path, vendor, loaded).run("update").stdout
    assert f"US: 0 added, 0 reactivated, 0 deactivated, 0 updated, {SYMBOLS} unchanged" in said


def test_a_night_that_begins_some_minutes_earlier_is_a_week_later_all_the_same(
    vendor: Sandbox, loaded: str
) -> None:
    read_at(loaded, SATURDAY + timedelta(minutes=5))
    assert len(night_of(NEXT_FRIDAY, vendor, loaded).as_dict()["lists"]) == 1


def test_at_zero_days_it_is_read_on_every_night_with_a_session(
    vendor: Sandbox, loaded: str
) -> None:
    found = [
        len(night_of(session, vendor, loaded, list_days=0).as_dict()["lists"])
        for session in (MONDAY, "2026-11-10")
    ]
    assert found == [1, 1]


def test_a_new_listing_is_found_and_loaded_the_same_night(vendor: Sandbox, loaded: str) -> None:
    new = {"symbol": "NEWCO.US", "name": "Newco Inc", "venue": "NYSE", "date": "2026-11-12"}
    vendor.post("/list", {"action": "list", **new})
    figures = night_of(NEXT_FRIDAY, vendor, loaded).as_dict()
    assert figures["lists"][0]["added"] == 1
    assert apart_from_actions(figures) == 1 + SYMBOLS + 1
    assert value(loaded, "SELECT count(*) FROM assets WHERE synced_through IS NULL") == 0
    assert_true(loaded, vendor)


def test_a_rename_moves_the_symbol_and_what_vanished_is_asked_for_no_more(
    vendor: Sandbox, loaded: str
) -> None:
    known = asset_id(loaded, "MSFT")
    vendor.post("/list", {"action": "rename", "symbol": "MSFT.US", "to": "SOFT"})
    vendor.post("/list", {"action": "remove", "symbol": "TSLA.US"})
    begun = len(vendor.log())
    figures = night_of(NEXT_FRIDAY, vendor, loaded).as_dict()
    assert asset_id(loaded, "SOFT") == known
    told = figures["lists"][0]
    assert (told["renamed"], told["added"], told["deactivated"], told["calls"]) == (1, 0, 1, 6)
    subjects = {entry["symbol"] for entry in vendor.log()[begun:] if entry["endpoint"] == "eod"}
    assert "SOFT.US" in subjects
    assert not {"MSFT.US", "TSLA.US"} & subjects
    assert apart_from_actions(figures) == 6 + SYMBOLS - 1


def test_the_list_of_the_dead_is_read_if_it_ever_was(
    cluster: Cluster, vendor: Sandbox, loaded: str, loaded_once: str
) -> None:
    vendor.post("/list", {"action": "delist", "symbol": "TSLA.US", "date": MONDAY})
    alone = night_of(NEXT_FRIDAY, vendor, loaded).as_dict()["lists"]
    with cluster.fresh_database(filled=loaded_once) as url:
        both = night_of(NEXT_FRIDAY, vendor, url).as_dict()["lists"]
        found = rows(url, "SELECT is_active, is_delisted FROM assets WHERE symbol = 'TSLA'")
    assert [told["delisted"] for told in alone] == [False]
    assert [told["delisted"] for told in both] == [False, True]
    assert found == [(True, True)]


def test_a_list_is_read_with_the_types_of_the_last_discovery(vendor: Sandbox, loaded: str) -> None:
    execute(loaded, "UPDATE discoveries SET types = '{ETF}'")
    for kind in ("ETF", "Common Stock"):
        new = {"symbol": f"NEW{kind[:3].upper()}.US", "type": kind, "venue": "NYSE"}
        vendor.post("/list", {"action": "list", **new})
    night_of(NEXT_FRIDAY, vendor, loaded)
    assert rows(loaded, "SELECT symbol FROM assets WHERE symbol LIKE 'NEW%%'") == [("NEWETF",)]


def test_a_list_that_was_cut_harms_nobody_and_is_read_again_the_next_night(
    vendor: Sandbox, loaded: str
) -> None:
    vendor.post("/shrink", {"exchange": "US", "share": 0.5})
    heard: list[Event] = []
    publish(vendor, NEXT_FRIDAY)
    now = morning_after(NEXT_FRIDAY)
    report = update_at(now, vendor, loaded, None, heard.append, list_days=7)
    assert (report.ended_by, report.synced) == (None, SYMBOLS)
    assert "taken for truncated" in report.as_dict()["lists"][0]["reason"]
    assert any(isinstance(event, Warned) and "truncated" in event.text for event in heard)
    assert value(loaded, "SELECT count(*) FROM assets WHERE NOT is_active") == 0
    assert_true(loaded, vendor)
    vendor.post("/shrink", {"exchange": "US", "share": 1})
    assert len(night_of(LAST_MONDAY, vendor, loaded).as_dict()["lists"]) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 404},
        {"kind": "status", "status": 403},
        {"kind": "status", "status": 423},
        {"kind": "status", "status": 500},
        {"kind": "truncate_close"},
        {"kind": "json_object"},
    ],
    ids=lambda fault: " ".join(map(str, fault.values())),
)
def test_a_list_that_cannot_be_read_spoils_no_night(
    vendor: Sandbox, loaded: str, fault: dict[str, Any]
) -> None:
    vendor.post("/faults", {**fault, "endpoint": LIST})
    heard: list[Event] = []
    publish(vendor, NEXT_FRIDAY)
    now = morning_after(NEXT_FRIDAY)
    report = update_at(now, vendor, loaded, None, heard.append, list_days=7, attempts=2)
    vendor.delete("/faults")
    assert (report.ended_by, report.synced) == (None, SYMBOLS)
    assert report.as_dict()["lists"] == []
    texts = [event.text for event in heard if isinstance(event, Warned)]
    assert [text.startswith("the symbol list was not read again: ") for text in texts] == [True]
    assert_true(loaded, vendor)
    assert len(night_of(LAST_MONDAY, vendor, loaded).as_dict()["lists"]) == 1


@pytest.mark.parametrize(
    ("status", "error"), [(401, CredentialsRefused), (402, QuotaSpent)], ids=str
)
def test_what_ends_a_run_ends_it_here_too(
    vendor: Sandbox, loaded: str, status: int, error: type[Exception]
) -> None:
    vendor.post("/faults", {"kind": "status", "status": status, "endpoint": LIST})
    report = night_of(NEXT_FRIDAY, vendor, loaded)
    assert isinstance(report.ended_by, error)
    assert report.total_assets == 0


def test_a_stop_is_not_kept_waiting_by_a_list(vendor: Sandbox, loaded: str) -> None:
    vendor.post("/faults", {"kind": "status", "status": 500, "endpoint": LIST})
    publish(vendor, NEXT_FRIDAY)
    drain = Drain(ignore)

    def stop(event: Event) -> None:
        if isinstance(event, Retried):
            drain.request("SIGTERM")

    settings = {"list_days": 7, "backoff_seconds": 600}
    now = morning_after(NEXT_FRIDAY)
    report = update_at(now, vendor, loaded, None, stop, drain=drain, **settings)
    assert (report.drained_by, report.calls) == ("SIGTERM", 1)


def test_without_the_change_history_isins_tell_the_renames(vendor: Sandbox, loaded: str) -> None:
    vendor.post("/faults", {"kind": "status", "status": 403, "endpoint": CHANGES})
    vendor.post("/list", {"action": "rename", "symbol": "MSFT.US", "to": "SOFT"})
    report = night_of(NEXT_FRIDAY, vendor, loaded)
    assert (report.ended_by, report.as_dict()["lists"][0]["renamed"]) == (None, 1)
    assert_true(loaded, vendor)


def test_trouble_with_the_change_history_leaves_the_list_for_the_next_night(
    vendor: Sandbox, loaded: str
) -> None:
    known = asset_id(loaded, "MSFT")
    vendor.post("/faults", {"kind": "status", "status": 500, "endpoint": CHANGES})
    vendor.post("/list", {"action": "rename", "symbol": "MSFT.US", "to": "SOFT"})
    report = night_of(NEXT_FRIDAY, vendor, loaded, attempts=2)
    assert (report.ended_by, report.as_dict()["lists"]) == (None, [])
    vendor.delete("/faults")
    assert night_of(LAST_MONDAY, vendor, loaded).as_dict()["lists"][0]["renamed"] == 1
    assert asset_id(loaded, "SOFT") == known
    assert_true(loaded, vendor)


@pytest.mark.parametrize("list_days", [0, 7])
def test_a_night_without_a_session_costs_no_call_however_old_the_list(
    vendor: Sandbox, loaded: str, list_days: float
) -> None:
    read_at(loaded, SATURDAY - timedelta(days=700))
    begun = len(vendor.log())
    sunday = datetime(2026, 11, 8, 15, tzinfo=UTC)
    update_at(sunday, vendor, loaded, list_days=list_days)
    assert len(vendor.log()) == begun


def test_an_exchange_that_was_never_discovered_is_not_listed(
    vendor: Sandbox, database_url: str
) -> None:
    assert update_at(SATURDAY, vendor, database_url, list_days=0).calls == 0
    execute(database_url, "INSERT INTO assets (symbol, exchange) VALUES ('AAPL', 'US')")
    load_all(vendor, database_url)
    publish(vendor, MONDAY)
    report = update_at(morning_after(MONDAY), vendor, database_url, list_days=0)
    assert report.synced == 1
    assert asked(vendor, 0)[LIST] == 0


def test_only_the_exchange_asked_for_is_listed(vendor: Sandbox, loaded: str) -> None:
    execute(
        loaded,
        "INSERT INTO discoveries (exchange, moment, is_delisted, types, listed, is_shrunk)"
        " VALUES ('LSE', '2020-01-01', false, '{}', 9, false)",
        "INSERT INTO assets (symbol, exchange, is_active) VALUES ('VOD', 'LSE', false)",
    )
    publish(vendor, NEXT_FRIDAY)
    now = morning_after(NEXT_FRIDAY)
    assert update_at(now, vendor, loaded, "LSE", list_days=0).calls == 0
    told = update_at(now, vendor, loaded, "US", list_days=0).as_dict()["lists"]
    assert [each["exchange"] for each in told] == ["US"]


def test_the_plan_says_what_lists_cost_and_an_update_keeps_to_it(
    vendor: Sandbox, loaded: str, tmp_path: Path
) -> None:
    """By the real clock, weeks after that Saturday."""
    vendor.post("/list", {"action": "rename", "symbol": "MSFT.US", "to": "SOFT"})
    publish(vendor, LAST_MONDAY)
    commands = commands_at(tmp_path, vendor, loaded)
    planned = commands.run("plan", "--json").answer
    [step] = [step for step in planned["steps"] if step["kind"] == "symbols"]
    assert (step["assets"], step["calls"], step["requests"]) == (SYMBOLS, 6, 2)
    assert "renames" in commands.run("plan").stdout
    done = commands.run("update", "--json").answer
    assert [told["renamed"] for told in done["lists"]] == [1]
    assert apart_from_actions(done) == planned["calls"]
    assert not [s for s in commands.run("plan", "--json").answer["steps"] if s["kind"] == "symbols"]
