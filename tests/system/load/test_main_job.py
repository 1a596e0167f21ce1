"""The main job on a bare machine: a key and nothing else, one command after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from data_nexus.database.embedded import embedded_server, remove
from data_nexus.domain.calendar.publication import PublicationKind, kind_of, published_through
from tests.support.postgres.tables import rows, value
from tests.support.programs.commands import Commands, Finished, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth


@dataclass(frozen=True, slots=True)
class Job:
    """The commands of the main job, as they ended, and what the vendor was asked by backfills."""

    commands: Commands
    vendor: Sandbox
    discovered: Finished
    first: Finished
    asked: list[dict[str, Any]]
    second: Finished
    asked_after_second: list[dict[str, Any]]
    url: str


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    folder = tmp_path_factory.mktemp("bare")
    with sandbox(symbols=300, years=2, minute_limit=1_000_000) as vendor:
        commands = commands_at(folder, vendor)
        discovered = commands.run("discover", "--exchange", "US", "--delisted", "--json")
        begun = len(vendor.log())
        first = commands.run("backfill", "--no-limit", "--json")
        asked = vendor.log()[begun:]
        second = commands.run("backfill", "--no-limit", "--json")
        with embedded_server(folder / "nexus") as url:
            log = vendor.log()[begun:]
            yield Job(commands, vendor, discovered, first, asked, second, log, url)
    remove(folder / "nexus")


def test_every_command_ends_well_and_says_nothing_beside_its_answer(job: Job) -> None:
    ended = [job.discovered, job.first, job.second]
    assert [(each.code, each.stderr) for each in ended] == [(0, "")] * 3


def test_discovery_lists_the_living_and_the_dead(job: Job) -> None:
    answer = job.discovered.answer
    assert [exchange["added"] for exchange in answer["exchanges"]] == [300, 45]
    assert (answer["calls"], answer["requests"]) == (2, 3), "two lists, and the account once"


def test_what_is_stored_is_what_the_vendor_serves_to_the_last_bit(job: Job) -> None:
    bars = truth(job.vendor)
    assert differences(job.url, bars) == {"lost": 0, "invented": 0, "served": len(bars)}
    assert len(bars) > 50_000


def test_each_asset_was_asked_for_once(job: Job) -> None:
    asked = Counter(entry["symbol"] for entry in job.asked if entry["endpoint"] == "eod")
    known = rows(job.url, "SELECT symbol || '.' || exchange FROM assets")
    assert asked == Counter(row[0] for row in known)


def test_the_figures_are_those_of_the_vendor_s_own_log(job: Job) -> None:
    answer, asked = job.first.answer, [e for e in job.asked if e["endpoint"] == "eod"]
    assert answer["requests"] == len(job.asked)
    assert answer["calls"] == len(asked) == sum(e["cost"] for e in job.asked)
    assert answer["total_rows"] == sum(entry["rows"] or 0 for entry in asked)
    assert answer["inserted"] == value(job.url, "SELECT count(*) FROM market_data")
    assert answer["total_assets"] == answer["synced"] + answer["absent"] == 345


def test_the_account_is_asked_for_once_before_anything_is_paid_for(job: Job) -> None:
    endpoints = [entry["endpoint"] for entry in job.asked]
    assert (endpoints[0], endpoints.count("user")) == ("user", 1)


def test_absent_assets_stay_without_an_answer_and_rest(job: Job) -> None:
    """Some listings of the universe are *not found*, others have no bars."""
    served = {e["symbol"] for e in job.asked if e["endpoint"] == "eod" and e["rows"]}
    query = "SELECT symbol || '.' || exchange FROM assets WHERE last_synced IS NOT NULL"
    assert {row[0] for row in rows(job.url, query)} == served
    resting = "SELECT count(*) FROM assets WHERE last_synced IS NULL AND ask_after > now()"
    assert value(job.url, resting) == 345 - len(served) > 0


def test_a_second_backfill_finds_nothing_due_and_sends_no_request(job: Job) -> None:
    assert job.asked_after_second == job.asked
    answer = job.second.answer
    assert {answer[key] for key in ("total_assets", "requests", "calls", "total_rows")} == {0}


def test_cursor_log_and_runs_agree(job: Job) -> None:
    """In the night, funds have a bar that is not due before the morning: their cursor is before."""
    assets = rows(
        job.url,
        "SELECT venue, asset_type, last_synced, synced_through, max(date) FROM assets a"
        " LEFT JOIN market_data m ON m.asset_id = a.id GROUP BY a.id",
    )
    for venue, asset_type, moment, cursor, last in assets:
        published = moment and published_through("US", kind_of(venue, asset_type), moment)
        assert cursor == (last and min(last, published))
    sums = "SELECT sum(inserted), sum(received - inserted - revised - unchanged - rejected)"
    assert rows(job.url, sums + " FROM sync_log") == [(job.first.answer["inserted"], 0)]
    assert rows(job.url, "SELECT command, outcome FROM runs ORDER BY id") == [
        ("discover", "done"),
        ("backfill", "done"),
        ("backfill", "done"),
    ]
    assert value(job.url, "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL") == 0


def test_status_tells_what_is_there(job: Job) -> None:
    """From the evening of a session to midnight the sandbox lacks it, and its assets are stale."""
    status = job.commands.run("status", "--json").answer
    loaded = value(job.url, "SELECT count(*) FROM assets WHERE last_synced IS NOT NULL")
    assert status["assets"]["total"] == 345
    assert status["assets"]["with_data"] == loaded
    traded = published_through("US", PublicationKind.TRADED, datetime.now(UTC))
    is_evening = str(traded) > status["last_date"]
    assert (status["assets"]["stale"] > 0) == is_evening
    assert status["assets"]["fresh"] == loaded - status["assets"]["stale"]
    assert status["assets"]["without_data"] == 345 - loaded
    assert status["assets"]["parked"] == 0
    assert status["rows"] == value(job.url, "SELECT count(*) FROM market_data")
    dates = rows(job.url, "SELECT min(date)::text, max(date)::text FROM market_data")
    assert [(status["first_date"], status["last_date"])] == dates
    assert status["quota"]["used"] == 2 + job.first.answer["calls"]
    assert (status["quota"]["limit"], status["quota"]["extra"]) == (100_000, 0)
    assert {"used", "limit", "extra", "resets_at"} <= status["quota"].keys()


def test_bars_shows_what_is_stored(job: Job) -> None:
    answer = job.commands.run("bars", "AAPL.US", "--from", "2026-01-01", "--json").answer
    expected = rows(
        job.url,
        "SELECT ticker, date::text, open, high, low, close, adjusted_close, volume FROM bars"
        " WHERE ticker = 'AAPL.US' AND date >= '2026-01-01' ORDER BY date",
    )
    assert [tuple(bar.values()) for bar in answer["bars"]] == expected
    assert expected


def test_verify_passes_and_leaves_no_trace(job: Job) -> None:
    before = value(job.url, "SELECT count(*) FROM market_data")
    done = job.commands.run("verify", "--json")
    assert (done.code, done.stderr) == (0, "")
    assert [check["passed"] for check in done.answer["checks"]] == [True] * 5
    assert set(done.answer["invariants"].values()) == {0}
    assert value(job.url, "SELECT count(*) FROM market_data") == before
    schemas = "SELECT nspname FROM pg_namespace WHERE nspname ~ 'nexus'"
    assert rows(job.url, schemas) == []


def test_verify_ends_with_8_when_an_invariant_is_broken(job: Job) -> None:
    with psycopg.connect(job.url) as connection:
        change = "UPDATE assets SET synced_through = synced_through + %s WHERE symbol = 'AAPL'"
        connection.execute(change, [1])
        connection.commit()
        done = job.commands.run("verify", "--json")
        connection.execute(change, [-1])
        connection.execute("UPDATE assets SET repair_wanted_at = NULL")
    assert done.code == 8
    assert done.answer["invariants"]["no cursor is ahead of its rows"] == 1


@pytest.mark.parametrize("arguments", [("status",), ("bars", "AAPL.US"), ("config",), ("verify",)])
def test_without_json_a_person_is_told(job: Job, arguments: tuple[str, ...]) -> None:
    done = job.commands.run(*arguments)
    assert (done.code, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) > 4
