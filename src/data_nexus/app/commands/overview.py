"""Put together what the overview shows, for the dashboard, its events and `nexus top`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.alerts.alerts import ListedAlert, list_alerts
from data_nexus.database.reader.jobs.jobs import list_jobs
from data_nexus.database.reader.overview.overview import (
    ExchangeState,
    RunTotal,
    Standing,
    StoredRun,
    Throughput,
    count_dead_letters,
    read_runs,
    read_standing,
    read_throughput,
)
from data_nexus.domain.limits.quota import Quota

HOURS = 6
INTERVAL = timedelta(minutes=5)
# So many dead letters are counted; more are *more than*.
MOST_COUNTED = 1_000_000
_RUNS = 5
_KINDS = ("total", "with_bars", "fresh", "stale", "settled", "provisional", "parked", "paused")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a run has come: its totals, its pace, and when what is behind would be done.

    `eta_sec` is None while nothing can be said; `waits_for` is empty while it works.
    """

    run_id: int
    command: str
    started_at: datetime
    total: RunTotal
    rows_a_second: float
    in_flight: int
    waits_for: str
    eta_sec: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStanding:
    """A job with how its last run ended, and its next one."""

    name: str
    schedule: str
    last_due: datetime | None
    outcome: str | None
    detail: str | None
    next_due: datetime | None
    is_paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaForecast:
    """The day's calls: what is spent, and what will be at the reset, at the last hour's pace."""

    spent: int
    limit: int | None
    extra: int
    left: int | None
    resets_at: datetime
    calls_an_hour: int
    by_reset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOverview:
    """What is there, what runs, and what is to come, at `moment` of the database's clock."""

    moment: datetime
    exchanges: Sequence[ExchangeState]
    running: Sequence[RunProgress]
    quota: QuotaForecast
    throughput: Sequence[Throughput]
    jobs: Sequence[JobStanding]
    runs: Sequence[StoredRun]
    dead_letters: int
    alerts: Sequence[ListedAlert]

    @property
    def counts(self) -> Mapping[str, int]:
        """The assets of all exchanges, by state."""
        return {kind: sum(getattr(each, kind) for each in self.exchanges) for kind in _KINDS}

    @property
    def unsilenced(self) -> list[ListedAlert]:
        """The alerts that are not silenced."""
        return [each for each in self.alerts if each.silenced_until is None]

    @property
    def behind(self) -> int:
        """The assets that lack a session that is out, or were never loaded."""
        return sum(each.behind for each in self.exchanges)

    @property
    def oldest(self) -> date | None:
        """The cursor of the stale asset that is furthest behind."""
        return min((each.oldest for each in self.exchanges if each.oldest), default=None)

    def as_dict(self) -> dict[str, Any]:
        """Return it under the names of `nexus top --json`."""
        found = asdict(self) | {"assets": {**self.counts, "behind": self.behind}}
        return {"moment": found.pop("moment"), "assets": found.pop("assets"), **found}


def read_overview(database: PostgresConnection, settings: Settings) -> LiveOverview:
    """Return the overview of a database, by its own clock."""
    with database.together() as one:
        return _overview(one, settings)


def _overview(database: PostgresConnection, settings: Settings) -> LiveOverview:
    standing = read_standing(database, settings)
    throughput = read_throughput(database, HOURS)
    return LiveOverview(
        moment=standing.moment,
        exchanges=standing.exchanges,
        running=progress_of(standing),
        quota=_forecast(standing.quota, throughput, standing.moment),
        throughput=throughput,
        jobs=_jobs(database, standing.moment),
        runs=read_runs(database, most=_RUNS),
        dead_letters=count_dead_letters(database, MOST_COUNTED),
        alerts=list_alerts(database),
    )


def progress_of(standing: Standing) -> list[RunProgress]:
    """Return how far each run under way has come."""
    behind = sum(each.behind for each in standing.exchanges)
    totals = {
        each.run_id: standing.totals.get(each.run_id, RunTotal(run_id=each.run_id))
        for each in standing.running
    }
    pace = sum(each.assets_a_minute for each in totals.values()) / 60
    found = []
    for run in standing.running:
        age = (standing.moment - run.started_at).total_seconds()
        total = totals[run.run_id]
        found.append(
            RunProgress(
                run_id=run.run_id,
                command=run.command,
                started_at=run.started_at,
                total=total,
                rows_a_second=total.rows_a_minute / min(60.0, max(1.0, age)),
                in_flight=_whole(run.state.get("in_flight")),
                waits_for=_waits_for(run.state, standing.quota, standing.moment),
                eta_sec=behind / pace if pace and behind else None,
            )
        )
    return found


def _waits_for(state: Mapping[str, Any], quota: Quota, moment: datetime) -> str:
    """Return what a worker waits for, as far as its report and the ledger show it."""
    if quota.left == 0:
        return "the daily quota"
    breakers = state.get("breakers")
    troubled = breakers.items() if isinstance(breakers, Mapping) else ()
    if failing := [str(name) for name, how in troubled if how != "closed"]:
        return f"the vendor, which fails: {', '.join(failing)}"
    if quota.next_slot > moment + timedelta(seconds=2):
        return "the rate limit"
    return ""


def _forecast(quota: Quota, throughput: Sequence[Throughput], moment: datetime) -> QuotaForecast:
    an_hour = sum(each.calls for each in throughput if each.since > moment - timedelta(hours=1))
    hours = max(0.0, (quota.resets_at - moment).total_seconds() / 3600)
    expected = quota.spent + round(an_hour * hours)
    most = quota.calls_a_day
    return QuotaForecast(
        spent=quota.spent,
        limit=quota.day_limit,
        extra=quota.extra,
        left=quota.left,
        resets_at=quota.resets_at,
        calls_an_hour=an_hour,
        by_reset=expected if most is None else max(quota.spent, min(expected, most)),
    )


def _jobs(database: PostgresConnection, moment: datetime) -> list[JobStanding]:
    return [
        JobStanding(
            name=job.name,
            schedule=job.schedule,
            last_due=job.last_due,
            outcome=job.outcome,
            detail=job.detail,
            next_due=job.next_after(moment),
            is_paused=job.paused_at is not None,
        )
        for job in list_jobs(database)
    ]


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
