"""What a clock that ran ahead has left in the database is taken back when work goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.rows import class_row

from data_nexus.config import Secret, load_settings
from data_nexus.database import queries
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.planning import known_quota
from data_nexus.database.reader.status import PastRun
from data_nexus.database.store import open_store
from data_nexus.database.store.clock import clock_at
from data_nexus.domain.endpoints import Endpoint
from data_nexus.errors import ClocksDiffer
from data_nexus.events import Event, Warned
from data_nexus.ingestion.wiring import FAIL_FAST, WORKER, LimitPolicy, open_run
from tests.support.postgres.tables import add_assets, execute, rows, value
from tests.support.postgres.workers import Worker, worker_on

TOKEN = Secret("canary5f3a9c01e7.28841620")


def symbols(worker: Worker, **asked: float) -> list[str]:
    return sorted(lease.symbol.code for lease in worker.claim(**asked))  # type: ignore[arg-type]


def test_an_answer_of_a_day_to_come_is_one_of_now(database_url: str) -> None:
    """Else an asset would not be due for as long as the clock was ahead."""
    add_assets(database_url, "AHEAD", "SHORTLY", "NEVER")
    execute(
        database_url,
        "UPDATE assets SET last_synced = now() + interval '10 days', read_whole_at = last_synced,"
        " actions_read_at = now() + interval '10 days',"
        " actions_wanted_at = now() + interval '10 days', last_bar = '2024-01-02'"
        " WHERE symbol = 'AHEAD'",
        "UPDATE assets SET read_whole_at = now() + interval '10 days' WHERE symbol = 'AHEAD'",
        "UPDATE assets SET last_synced = now() + interval '1 minute' WHERE symbol = 'SHORTLY'",
    )
    with worker_on(database_url) as worker:
        worker.requeue_absent()
        assert symbols(worker, days_old=-0.01) == ["AHEAD", "NEVER", "SHORTLY"]
    ahead = (
        "SELECT last_synced <= now(), read_whole_at <= now(), actions_read_at <= now(),"
        " actions_wanted_at <= now() FROM assets WHERE symbol = 'AHEAD'"
    )
    assert rows(database_url, ahead) == [(True, True, True, True)]
    never = "SELECT num_nulls(last_synced, read_whole_at, actions_read_at, actions_wanted_at)"
    assert value(database_url, never + " FROM assets WHERE symbol = 'NEVER'") == 4


@pytest.mark.parametrize(
    ("times_empty", "days", "rests"),
    [
        (1, 1, True),
        (1, 14, True),
        (1, 16, False),
        (3, 17, True),
        (3, 20, False),
        (7, 77, True),
        (100, 77, True),
        (100, 80, False),
    ],
)
def test_a_rest_longer_than_any_is_over(
    database_url: str,
    times_empty: int,
    days: int,
    rests: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    add_assets(database_url, "A", times_empty=times_empty)
    query = "UPDATE assets SET ask_after = now() + %s * interval '1 day'"
    rows(database_url, query, days)
    with worker_on(database_url) as worker:
        worker.requeue_absent()
        assert (worker.claim() == []) is rests


def test_a_rest_counts_from_the_run_s_own_moment_if_that_is_later(database_url: str) -> None:
    add_assets(database_url, "A", times_empty=1)
    execute(database_url, "UPDATE assets SET ask_after = now() + interval '400 days'")
    with worker_on(database_url) as worker:
        worker.requeue_absent(datetime.now(UTC) + timedelta(days=395))
        assert worker.claim() == []


def test_a_refusal_of_a_day_to_come_is_none(database_url: str) -> None:
    async def use() -> list[set[str]]:
        async with open_store(database_url, "public", 1, lease_sec=60) as store:
            quota, now = store.quota(TOKEN), store.clock.now()
            week_ago, found = now - timedelta(days=7), list[set[str]]()
            for days in (0, 0.9, 10):
                moment = now + timedelta(days=days)
                await quota.note_refusal(Endpoint.BULK, "US", moment)
                found.append(await quota.refused(Endpoint.BULK, week_ago))
            return found

    assert asyncio.run(use()) == [{"US"}, {"US"}, set()]


def test_a_list_read_on_a_day_to_come_gives_way_to_any_other(database_url: str) -> None:
    read = (
        "INSERT INTO discoveries (exchange, is_delisted, types, listed, is_shrunk, moment)"
        " VALUES ('US', false, '{}', %s, false, now() + %s * interval '1 day')"
    )
    database = PostgresConnection(database_url)
    rows(database_url, read, 1, 10)
    (only,) = database.rows(*queries.known_lists())
    assert only.moment <= datetime.now(UTC) + timedelta(days=1, minutes=1)
    rows(database_url, read, 2, -3)
    (other,) = database.rows(*queries.known_lists())
    assert (only.listed, other.listed) == (1, 2)


def live_workers(url: str) -> list[tuple[object, ...]]:
    return PostgresConnection(url).rows("live_workers", {}, lambda _: lambda row: row)


def test_a_killed_worker_and_its_run_are_lost_at_once(database_url: str) -> None:
    seen = "INSERT INTO workers (owner, state) VALUES (%s, '{}')"
    begun = "INSERT INTO runs (command, owner) VALUES ('backfill', %s)"
    owner = -3  # as a random number may be
    with psycopg.connect(database_url) as worker:
        worker.execute("SELECT pg_advisory_lock(%s)", (owner,))
        rows(database_url, seen, owner)
        rows(database_url, begun, owner)
        assert len(live_workers(database_url)) == 1
        assert last_outcome(database_url) == "running"
    assert live_workers(database_url) == []
    assert last_outcome(database_url) == "lost: its process ended"
    assert value(database_url, "SELECT outcome FROM runs") == "running", "status writes nothing"


def last_outcome(url: str) -> str | None:
    (run,) = PostgresConnection(url).rows("last_runs", {}, class_row(PastRun))
    return run.outcome


def test_a_worker_seen_on_a_day_to_come_does_not_live(database_url: str) -> None:
    seen = "INSERT INTO workers (owner, state, seen_at) VALUES (%s, '{}', now() + %s::interval)"
    for owner, ahead in enumerate(("0", "1 minute", "-1 minute", "10 days", "-10 days")):
        rows(database_url, seen, owner, ahead)
    assert live_workers(database_url) == [], "none of them holds its lock"
    with psycopg.connect(database_url) as holder:
        holder.execute("SELECT pg_advisory_lock(owner) FROM generate_series(0, 4) AS owner")
        assert len(live_workers(database_url)) == 3
    with worker_on(database_url) as worker:
        worker._runner.run(worker.store.runs.leave())  # noqa: SLF001
    assert value(database_url, "SELECT array_agg(owner ORDER BY owner) FROM workers") == [0, 1, 2]


@pytest.mark.parametrize(
    ("day", "slot"), [("9999-12-31", "0"), ("2036-01-01", "0"), ("today", "10 days")]
)
def test_a_reader_of_the_ledger_believes_no_more_than_a_worker(
    database_url: str, day: str, slot: str
) -> None:
    query = (
        "INSERT INTO quota_ledger (token_id, day, spent, day_limit, minute_limit, next_slot)"
        " VALUES (%s, %s::text::date, 1000, 1000, 300, now() + %s::interval)"
    )
    rows(database_url, query, queries.token_id(TOKEN), day, slot)
    known = known_quota(PostgresConnection(database_url), TOKEN)
    assert known.quota.day == known.moment.date()
    assert known.quota.resets_at < known.moment + timedelta(days=1, minutes=1)
    assert known.quota.next_slot <= known.moment


@pytest.mark.parametrize("ahead", [-3000.0, -1.5, 0.0, 1.5, 3000.0])
def test_the_database_s_clock_is_followed_whatever_the_machine_s_says(ahead: float) -> None:
    named = datetime.now(UTC) + timedelta(days=ahead)
    clock = clock_at(named)
    assert timedelta() <= clock.now() - named < timedelta(seconds=5)
    clock.note(named + timedelta(days=2))
    assert timedelta(days=2) <= clock.now() - named < timedelta(days=2, seconds=5)


def test_the_clock_of_a_store_is_the_database_s(database_url: str) -> None:
    async def use() -> list[datetime]:
        async with open_store(database_url, "public", 1, lease_sec=60) as store:
            store.clock.offset_sec += 86_400 * 30
            wrong = store.clock.now()
            _, moment = await store.quota(TOKEN).change(lambda quota, _: (quota, None))
            return [wrong, moment, store.clock.now()]

    wrong, moment, followed = asyncio.run(use())
    assert wrong - moment > timedelta(days=29)
    assert abs(followed - moment) < timedelta(seconds=5)


def opened(
    url: str,
    policy: LimitPolicy = FAIL_FAST,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[float, list[Event]]:
    """What a worker with this clock leaves of the day's calls, and what it says at its start."""
    said: list[Event] = []

    async def use() -> float:
        settings = load_settings({"reserve": 0.25}, {"EODHD_API_KEY": TOKEN.reveal()})
        async with open_run(settings, url, said.append, policy, clock) as (_, requester):
            return requester.ledger.keep_share

    return asyncio.run(use()), said


@pytest.mark.parametrize("minutes", [-9, 0, 9])
def test_clocks_may_differ_by_some_minutes(database_url: str, minutes: int) -> None:
    ahead = timedelta(minutes=minutes)
    assert opened(database_url, clock=lambda: datetime.now(UTC) + ahead)[1] == []


@pytest.mark.parametrize("minutes", [-23 * 60, -11, 11, 23 * 60])
def test_clocks_that_differ_by_more_are_worth_a_warning(database_url: str, minutes: int) -> None:
    own = datetime.now(UTC) + timedelta(minutes=minutes)
    (warned,) = opened(database_url, clock=lambda: own)[1]
    assert isinstance(warned, Warned)
    assert f"this machine's clock says {own:%Y-%m-%d %H:%M} UTC, the database's 20" in warned.text


@pytest.mark.parametrize(
    "own", [datetime(2000, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1.1)]
)
def test_clocks_that_differ_by_days_are_an_error_with_words(
    database_url: str, own: datetime
) -> None:
    with pytest.raises(ClocksDiffer, match="set the wrong one") as refused:
        opened(database_url, clock=lambda: own)
    assert refused.value.exit_code == 7
    assert f"{own:%Y-%m-%d %H:%M} UTC" in str(refused.value)


def test_a_worker_leaves_the_reserve_and_others_do_not(database_url: str) -> None:
    assert opened(database_url, WORKER)[0] == 0.25
    assert opened(database_url, FAIL_FAST)[0] == 0.0


def test_a_renewal_answered_late_is_not_trusted_longer(database_url: str) -> None:
    """Trust counts from before the question, as the database's own lease does."""
    add_assets(database_url, "A")
    with worker_on(database_url, lease_sec=0.5) as worker:
        (lease,) = worker.claim()
        execute(
            database_url,
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_sleep(0.7); RETURN NEW; END'",
            "CREATE TRIGGER dawdle BEFORE UPDATE ON assets FOR EACH ROW EXECUTE FUNCTION dawdle()",
        )
        worker.renew()
        assert not worker.store.leases.trusts(lease)
        execute(database_url, "DROP FUNCTION dawdle CASCADE")
        worker.renew()
        assert worker.store.leases.trusts(lease)


def test_witnesses_are_those_that_answered_last_or_else_any(database_url: str) -> None:
    never = add_assets(database_url, "N1", "N2")
    for number, code in enumerate(("LAST", "BEFORE", "LONG-AGO")):
        (asset_id,) = add_assets(database_url, code, last_bar="2024-01-02")
        synced = "UPDATE assets SET last_synced = now() - %s * interval '1 day' WHERE id = %s"
        rows(database_url, synced, number, asset_id)
    add_assets(database_url, "GONE", last_bar="2024-01-02", is_active=False)
    with worker_on(database_url) as worker:
        asked = [worker.store.leases.witnesses(never[:1], limit) for limit in (2, 9)]
        found = [[symbol.code for symbol in worker._runner.run(each)] for each in asked]  # noqa: SLF001
    assert found == [["LAST", "BEFORE"], ["LAST", "BEFORE", "LONG-AGO", "N2"]]
