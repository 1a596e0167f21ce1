"""The rolling audit: what is restated without a trace is found within the promised time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_nexus.events import Committed, Event
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.reports.run_report import RunReport
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import commands_at
from tests.support.vendor.nights import let_days_pass, load_all, update_at, without_actions
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth

SYMBOLS = 60
FRIDAY, MONDAY, TUESDAY = date(2025, 9, 5), date(2025, 9, 8), date(2025, 9, 9)
# Two per cent of it are ten calls, five per cent 25. An update asks for each asset by itself.
DAILY, AUDITS, KEPT = 500, 10, 25
SHARE: dict[str, Any] = {"audit_share": 0.02, "audit_days": 2}
PROMISED_NIGHTS = 6
HISTORY = "SELECT m.date::text, m.close FROM bars m WHERE m.ticker = %s ORDER BY m.date LIMIT 2"
AUDITED = "SELECT sum(calls)::int FROM sync_log WHERE cause = 'audit'"
READ = "SELECT count(*) FROM assets WHERE read_whole_at > now() - interval '1 hour'"


@contextmanager
def vendor_on_friday(symbols: int) -> Iterator[Sandbox]:
    """A vendor with some weeks of bars up to a Friday."""
    options = {"symbols": symbols, "bars_per_symbol": 40, "clean": True}
    with sandbox(now="2025-09-30T22:00:00", minute_limit=1_000_000, **options) as running:  # type: ignore[arg-type]
        publish(running, FRIDAY)
        yield running


def loaded_by(symbols: int, cluster: Cluster, folder: Path, limit: int) -> Iterator[str]:
    """A database that was filled three days ago with what such a vendor has."""
    with cluster.fresh_database() as url, vendor_on_friday(symbols) as vendor:
        commands = commands_at(folder, vendor, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        load_all(vendor, url)
        without_actions(vendor, url)
        let_days_pass(url, 3)
        rows(url, "UPDATE quota_ledger SET spent = 0, day_limit = %s", limit)
        yield url


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    with vendor_on_friday(SYMBOLS) as running:
        running.post("/limits", {"daily": DAILY})
        yield running


@pytest.fixture(scope="module")
def loaded_once(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from loaded_by(SYMBOLS, cluster, tmp_path_factory.mktemp("home"), DAILY)


@pytest.fixture
def loaded(cluster: Cluster, loaded_once: str) -> Iterator[str]:
    """The URL of a copy of it."""
    with cluster.fresh_database(filled=loaded_once) as url:
        yield url


def publish(vendor: Sandbox, day: date) -> None:
    vendor.post("/publish", {"exchange": "US", "date": day.isoformat()})


def restate_old_bars(vendor: Sandbox, url: str, *codes: str) -> list[tuple[str, str, float]]:
    """Restate the second bar of each, far before any seam; the old values."""
    old = []
    for code in codes:
        day, close = rows(url, HISTORY, f"{code}.US")[1]
        vendor.post("/restate", {"symbol": f"{code}.US", "date": day, "close": close * 1.001})
        old.append((code, day, close))
    return sorted(old)


def codes_of(url: str) -> list[str]:
    """In the order in which an audit reads them: a load commits them in several batches."""
    return [row[0] for row in rows(url, "SELECT symbol FROM assets ORDER BY read_whole_at, id")]


def revisions(url: str) -> list[tuple[str, str, float]]:
    kept = (
        "SELECT a.symbol, r.date::text, r.close FROM market_data_revisions r"
        " JOIN assets a ON a.id = r.asset_id ORDER BY 1"
    )
    return [(row[0], row[1], row[2]) for row in rows(url, kept)]


def morning_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(12), UTC)


def night(vendor: Sandbox, url: str, day: date, *observed: Any, **more: Any) -> RunReport:  # noqa: ANN401
    """Update in the morning after a day whose session, if it was one, is out."""
    if day.weekday() < 5:
        publish(vendor, day)
    return update_at(morning_after(day), vendor, url, None, *observed, **SHARE | more)


def nights_after(since: date, day: date) -> int:
    """How many nights with a session came after one day up to another."""
    days = (since + timedelta(days=n) for n in range(1, (day - since).days + 1))
    return sum(each.weekday() < 5 for each in days)


def is_true(url: str, vendor: Sandbox) -> bool:
    counts = differences(url, truth(vendor))
    return (counts["lost"], counts["invented"]) == (0, 0)


def test_silent_restatements_are_found_within_the_promised_nights(
    vendor: Sandbox, loaded: str
) -> None:
    """Three weeks; on each of the first ten days some old bars are restated without a trace."""
    codes = codes_of(loaded)
    old: list[tuple[str, str, float]] = []
    waiting: dict[str, date] = {}
    for number in range(21):
        day = MONDAY + timedelta(days=number)
        sent = len(vendor.log())
        figures = night(vendor, loaded, day).as_dict()
        if day.weekday() >= 5:
            assert (figures["calls"], figures["audit"], len(vendor.log())) == (0, {}, sent)
        else:
            assert figures["audit"]["calls"] <= AUDITS
            assert figures["calls"] == SYMBOLS + figures["reread"] + figures["audit"]["calls"]
        for code in {row[0] for row in revisions(loaded)} & waiting.keys():
            assert nights_after(waiting.pop(code), day) <= SHARE["audit_days"] + PROMISED_NIGHTS
        if number < 10:
            chosen = codes[number::17]
            old += restate_old_bars(vendor, loaded, *chosen)
            waiting |= dict.fromkeys(chosen, day)
        let_days_pass(loaded)
        vendor.post("/clock", {"advance_sec": 86_400})
    assert waiting == {}
    assert is_true(loaded, vendor)
    assert revisions(loaded) == sorted(old)


def test_whose_history_is_gone_when_it_is_audited_is_not_asked_for_on_a_sunday(
    vendor: Sandbox, loaded: str
) -> None:
    """Its code belongs to a newcomer, of which the vendor has no bars yet."""
    code, thursday = codes_of(loaded)[0], date(2025, 9, 11)
    wish = {"symbol": f"{code}.US", "action": "reuse", "date": "2025-12-01", "name": "Another"}
    vendor.post("/list", wish)
    figures = night(vendor, loaded, thursday).as_dict()
    asked = [each["symbol"] for each in vendor.log() if each["endpoint"] == "eod"]
    assert asked.count(f"{code}.US") == 2, "once for the session's bar, once by the audit"
    assert (figures["failed"], figures["absent"]) == (0, 1)
    night(vendor, loaded, thursday + timedelta(days=1))
    assert night(vendor, loaded, thursday + timedelta(days=2)).calls == 0


def test_status_and_plan_say_the_promise_and_the_plan_is_kept(
    vendor: Sandbox, loaded: str, tmp_path: Path
) -> None:
    commands = commands_at(tmp_path, vendor, loaded)
    settings = {"audit_days": 2}
    status = commands.run("status", "--json", **settings).answer["audit"]
    assert (status["calls"], status["updates"], status["days"]) == (AUDITS, 6, 2 + 9)
    assert status["oldest"] == value(loaded, "SELECT min(read_whole_at) FROM assets").isoformat()
    restate_old_bars(vendor, loaded, codes_of(loaded)[0])
    planned = commands.run("plan", "--json", **settings).answer
    audits = [step for step in planned["steps"] if step["purpose"] == "audit"]
    assert [(step["kind"], step["exchange"], step["calls"]) for step in audits] == [
        ("eod", "US", AUDITS)
    ]
    assert planned["calls"] == SYMBOLS + AUDITS
    assert planned["audit"] == status
    told = " ".join(commands.run("plan", **settings).stdout.split())
    assert "within about 11 days" in told
    assert f"the audit reads {AUDITS} histories again" in told
    # By the real clock the vendor has long lacked all sessions, and only a probe would be asked.
    assert night(vendor, loaded, MONDAY, **settings).calls == planned["calls"]
    (record,) = commands.run("status", "--json").answer["audit"]["exchanges"]
    assert (record["today"], record["audited"], record["restated"]) == (AUDITS, AUDITS, 1)
    shown = " ".join(commands.run("status", "--verbose").stdout.split())
    assert "10 histories in 90 days, 1 restated" in shown


def test_a_second_run_of_a_day_spends_the_rest_of_the_share_only(
    vendor: Sandbox, loaded: str
) -> None:
    first = night(vendor, loaded, MONDAY, audit_share=0.012)
    second = night(vendor, loaded, TUESDAY)
    assert (first.as_dict()["audit"]["calls"], second.as_dict()["audit"]["calls"]) == (6, 4)
    assert value(loaded, AUDITED) == AUDITS
    reread = first.reread + second.reread
    assert AUDITS <= value(loaded, READ) <= AUDITS + reread
    publish(vendor, date(2025, 9, 10))
    assert night(vendor, loaded, date(2025, 9, 10)).as_dict()["audit"] == {}


def test_a_drain_in_the_middle_loses_nothing_and_the_next_run_goes_on(
    vendor: Sandbox, loaded: str
) -> None:
    codes = codes_of(loaded)
    old = restate_old_bars(vendor, loaded, *codes[:AUDITS])
    committed: list[str] = []

    def stop_amid_the_audit(event: Event) -> None:
        if isinstance(event, Committed):
            committed.append(event.symbol)
            if len(committed) == SYMBOLS + 1:
                drain.request("SIGTERM")

    drain = Drain(stop_amid_the_audit)
    slowly = {"concurrency": 1, "batch_seconds": 0.0}
    report = night(vendor, loaded, MONDAY, stop_amid_the_audit, drain=drain, **slowly)
    begun = report.as_dict()["audit"]["calls"]
    assert (report.drained_by, 1 <= begun < AUDITS) == ("SIGTERM", True)
    assert value(loaded, "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL") == 0
    second = night(vendor, loaded, TUESDAY).as_dict()["audit"]
    assert second["calls"] == AUDITS - begun
    assert revisions(loaded) == old


def test_the_reserve_is_left_to_others(vendor: Sandbox, loaded: str) -> None:
    before = DAILY - KEPT - SYMBOLS - AUDITS + 1
    rows(loaded, "UPDATE quota_ledger SET spent = %s, day = current_date", before)
    report = night(vendor, loaded, MONDAY)
    audited = report.as_dict()["audit"]["calls"]
    assert (report.ended_by, audited) == (None, AUDITS - 1 - report.reread)
    assert value(loaded, "SELECT spent FROM quota_ledger") == DAILY - KEPT
    assert night(vendor, loaded, TUESDAY, audit_share=0.9).as_dict()["audit"] == {}


def test_an_update_of_one_exchange_audits_that_exchange(vendor: Sandbox, loaded: str) -> None:
    """Its part of the day's share: half of the loaded histories are another exchange's."""
    execute(
        loaded,
        "INSERT INTO assets (symbol, exchange, last_bar, synced_through, last_synced)"
        " SELECT symbol, 'LSE', last_bar, synced_through, last_synced FROM assets",
    )
    publish(vendor, MONDAY)
    figures = update_at(morning_after(MONDAY), vendor, loaded, "US", **SHARE).as_dict()
    assert figures["audit"]["calls"] == AUDITS / 2


@pytest.fixture(scope="module")
def many_loaded(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from loaded_by(420, cluster, tmp_path_factory.mktemp("many"), 1000)


@pytest.fixture
def many() -> Iterator[Sandbox]:
    """A vendor whose exchange is cheaper in bulk: an update asks for few histories."""
    with vendor_on_friday(420) as running:
        running.post("/limits", {"daily": 1000})
        yield running


def test_after_a_session_in_bulk_the_audit_is_the_same_and_its_troubles_are_no_one_else_s(
    many: Sandbox, many_loaded: str
) -> None:
    """Retries eat up the share; the assets that failed are fresh all the same."""
    publish(many, MONDAY)
    before = len(many.log())
    codes = codes_of(many_loaded)[:2]
    for code in codes:
        many.post("/faults", {"kind": "status", "status": 503, "symbol": f"{code}.US"})
    restate_old_bars(many, many_loaded, codes_of(many_loaded)[5])
    report = night(many, many_loaded, MONDAY, concurrency=1)
    audit = report.as_dict()["audit"]
    assert (report.ended_by, report.failed) == (None, 0)
    assert audit["calls"] == 20
    assert audit["assets"] + audit["failed"] < 20
    assert audit["failed"] <= len(codes)  # one that still rests when the share is spent: neither
    asked = [entry for entry in many.log()[before:] if entry["endpoint"] == "eod"]
    assert len(asked) == report.calls - 400
    assert value(many_loaded, "SELECT count(*) FROM market_data_revisions") == 1
    assert value(many_loaded, "SELECT min(synced_through) FROM assets") == MONDAY


def test_what_the_audit_finds_unexplained_is_asked_about_in_the_same_night(
    vendor: Sandbox, loaded: str
) -> None:
    """The next night may be a Sunday, which costs nothing."""
    execute(loaded, "DELETE FROM refusals")
    night(vendor, loaded, MONDAY)
    code = codes_of(loaded)[0]
    day, _ = rows(loaded, HISTORY, f"{code}.US")[1]
    vendor.post("/factor", {"symbol": f"{code}.US", "date": day, "factor": 0.9})
    sent = len(vendor.log())
    figures = night(vendor, loaded, TUESDAY, audit_share=0.2, audit_days=0).as_dict()
    assert figures["audit"]["revised"] >= 1
    asked = [entry["symbol"] for entry in vendor.log()[sent:] if entry["endpoint"] == "splits"]
    assert f"{code}.US" in asked
    assert value(loaded, "SELECT count(*) FROM assets WHERE actions_wanted_at <= now()") == 0
