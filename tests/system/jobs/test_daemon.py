"""`nexus run`: each exchange is updated after its session, whatever happened meanwhile."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import data_nexus as nexus
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.jobs.jobs import ListedJobRun, list_job_runs, list_jobs
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import eventually, execute, value
from tests.support.programs.commands import Commands, Running
from tests.support.programs.forked_commands import set_clock
from tests.support.programs.forked_daemon import forked_updates
from tests.support.vendor.update_field import TUESDAY, WEDNESDAY, UpdateField, update_field

END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
LOSE_BARS = "DELETE FROM market_data WHERE date = (SELECT max(date) FROM market_data)"
BEHIND = "SELECT count(*) FROM assets WHERE synced_through < %s"


def at(text: str) -> datetime:
    """A moment of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# New York's sessions are published at 21:15, its funds the next morning at 11:00.
BEFORE, TUESDAYS, FUNDS = at("2026-11-10T12:00"), at("2026-11-10T21:15"), at("2026-11-11T11:00")
WEDNESDAYS, LAST = at("2026-11-11T21:15"), at("2026-11-12T11:00")


@pytest.fixture(scope="module")
def field(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdateField]:
    with update_field(cluster, tmp_path_factory.mktemp("field"), 60) as field:
        yield field


@pytest.fixture
def commands(field: UpdateField) -> Iterator[Commands]:
    with field.round() as commands:
        yield commands


def runs_of(url: str, job: str) -> list[ListedJobRun]:
    """The runs of a job, oldest first."""
    if job not in {each.name for each in list_jobs(PostgresConnection(url))}:
        return []
    return list_job_runs(PostgresConnection(url), job)[::-1]


def outcomes(url: str, job: str) -> list[tuple[datetime, str]]:
    """When a job was due, and how its runs ended."""
    return [(run.due_at, run.outcome) for run in runs_of(url, job)]


def is_done(url: str, job: str, due_at: datetime) -> bool:
    """Whether the run of a job that is due at a moment is done."""
    return (due_at, "done") in outcomes(url, job)


def test_each_session_is_fetched_once_it_is_published(
    field: UpdateField, commands: Commands, tmp_path: Path
) -> None:
    """On the first morning Monday's session was its last: there is nothing to do."""
    clock = tmp_path / "clock"
    set_clock(clock, BEFORE)
    with forked_updates(commands, clock) as daemon:
        eventually(lambda: [each[1] for each in outcomes(field.url, "update-US")] == ["done"])
        begun = field.requests()
        for moment in (TUESDAYS, FUNDS, WEDNESDAYS, LAST):
            set_clock(clock, moment)
            job = "update-US" if moment in (TUESDAYS, WEDNESDAYS) else "update-US-fund"
            eventually(partial(is_done, field.url, job, moment), 60)
            through = TUESDAY if moment <= FUNDS else WEDNESDAY
            if moment in (FUNDS, LAST):
                assert value(field.url, BEHIND, through) == 0
        assert daemon.pid
        os.kill(daemon.pid, signal.SIGTERM)
        daemon.join(30)
    assert daemon.exitcode == 0
    field.assert_true()
    field.assert_paid(begun)
    assert [run.missed for run in runs_of(field.url, "update-US")] == [0, 0, 0]


def test_what_was_missed_is_made_up_for_once_and_what_fails_is_tried_again(
    field: UpdateField, commands: Commands, tmp_path: Path
) -> None:
    """A vendor that is down when the daemon comes back after two sessions, and a cut database."""
    clock = tmp_path / "clock"
    set_clock(clock, BEFORE)
    with forked_updates(commands, clock):
        eventually(lambda: [each[1] for each in outcomes(field.url, "update-US")] == ["done"])
    field.vendor.post("/faults", {"kind": "rst_before"})
    set_clock(clock, LAST)
    with forked_updates(commands, clock):
        eventually(lambda: outcomes(field.url, "update-US")[-1] == (WEDNESDAYS, "failed"), 60)
        run = runs_of(field.url, "update-US")[-1]
        assert (run.missed, run.attempts) == (1, 1)
        assert run.retry_at
        field.vendor.delete("/faults")
        execute(field.url, END_OTHERS)
        set_clock(clock, run.retry_at)
        eventually(lambda: outcomes(field.url, "update-US")[-1] == (WEDNESDAYS, "done"), 60)
    assert value(field.url, BEHIND, WEDNESDAY) == 0
    field.assert_true()


def test_the_commands_show_and_change_the_jobs(commands: Commands) -> None:
    assert "nexus run adds" in commands.run("jobs", "list").stdout
    added = commands.run("jobs", "add", "early", "--schedule", "cron 0 6 * * 1-5 Europe/Berlin")
    assert (added.code, added.stdout) == (0, "early added.\n")
    (job,) = commands.run("jobs", "list", "--json").answer["jobs"]
    assert (job["name"], job["schedule"]) == ("early", "cron 0 6 * * 1-5 Europe/Berlin")
    assert commands.run("jobs", "pause", "early").code == 0
    assert commands.run("jobs", "list", "--json").answer["jobs"][0]["next"] is None
    assert commands.run("jobs", "resume", "early").code == 0
    wrong = commands.run("jobs", "add", "late", "--schedule", "every day")
    assert wrong.code == 2
    assert "cron's five fields" in wrong.stderr
    assert commands.run("jobs", "remove", "early").code == 0
    assert commands.run("jobs", "history").stdout == "No job has run yet; nexus run runs them.\n"


def test_once_does_what_is_due_and_ends(commands: Commands) -> None:
    first = commands.run("run", "--once", "--json").answer
    assert {each["job"] for each in first["runs"]} >= {"update-US"}
    assert commands.run("run", "--once", "--json").answer == {"runs": []}
    (again,) = commands.run("jobs", "run", "update-US", "--json").answer["runs"]
    assert again["job"] == "update-US"
    assert commands.run("jobs", "run", "nope").code == 2
    assert commands.run("jobs", "pause", "update-US").code == 0
    paused = commands.run("jobs", "run", "update-US")
    assert (paused.code, "nexus jobs resume update-US" in paused.stderr) == (2, True)


def test_an_exchange_that_is_late_is_asked_again(
    field: UpdateField, commands: Commands, tmp_path: Path
) -> None:
    """Thursday is published after the first hour."""
    clock, thursdays = tmp_path / "clock", WEDNESDAYS + timedelta(1)
    set_clock(clock, thursdays)
    with forked_updates(commands, clock):
        eventually(lambda: outcomes(field.url, "update-US") == [(thursdays, "late")], 60)
        (run,) = runs_of(field.url, "update-US")
        assert run.detail.endswith(
            "lack the last session: the vendor is late, or the exchange shut"
        )
        assert run.retry_at == thursdays + timedelta(hours=1)
        field.vendor.post("/publish", {"exchange": "US", "date": "2026-11-12"})
        set_clock(clock, run.retry_at)
        eventually(partial(is_done, field.url, "update-US", thursdays), 60)
    assert [run.attempts for run in runs_of(field.url, "update-US")] == [2]


def test_a_job_runs_after_another_and_writes_a_snapshot(
    field: UpdateField, commands: Commands, tmp_path: Path
) -> None:
    commands.run("run", "--once")
    target, first = tmp_path / "lake", ["--schedule", "cron 0 0 29 2 *"]
    assert commands.run("jobs", "add", "first", "--action", "verify", *first).code == 0
    for action, *more in (("snapshot", "--to", str(target)), ("discover", "--exchange", "US")):
        told = ["--action", action, "--schedule", "after job first", *more]
        assert commands.run("jobs", "add", f"my-{action}", *told).code == 0
    listed = commands.run("jobs", "list", "--json").answer["jobs"]
    assert {job["name"]: job["next"] for job in listed if job["name"].startswith("my-")} == {
        "my-discover": None,
        "my-snapshot": None,
    }
    (done,) = commands.run("jobs", "run", "first", "--json").answer["runs"]
    assert done["outcome"] == "done"
    runs = {each["job"]: each for each in commands.run("run", "--once", "--json").answer["runs"]}
    assert (runs["my-discover"]["outcome"], runs["my-snapshot"]["outcome"]) == ("done", "done")
    stored = value(field.url, "SELECT count(*) FROM market_data")
    assert runs["my-snapshot"]["detail"].startswith(f"{stored} bars, ")
    assert nexus.lake(str(target)).bars("AAPL.US").num_rows > 0
    assert runs["my-discover"]["detail"] == "0 symbols added, 0 no longer listed"
    execute(field.url, LOSE_BARS)
    (broken,) = commands.run("jobs", "run", "first", "--json").answer["runs"]
    assert broken["outcome"] == "failed"
    assert "stored bars are those of the sync log" in broken["detail"]
    again = commands.run("run", "--once", "--json").answer["runs"]
    assert {each["job"] for each in again} & {"my-snapshot", "my-discover"} == set()


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (("--action", "snapshot"), "--to with a folder"),
        (("--to", "lake"), "leave out --to"),
        (("--action", "verify", "--exchange", "US"), "leave out --exchange"),
    ],
)
def test_a_job_says_what_it_needs(commands: Commands, told: tuple[str, ...], says: str) -> None:
    refused = commands.run("jobs", "add", "mine", "--schedule", "after US", *told)
    assert (refused.code, says in refused.stderr) == (2, True), refused.stderr
    unknown = commands.run("jobs", "add", "mine", "--schedule", "after job update-XX")
    assert (unknown.code, "no job 'update-XX'" in unknown.stderr) == (2, True)


def test_a_daemon_reads_its_settings_again_when_it_is_told(
    commands: Commands, tmp_path: Path
) -> None:
    """A wrong file leaves those before in force; what it is connected with stays as it is."""
    home = tmp_path / "home"
    home.mkdir()
    file, given = home / "nexus.toml", {"home": home, "poll_seconds": 0.05, "log_level": "info"}
    with commands.running("run", log_format="json", **given) as daemon:
        eventually(lambda: commands.run("config", "reload", "--json", home=home).answer["daemons"])
        lines = Lines(daemon)
        assert lines.next_of("SettingsReread")["changed"] == []
        file.write_text("audit_share = 0.5\nschema = 'other'\n")
        told = commands.run("config", "reload", home=home)
        assert told.stdout == f"Signalled 1 daemon: {daemon.child.pid}.\n"
        assert "schema: only a daemon" in lines.next_of("Warned")["text"]
        assert lines.next_of("SettingsReread")["changed"] == ["audit_share"]
        file.write_text("audit_share = 'much'\n")
        daemon.signal(signal.SIGHUP)
        assert "those before stay in force" in lines.next_of("Warned")["text"]
        daemon.signal(signal.SIGTERM)
        assert daemon.end().code in (0, 3, 75)
    file.unlink()
    assert commands.run("config", "reload", "--json", home=home).answer == {"daemons": []}
    assert list((home / "daemons").iterdir()) == []


@dataclass(frozen=True, slots=True)
class Lines:
    """The log of a running command."""

    running: Running

    def next_of(self, event: str) -> dict[str, Any]:
        """Wait for the next line with an event."""
        assert self.running.child.stderr
        for text in self.running.child.stderr:
            line: dict[str, Any] = json.loads(text)
            if line["event"] == event:
                return line
        raise AssertionError(f"it ended without {event}")
