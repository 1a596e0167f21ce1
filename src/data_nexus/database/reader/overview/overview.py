"""Read how a database stands and what runs now, in a few milliseconds however large it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row, dict_row

from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.database.reader.planning import known_calendars, known_quota
from data_nexus.database.reader.status import state_parameters
from data_nexus.domain.limits.quota import Quota, on_day

# No run has a larger number.
NEWEST = 2_147_483_647


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeState:
    """The assets of an exchange counted by state, as `nexus status` counts those of all.

    `behind` lack a session that is out, or were never loaded; `oldest` is the cursor of the stale
    one that is furthest behind; `published` the last session that is out.
    """

    exchange: str
    total: int
    with_bars: int
    fresh: int
    stale: int
    settled: int
    provisional: int
    parked: int
    paused: int
    behind: int
    oldest: date | None
    published: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTotal:
    """What a run has stored so far, and in the last minute."""

    run_id: int
    assets: int = 0
    rows: int = 0
    calls: int = 0
    assets_a_minute: int = 0
    rows_a_minute: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRun:
    """A run under way; `state` is what its worker reports of itself, as it stands in the table."""

    run_id: int
    command: str
    started_at: datetime
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run as it is on record, its figures by JSON name."""

    run_id: int
    command: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What was stored in five minutes from `since`."""

    since: datetime
    answers: int
    rows: int
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a database stands at a moment of its own clock: exchanges, runs under way, quota."""

    moment: datetime
    exchanges: Sequence[ExchangeState]
    running: Sequence[RunningRun]
    totals: Mapping[int, RunTotal]
    quota: Quota


def read_standing(database: PostgresConnection, settings: Settings) -> Standing:
    """Return how a database stands."""
    with database.together() as one:
        known, calendars = known_quota(one, settings.token), known_calendars(one)
        with one.connect() as connection:
            states = state_parameters(connection, known.moment, calendars) | {"asset_ids": None}
        running = one.rows("running_runs", {}, class_row(RunningRun))
        totals: dict[int, RunTotal] = {}
        if running:
            since = min(each.started_at for each in running)
            totals = read_run_totals(one, [each.run_id for each in running], since)
        return Standing(
            moment=known.moment,
            exchanges=one.rows("exchange_states", states, class_row(ExchangeState)),
            running=running,
            totals=totals,
            quota=on_day(known.quota, known.moment.date()),
        )


def read_run_totals(
    database: PostgresConnection, run_ids: Sequence[int], since: datetime
) -> dict[int, RunTotal]:
    """Return what runs have stored since a moment, by run; one that stored nothing is left out."""
    asked = {"run_ids": [*run_ids], "since": since}
    totals = database.rows("sync_totals", asked, class_row(RunTotal))
    return {each.run_id: each for each in totals}


def read_throughput(database: PostgresConnection, hours: int) -> list[Throughput]:
    """Return what was stored in the last hours, by five minutes that had any, oldest first."""
    return database.rows("throughput", {"hours": hours}, class_row(Throughput))


def read_runs(
    database: PostgresConnection, before: int = NEWEST, most: int = 50, run_id: int | None = None
) -> list[StoredRun]:
    """Return runs, newest first: those with a number below `before`, or the one of a number."""
    asked = {"before": before, "most": most, "run_id": run_id}
    return database.rows("list_runs", asked, class_row(StoredRun))


def count_dead_letters(database: PostgresConnection, most: int) -> int:
    """Return how many dead letters there are; of more than `most` only that many."""
    with database.connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        found = cursor.execute(query("count_some_dead_letters"), {"most": most}).fetchone()
    return found["letters"] if found else 0
