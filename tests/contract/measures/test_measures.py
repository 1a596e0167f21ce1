"""What a monitor is told of a database is what `nexus status` says, and reads no bar."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from psycopg.types.json import Json

from data_nexus.config import Settings, load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query, queued
from data_nexus.database.reader.jobs.jobs import add_job, pause_job
from data_nexus.database.reader.measures.measures import Measures, measure
from data_nexus.database.reader.status import overview
from data_nexus.domain.calendar.publication import PublicationKind, last_published
from data_nexus.domain.planning.due import MarketSegment, behind_by_exchange, published_at
from data_nexus.domain.planning.freshness import total_state
from data_nexus.domain.planning.jobs import Action, Job
from data_nexus.observe.gauges import DatabaseGauges, Reading
from data_nexus.observe.metric_table import MEASURED
from tests.support.campaign import sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute

ASSETS = sized(600, 20_000)
PLACES = (
    ("US", "NYSE", "Common Stock"),
    ("US", "NMFQS", "FUND"),
    ("US", "PINK", "Common Stock"),
    ("LSE", "LSE", "ETF"),
)
COPY = """
COPY assets (symbol, exchange, venue, asset_type, is_active, is_delisted, is_followed, retired_at,
             paused_at, parked_at, repair_wanted_at, ask_after, last_synced, last_bar,
             synced_through, settled_through)
FROM STDIN
"""
DOUBTS = """
INSERT INTO market_data
SELECT id, last_bar, 1, 1, 1, 1, 1, 1 FROM assets WHERE last_bar IS NOT NULL;
INSERT INTO suspicions (asset_id, reason, session, read_after, accepted_at)
SELECT id, 'its price leaps', '2026-01-02', CASE id % 3 WHEN 0 THEN 'infinity' ELSE now() END,
       CASE id % 9 WHEN 0 THEN now() END
FROM assets WHERE id % 6 IN (0, 1);
INSERT INTO suspicions (asset_id, reason, session, read_after)
SELECT id, 'late action', '2026-01-02', now() FROM assets WHERE id % 12 = 0;
INSERT INTO findings (asset_id, rule, first_date, last_date, count, detail)
SELECT id, rule, '2026-01-02', '2026-01-02', 1, ''
FROM assets, unnest(ARRAY['a', 'b']) AS rule WHERE id % 7 = 0
"""
MANY = """
INSERT INTO assets (symbol, exchange, venue, asset_type, last_synced, last_bar, synced_through,
                    settled_through)
SELECT 'S' || i, CASE WHEN i % 3 = 0 THEN 'LSE' ELSE 'US' END, 'NYSE', 'Common Stock', now(),
       current_date - 1, current_date - 1, current_date - 2
FROM generate_series(1, 100000) i
"""
RUNS = """
INSERT INTO job_runs (job, due_at, owner, ended_at, outcome, retry_at)
VALUES ('failed', now(), 1, now(), 'failed', now() - interval '10 minutes'),
       ('fine', now() - interval '1 day', 1, '2026-11-30T00:00:00Z', 'done', NULL),
       ('first', now() - interval '20 minutes', 1, now() - interval '15 minutes', 'done', NULL)
"""
LEDGER = """
INSERT INTO quota_ledger (token_id, day, spent, day_limit, extra, minute_limit, next_slot)
VALUES ('x', current_date, 7, 100, 0, 1000, now())
"""
NOW = datetime.now(UTC)


def drawn_asset(number: int, draw: random.Random) -> tuple[Any, ...]:
    """An asset in any state that its columns can have, most of them near to fresh."""
    exchange, venue, asset_type = draw.choice(PLACES)

    def rarely(value: Any) -> Any:  # noqa: ANN401
        return value if draw.random() < 0.1 else None

    def day() -> date | None:
        return draw.choice([None, *(NOW.date() - timedelta(days=back) for back in (0, 1, 1, 2, 4))])

    moment = NOW - timedelta(days=3)
    return (
        *(f"S{number}", exchange, venue, asset_type),
        *(draw.random() < 0.9, draw.random() < 0.1, draw.random() < 0.9),
        *(rarely(moment), rarely(moment), rarely(moment), rarely(moment)),
        draw.choice([None, None, None, NOW - timedelta(days=1), NOW + timedelta(days=1)]),
        draw.choice([None, moment, moment]),
        *(day(), day(), day()),
    )


@pytest.fixture(scope="module")
def drawn(cluster: Cluster) -> Iterator[str]:
    """A database of assets that are drawn, each state with suspicions and findings or without."""
    draw = random.Random(20_261_201)  # noqa: S311 - drawn again alike
    with cluster.fresh_database() as url:
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            with cursor.copy(COPY) as copy:
                for number in range(ASSETS):
                    copy.write_row(drawn_asset(number, draw))
            cursor.execute(DOUBTS)
        yield url


def settings_of(url: str) -> Settings:
    return load_settings({"database_url": url})


def measured(url: str) -> Measures:
    return measure(PostgresConnection(url), settings_of(url))


def samples(found: Measures | None) -> dict[tuple[str, str], float]:
    """The gauges as Prometheus reads them, by name and label."""
    registry = CollectorRegistry()
    registry.register(DatabaseGauges(Reading(measures=found, seconds=0.5)))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.sized(ASSETS, "assets")
def test_assets_are_counted_as_status_counts_them(drawn: str) -> None:
    counted = total_state(measured(drawn).exchanges)
    status = dict(overview(PostgresConnection(drawn), settings_of(drawn)).assets)
    assert counted == {name: status[name] for name in counted}
    assert all(counted.values()), "a state that nobody is in compares nothing"


@pytest.mark.sized(ASSETS, "assets")
def test_due_are_those_that_a_run_would_load(drawn: str) -> None:
    database = PostgresConnection(drawn)
    groups = database.rows(*queued(None, datetime.now(UTC)))
    segments = {MarketSegment(*place) for place in PLACES}
    published = published_at(segments, datetime.now(UTC))
    behind = behind_by_exchange(groups, published)
    expected = {name: sum(group.assets for group in each) for name, each in behind.items()}
    found = {name: state.due for name, state in measured(drawn).exchanges.items()}
    assert found == expected
    assert all(expected.values())


def test_no_statement_reads_a_bar(drawn: str) -> None:
    asked = {"moment": NOW}
    with psycopg.connect(drawn) as connection:
        for name in ("measure_assets", "measure_server", "list_jobs", "live_workers"):
            rows = connection.execute(b"EXPLAIN " + query(name), asked)
            assert "market_data" not in "\n".join(row[0] for row in rows), name


@pytest.mark.parametrize(("cursor", "lag"), [("last", 0), ("before", 1), ("earlier", 2)])
def test_the_oldest_laggard_is_told_in_sessions(database_url: str, cursor: str, lag: int) -> None:
    """Which nobody wants, which waits for a person, or has ended, lags behind nothing."""
    out = last_published("US", PublicationKind.TRADED, datetime.now(UTC))
    place = {"venue": "NYSE", "asset_type": "Common Stock", "last_bar": "2024-01-02"}
    old = {"synced_through": "2024-01-02", **place}
    add_assets(database_url, "NEAR", synced_through=getattr(out, cursor), **place)
    add_assets(database_url, "PAUSED", paused_at=NOW, **old)
    add_assets(database_url, "UNFOLLOWED", is_followed=False, **old)
    add_assets(database_url, "PARKED", parked_at=NOW, **old)
    add_assets(database_url, "DEAD", is_delisted=True, **old)
    state = measured(database_url).exchanges["US"]
    assert (state.lag_sessions, state.last_session) == (lag, out.last)


def test_a_job_that_nobody_runs_is_overdue_and_a_paused_one_is_not(database_url: str) -> None:
    database = PostgresConnection(database_url)
    schedules = dict.fromkeys(("due", "paused"), "cron * * * * *")
    schedules |= dict.fromkeys(("failed", "fine", "first"), "cron 0 0 1 1 *")
    schedules |= {"follower": "after job first", "waiter": "after job fine"}
    for name, schedule in schedules.items():
        add_job(database, Job(name=name, action=Action.UPDATE, exchange=None, schedule=schedule))
    pause_job(database, "paused")
    execute(database_url, "UPDATE jobs SET since = now() - interval '1 hour'", RUNS)
    found = samples(measured(database_url))
    overdue = {name: found.get(("nexus_job_overdue_seconds", name)) for name in ("due", "fine")}
    assert overdue["due"] is not None
    assert 3400 < overdue["due"] < 3700
    assert overdue["fine"] == found["nexus_job_overdue_seconds", "waiter"] == 0
    assert 890 < found["nexus_job_overdue_seconds", "follower"] < 1000
    assert 590 < found["nexus_job_overdue_seconds", "failed"] < 700
    assert ("nexus_job_overdue_seconds", "paused") not in found
    failed = {name for (metric, name), n in found.items() if metric == "nexus_job_failed" and n}
    paused = {name for (metric, name), n in found.items() if metric == "nexus_job_paused" and n}
    assert (failed, paused) == ({"failed"}, {"paused"})
    done = datetime(2026, 11, 30, tzinfo=UTC).timestamp()
    assert found["nexus_job_last_success_timestamp_seconds", "fine"] == done


def test_ratios_are_there_only_where_there_is_something_to_divide(database_url: str) -> None:
    add_assets(database_url, "NEW")
    found = samples(measured(database_url))
    assert found["nexus_assets", "US"] == found["nexus_assets_due", "US"] == 1
    assert not {name for name, _ in found if name.endswith("_ratio")}


def test_workers_say_what_they_have_in_flight_and_which_breaker_is_open(database_url: str) -> None:
    state = {"in_flight": 3, "breakers": {"eod": "open until 9", "div": "closed", "odd\n": "open"}}
    with psycopg.connect(database_url) as held, psycopg.connect(database_url) as connection:
        for owner in (71, 72):
            held.execute("SELECT pg_advisory_lock(%s)", [owner])
            connection.execute(
                "INSERT INTO workers (owner, state) VALUES (%s, %s)", [owner, Json(state)]
            )
        connection.commit()
        found = samples(measured(database_url))
    assert (found["nexus_workers", ""], found["nexus_requests_in_flight", ""]) == (2, 6)
    breakers = {label: n for (name, label), n in found.items() if name == "nexus_breakers_open"}
    assert {label for label, n in breakers.items() if n} == {"eod"}
    assert breakers["eod"] == 2
    assert found["nexus_database_sessions", "idle in transaction"] >= 1


def test_every_gauge_of_the_table_can_be_shown_and_without_a_database_hardly_any(
    drawn: str,
) -> None:
    add_job(
        PostgresConnection(drawn),
        Job(name="nightly", action=Action.UPDATE, exchange=None, schedule="cron 0 0 * * *"),
    )
    execute(
        drawn,
        "INSERT INTO job_runs (job, due_at, owner, ended_at, outcome)"
        " VALUES ('nightly', now(), 1, now(), 'done')",
        LEDGER,
    )
    shown = {name for name, _ in samples(measured(drawn))}
    elsewhere = {
        "nexus_disk_free_bytes",
        "nexus_disk_size_bytes",
        "nexus_database_sessions_waiting",
    }
    assert {metric.name for metric in MEASURED} - elsewhere == shown - elsewhere
    assert samples(None) == {("nexus_database_up", ""): 0, ("nexus_measure_seconds", ""): 0.5}


@pytest.mark.campaign(100_000, "assets")
def test_a_hundred_thousand_assets_are_measured_in_a_tenth_of_a_second(database_url: str) -> None:
    execute(database_url, MANY, "ANALYZE assets")
    spans = []
    for _ in range(20):
        begun = time.monotonic()
        measured(database_url)
        spans.append(time.monotonic() - begun)
    assert min(spans) < 0.1, spans
