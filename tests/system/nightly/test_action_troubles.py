"""What disturbs the reading of actions leaves nothing half stored, and costs nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_nexus.cli.exit_codes import exit_code_of
from data_nexus.domain.planning.plan import Purpose, StepKind
from data_nexus.errors import CredentialsRefused, QuotaSpent
from data_nexus.events import Event, Requested, ignore
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.nightly.update import update
from data_nexus.ingestion.reports.run_report import RunReport
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.actions import (
    FRIDAY,
    MONDAY,
    SUNDAY_NOON,
    asked,
    assert_the_law,
    finding,
    named,
    tell,
    vendor_on_friday,
    wanted,
)
from tests.support.vendor.nights import (
    let_days_pass,
    load_all,
    plan_at,
    settings_of,
    update_at,
)
from tests.support.vendor.sandbox import Sandbox, sandbox

WEDNESDAY_MORNING = datetime(2026, 11, 11, 12, tzinfo=UTC)


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    with vendor_on_friday() as running:
        yield running


def run_until(
    vendor: Sandbox,
    url: str,
    endpoint: str,
    act: Callable[[Drain, asyncio.Task[RunReport]], object],
) -> RunReport | None:
    """Update one asset at a time; at the first answer of an endpoint, act. None if it was ended."""

    async def run() -> RunReport | None:
        def observe(event: Event) -> None:
            if isinstance(event, Requested) and event.endpoint == endpoint:
                act(drain, running)

        drain = Drain(ignore)
        settings = settings_of(vendor, url, concurrency=1)
        updating = update(settings, url, "US", observe, drain, now=SUNDAY_NOON)
        running = asyncio.ensure_future(updating)
        with suppress(asyncio.CancelledError):
            return await running
        return None

    return asyncio.run(run())


def assert_nothing_is_half_stored(url: str) -> None:
    """No asset has actions and wants them still; nobody holds one that lives."""
    half = (
        "SELECT count(*) FROM assets a WHERE actions_wanted_at IS NOT NULL AND (EXISTS"
        " (SELECT FROM splits s WHERE s.asset_id = a.id) OR EXISTS"
        " (SELECT FROM dividends d WHERE d.asset_id = a.id))"
    )
    assert value(url, half) == 0


@pytest.mark.parametrize("endpoint", ["splits", "div"])
def test_a_drain_ends_between_two_answers_and_the_next_update_goes_on(
    vendor: Sandbox, unread: str, endpoint: str
) -> None:
    wanting = wanted(unread)
    report = run_until(vendor, unread, endpoint, lambda drain, _: drain.request("SIGTERM"))
    assert report
    assert (report.drained_by, report.ended_by) == ("SIGTERM", None)
    done = int(endpoint == "div")
    assert (report.actions, report.calls) == (done, 1 + done)
    assert wanted(unread) == wanting - done
    assert value(unread, "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL") == 0
    assert_nothing_is_half_stored(unread)
    update_at(SUNDAY_NOON, vendor, unread)
    assert wanted(unread) == 0
    assert_the_law(unread)


def test_an_update_that_is_broken_off_leaves_nothing_half_stored(
    vendor: Sandbox, unread: str
) -> None:
    assert run_until(vendor, unread, "div", lambda _, running: running.cancel()) is None
    assert_nothing_is_half_stored(unread)
    held = "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL"
    assert value(unread, held) > 0
    update_at(SUNDAY_NOON, vendor, unread)
    assert (wanted(unread), value(unread, held)) == (0, 0)
    assert_the_law(unread)


def test_two_updates_at_once_ask_for_each_asset_once(vendor: Sandbox, unread: str) -> None:
    wanting, begun = wanted(unread), len(vendor.log())
    settings = settings_of(vendor, unread)

    async def both() -> list[RunReport]:
        async with asyncio.TaskGroup() as tasks:
            runs = [
                tasks.create_task(
                    update(settings, unread, None, ignore, Drain(ignore), now=SUNDAY_NOON)
                )
                for _ in range(2)
            ]
        return [run.result() for run in runs]

    reports = asyncio.run(both())
    assert sum(report.actions for report in reports) == wanting
    assert [asked(vendor, begun)[name] for name in ("splits", "div")] == [wanting, wanting]
    assert_the_law(unread)


def test_neither_an_empty_list_that_the_closes_contradict_nor_not_found_withdraws_anything(
    vendor: Sandbox, read: str
) -> None:
    stored = "SELECT count(*) FROM {} JOIN assets a ON a.id = asset_id WHERE a.symbol = 'AAPL'"
    splits, paid = (stored.format(name) for name in ("splits", "dividends"))
    before = value(read, splits), value(read, paid)
    tell(vendor, "splits", b"[]")
    vendor.post("/faults", {"kind": "status", "status": 404, "endpoint": "div"})
    execute(read, "UPDATE assets SET actions_wanted_at = now() WHERE symbol = 'AAPL'")
    report = update_at(SUNDAY_NOON, vendor, read)
    assert (report.actions, exit_code_of(report)) == (1, 0)
    assert (value(read, splits), value(read, paid)) == before
    assert min(before) > 0
    assert finding(read, "AAPL.US") is None


UNFIT = {
    "another shape": b'{"date":"2024-01-02","split":"2/1"}',
    "another endpoint's": b'[{"date":"2024-01-02","close":5}]',
    "another symbol's": b'[{"date":"2024-01-02","split":"2/1","code":"MSFT"}]',
}


@pytest.mark.parametrize("body", UNFIT.values(), ids=UNFIT)
def test_an_unfit_answer_is_put_off_and_the_finding_says_why(
    vendor: Sandbox, unread: str, body: bytes
) -> None:
    tell(vendor, "splits", body)
    report = update_at(SUNDAY_NOON, vendor, unread)
    assert (report.actions_failed, exit_code_of(report)) == (1, 3)
    found = finding(unread, "AAPL.US")
    assert found
    assert "; AAPL.US: " in found[4]
    assert value(unread, "SELECT count(*) FROM dead_letters") == 0
    begun = len(vendor.log())
    assert update_at(SUNDAY_NOON, vendor, unread).calls == 0
    assert len(vendor.log()) == begun
    vendor.delete("/faults")
    execute(unread, "UPDATE assets SET actions_wanted_at = actions_wanted_at - interval '7 days'")
    assert update_at(SUNDAY_NOON, vendor, unread).actions == 1
    assert "AAPL.US" in assert_the_law(unread)[0]


@pytest.mark.parametrize("kind", [{"kind": "status", "status": 503}, {"kind": "truncate_close"}])
def test_an_asset_that_gets_no_answer_is_asked_for_again_the_next_time(
    vendor: Sandbox, unread: str, kind: dict[str, Any]
) -> None:
    vendor.post("/faults", {**kind, "endpoint": "div", "symbol": "AAPL.US"})
    report = update_at(SUNDAY_NOON, vendor, unread)
    assert (report.actions_failed, exit_code_of(report)) == (1, 3)
    assert wanted(unread) == 1
    assert_nothing_is_half_stored(unread)
    vendor.delete("/faults")
    assert update_at(SUNDAY_NOON, vendor, unread).actions == 1
    assert "AAPL.US" in assert_the_law(unread)[0]


@pytest.mark.parametrize(("endpoint", "status"), [("div", 403), ("splits", 423)])
def test_a_plan_without_actions_is_remembered_and_probed_again_after_a_week(
    vendor: Sandbox, unread: str, endpoint: str, status: int
) -> None:
    vendor.post("/faults", {"kind": "status", "status": status, "endpoint": endpoint})
    wanting = wanted(unread)
    report = update_at(SUNDAY_NOON, vendor, unread, "US")
    assert (report.ended_by, exit_code_of(report)) == (None, 0)
    assert wanted(unread) == wanting
    refusals = "SELECT exchange, endpoint FROM refusals"
    assert rows(unread, refusals) == [("US", endpoint)]
    begun = len(vendor.log())
    assert update_at(SUNDAY_NOON + timedelta(hours=1), vendor, unread, "US").calls == 0
    assert len(vendor.log()) == begun
    vendor.delete("/faults")
    # The other exchange is asked about at once.
    assert update_at(SUNDAY_NOON, vendor, unread).actions > 0
    assert 0 < wanted(unread) < wanting
    execute(unread, "UPDATE refusals SET refused_at = refused_at - interval '7 days'")
    update_at(SUNDAY_NOON, vendor, unread)
    assert (wanted(unread), rows(unread, refusals)) == (0, [])
    assert_the_law(unread)


@pytest.mark.parametrize(("status", "error"), [(401, CredentialsRefused), (402, QuotaSpent)])
def test_what_ends_a_run_ends_this_step_and_the_rest_is_left(
    vendor: Sandbox, unread: str, status: int, error: type[Exception]
) -> None:
    wanting = wanted(unread)
    vendor.post("/faults", {"kind": "status", "status": status, "endpoint": "div"})
    report = update_at(SUNDAY_NOON, vendor, unread)
    assert isinstance(report.ended_by, error)
    assert (report.actions, wanted(unread)) == (0, wanting)
    assert value(unread, "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL") == 0
    assert_nothing_is_half_stored(unread)


@dataclass(frozen=True)
class Neglect:
    """A vendor that lists a dividend of AAPL.US and never works it in, and a database loaded of it.

    The histories were read more than a week ago.
    """

    vendor: Sandbox
    commands: Commands
    url: str

    def update(self, day: str, **settings: Any) -> dict[str, Any]:  # noqa: ANN401
        """Update in the morning after a session."""
        self.vendor.post("/publish", {"exchange": "US", "date": day})
        morning = datetime.fromisoformat(f"{day}T12:00+00:00") + timedelta(days=1)
        report = update_at(morning, self.vendor, self.url, audit_share=0.02, **settings)
        assert (report.ended_by, exit_code_of(report)) == (None, 0)
        return report.as_dict()


@pytest.fixture
def neglect(tmp_path: Path, database_url: str) -> Iterator[Neglect]:
    options = {"symbols": 16, "bars_per_symbol": 60, "clean": True, "minute_limit": 1_000_000}
    with sandbox(now="2026-11-12T22:00:00", **options) as vendor:  # type: ignore[arg-type]
        vendor.post("/publish", {"exchange": "US", "date": FRIDAY})
        vendor.post("/behaviours", {"name": "unadjusted", "symbols": ["AAPL.US"], "since": None})
        paid = {"symbol": "AAPL.US", "date": "2026-10-14", "dividend": 0.5}
        vendor.post("/actions", paid)
        commands = commands_at(tmp_path, vendor, database_url)
        assert commands.run("discover", "--exchange", "US").code == 0
        load_all(vendor, database_url)
        neglect = Neglect(vendor, commands, database_url)
        neglect.update(MONDAY)
        let_days_pass(database_url, 8)
        yield neglect


def test_an_action_that_is_never_worked_in_is_found_by_the_weekly_sample(neglect: Neglect) -> None:
    url, vendor = neglect.url, neglect.vendor
    assert finding(url, "AAPL.US") is None
    listed = value(url, "SELECT count(*) FROM assets WHERE actions_read_at IS NULL")
    planned = plan_at(WEDNESDAY_MORNING, vendor, url, audit_share=0.02)
    steps = [(each.kind, each.calls) for each in planned.steps if each.purpose is Purpose.SAMPLE]
    assert steps == [(StepKind.SPLITS, listed), (StepKind.DIVIDENDS, listed)]
    begun = len(vendor.log())
    figures = neglect.update("2026-11-10")
    assert figures["sample"] == {
        "assets": listed,
        "not_stored": 1,
        "unexplained": 1,
        "failed": 0,
        "calls": 2 * listed,
    }
    assert len(named(vendor, begun)) == listed
    found = finding(url, "AAPL.US")
    assert found
    assert found[1] == "2026-10-13"
    (record,) = neglect.commands.run("status", "--json").answer["audit"]["exchanges"]
    assert [record[name] for name in ("sampled", "sampled_not_stored", "sampled_unexplained")] == [
        *(listed, 1, 1)
    ]
    told = " ".join(neglect.commands.run("status", "--verbose").stdout.split())
    assert f"{listed} assets in 90 days, 1 with some that were not stored, 1 unexplained" in told
    let_days_pass(url, 8)
    assert neglect.update("2026-11-11")["sample"] == {}, "they were read within the month"


def test_what_a_day_does_not_pay_for_is_sampled_on_the_next(neglect: Neglect) -> None:
    url = neglect.url
    execute(url, "UPDATE quota_ledger SET day_limit = 300, spent = 0")
    neglect.vendor.post("/limits", {"daily": 300})
    listed = value(url, "SELECT count(*) FROM assets WHERE actions_read_at IS NULL")
    first = neglect.update("2026-11-10")["sample"]
    let_days_pass(url)
    second = neglect.update("2026-11-11")["sample"]
    assert (first["assets"], first["calls"]) == (3, 6)
    assert second["assets"] == min(3, listed - 3)
    assert first["not_stored"] + second["not_stored"] <= 1


def test_an_exchange_without_any_actions_does_not_end_the_update(neglect: Neglect) -> None:
    """Not found for one asset after the other would be a trouble of the vendor otherwise."""
    execute(neglect.url, "UPDATE assets SET actions_read_at = NULL")
    neglect.vendor.post("/faults", {"kind": "status", "status": 404, "endpoint": "splits"})
    neglect.vendor.post("/faults", {"kind": "status", "status": 404, "endpoint": "div"})
    figures = neglect.update("2026-11-10")
    assert (figures["sample"]["assets"], figures["actions_failed"]) == (0, 0)
    assert figures["sample"]["failed"] >= 10
    assert figures["audit"]["assets"] > 0
