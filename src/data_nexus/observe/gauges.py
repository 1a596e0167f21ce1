"""Show what the database says as gauges, for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from data_nexus.database.reader.jobs.jobs import ListedJob
from data_nexus.database.reader.measures.measures import Measures
from data_nexus.database.reader.status import LiveWorker
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.limits.quota import Quota
from data_nexus.domain.planning.freshness import ExchangeFreshness
from data_nexus.domain.planning.jobs import JobOutcome
from data_nexus.domain.planning.schedules import AfterJob, parse_schedule
from data_nexus.errors import UsageError
from data_nexus.observe.metric_table import MEASURED

_BY_NAME = {metric.name: metric for metric in MEASURED}
# A metric's name without the prefix, its value, and the values of its labels.
Sample = tuple[str, float, Sequence[str]]
_NO_LABEL: Sequence[str] = ()
_FAR_FUTURE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of the database (None: it is away), how long it took; the home's disk."""

    measures: Measures | None
    seconds: float
    disk_free: int | None = None
    disk_size: int | None = None


@dataclass(slots=True, eq=False)
class DatabaseGauges(Collector):
    """Gives the gauges of the last `reading`; without one only that the database is not up."""

    reading: Reading = field(default_factory=lambda: Reading(measures=None, seconds=0.0))

    def describe(self) -> Iterable[Metric]:
        """Return no names: a registry that asks would otherwise read the values."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Give each gauge that has a value, with its samples."""
        families: dict[str, GaugeMetricFamily] = {}
        for name, value, labels in _samples(self.reading):
            metric = _BY_NAME[f"nexus_{name}"]
            family = families.setdefault(
                metric.name, GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            )
            family.add_metric(labels, value)
        yield from families.values()


def _samples(reading: Reading) -> Iterator[Sample]:
    found = reading.measures
    yield "database_up", int(found is not None), _NO_LABEL
    yield "measure_seconds", reading.seconds, _NO_LABEL
    if reading.disk_free is not None and reading.disk_size is not None:
        yield "disk_free_bytes", reading.disk_free, _NO_LABEL
        yield "disk_size_bytes", reading.disk_size, _NO_LABEL
    if found is None:
        return
    yield "measured_timestamp_seconds", found.moment.timestamp(), _NO_LABEL
    for exchange, state in sorted(found.exchanges.items()):
        yield from ((name, value, [exchange]) for name, value in _of_exchange(state))
    yield from ((name, value, _NO_LABEL) for name, value in _of_quota(found.quota))
    done_at = {job.name: job.last_success for job in found.jobs if job.last_success}
    for job in found.jobs:
        of_job = _of_job(job, found.moment, done_at)
        yield from ((name, value, [job.name]) for name, value in of_job)
    yield from _of_workers(found.workers)
    server = found.server
    yield "database_size_bytes", server.size_bytes, _NO_LABEL
    yield "database_connections_allowed", server.connections_allowed, _NO_LABEL
    yield from (("database_sessions", n, [state]) for state, n in server.sessions.items())
    yield from (("database_sessions_waiting", n, [event]) for event, n in server.waiting.items())


def _of_exchange(state: ExchangeFreshness) -> Iterator[tuple[str, float]]:
    yield "assets", state.total
    yield "assets_with_bars", state.with_data
    yield "assets_fresh", state.fresh
    yield "assets_stale", state.stale
    yield "assets_settled", state.settled
    yield "assets_provisional", state.provisional
    yield "assets_complete", state.complete
    if state.with_data:
        yield "complete_ratio", state.complete / state.with_data
        yield "settled_ratio", state.settled / state.with_data
    if state.fresh + state.stale:
        yield "fresh_ratio", state.fresh / (state.fresh + state.stale)
    yield "oldest_lag_sessions", state.lag_sessions
    if state.last_session:
        yield "last_session_timestamp_seconds", _midnight(state.last_session)
    yield "assets_due", state.due
    yield "dead_letters", state.parked
    yield "assets_damaged", state.damaged
    yield "assets_suspected", state.suspected
    yield "assets_with_findings", state.with_findings


def _of_quota(quota: Quota) -> Iterator[tuple[str, float]]:
    yield "quota_used_calls", quota.spent
    if quota.left is not None:
        yield "quota_left_calls", quota.left
    if quota.day_limit is not None:
        yield "quota_limit_calls", quota.day_limit
    yield "quota_reset_timestamp_seconds", quota.resets_at.timestamp()
    yield "rate_limit_requests", quota.minute_limit


def _of_job(
    job: ListedJob, now: datetime, done_at: Mapping[str, datetime]
) -> Iterator[tuple[str, float]]:
    if job.last_success:
        yield "job_last_success_timestamp_seconds", job.last_success.timestamp()
    if job.ended_at:
        yield "job_last_end_timestamp_seconds", job.ended_at.timestamp()
    yield "job_failed", int(job.outcome == JobOutcome.FAILED)
    yield "job_running", int(job.outcome == JobOutcome.RUNNING)
    yield "job_paused", int(job.paused_at is not None)
    if job.paused_at is None and (since := _due_since(job, done_at)) is not None:
        yield "job_overdue_seconds", max(0.0, (now - since).total_seconds())


def _due_since(job: ListedJob, done_at: Mapping[str, datetime]) -> datetime | None:
    """Return from when on a run is due and not begun; None if the schedule cannot be read.

    `done_at` is when jobs were last done: others follow them. What follows one that has not been
    done since is due in a far future.
    """
    try:
        schedule = parse_schedule(job.schedule)
    except UsageError:
        return None
    if isinstance(schedule, AfterJob):
        done = done_at.get(schedule.job)
        following = done if done and done > job.known_to else _FAR_FUTURE
    else:
        following = schedule.next_due(job.known_to)
    return min(following, job.retry_at) if job.retry_at else following


def _of_workers(workers: Sequence[LiveWorker]) -> Iterator[Sample]:
    yield "workers", len(workers), _NO_LABEL
    in_flight = sum(int(each.state.get("in_flight", 0)) for each in workers)
    yield "requests_in_flight", in_flight, _NO_LABEL
    open_at = Counter(
        endpoint
        for each in workers
        for endpoint, state in each.state.get("breakers", {}).items()
        if state != "closed"
    )
    yield from (("breakers_open", open_at[each], [each.value]) for each in Endpoint)


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()
