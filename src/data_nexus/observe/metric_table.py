"""The table of all metrics: name, kind, labels and meaning. Pure.

Names and units are by Prometheus' conventions. No label holds a symbol or a text of the vendor's:
the number of series is bounded by endpoints, rules, exchanges and jobs. A job's label is `name`:
`job` is Prometheus' own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_BELOW_A_MINUTE = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
_UP_TO_HOURS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0)
_ROWS = (1.0, 10.0, 100.0, 1_000.0, 5_000.0, 20_000.0, 100_000.0)


class Kind(StrEnum):
    """The kind of a metric, as Prometheus names it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its name, what it says, its labels, and of a histogram the buckets."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"nexus_{name}_total", Kind.COUNTER, meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"nexus_{name}", Kind.GAUGE, meaning, labels)


def _histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(f"nexus_{name}", Kind.HISTOGRAM, meaning, labels, buckets)


# What a process counts of its own work, from its start on.
COUNTED = (
    _counter("rows", "rows received, by what became of them", "outcome"),
    _counter("rows_rejected", "rejected rows, by the rule that they broke", "rule"),
    _counter("rows_flagged", "rows stored as sent although they broke a rule", "rule"),
    _counter("bars_withdrawn", "stored bars that left, as the vendor sends them no more"),
    _counter("bars_doubted", "stored bars that stay, although the vendor sends them no more"),
    _counter("asset_outcomes", "assets that came to an end in a run, by which", "outcome"),
    _counter("rereads", "histories that are read again as a whole, as their last bars changed"),
    _counter("action_reads", "assets whose splits and dividends were requested", "outcome"),
    _counter("bulk_sessions", "sessions of an exchange that were advanced in bulk", "exchange"),
    _counter("calls", "calls of the daily quota that requests cost", "endpoint"),
    _counter(
        "requests",
        "requests on the wire; the status is `none` where no answer came",
        *("endpoint", "status"),
    ),
    _counter("credentials_refused", "requests that the vendor refused for the key (401)"),
    _counter("response_bytes", "bytes of answers, as they were sent", "endpoint"),
    _histogram("request_seconds", "time until an answer was complete", _BELOW_A_MINUTE, "endpoint"),
    _histogram("transaction_seconds", "duration of transactions that wrote rows", _BELOW_A_MINUTE),
    _histogram("transaction_rows", "rows that a transaction wrote", _ROWS),
    _histogram("transaction_assets", "assets whose answers shared a transaction", _ROWS),
    _counter("retries", "attempts that failed and were made again"),
    _counter("retry_wait_seconds", "time for which failed attempts were to wait"),
    _counter("waits", "waits of whole runs, by reason", "reason"),
    _counter("wait_seconds", "time for which whole runs were to wait, by reason", "reason"),
    _counter("warnings", "warnings; the log has their texts"),
    _counter("runs_started", "runs that began, by command", "command"),
    _counter("runs", "runs that ended, by command; `done` or not", "command", "outcome"),
    _counter("job_runs", "runs of jobs that ended", "name", "outcome"),
    _counter("job_runs_missed", "runs of jobs that a later run made up for", "name"),
    _histogram("job_run_seconds", "duration of the runs of jobs", _UP_TO_HOURS, "name"),
    _counter("alerts_raised", "alerts that were raised, silenced ones included", "condition"),
    _counter("alerts_recovered", "alerts that were over", "condition"),
    _counter("alert_messages", "messages about alerts that a channel has taken", "channel"),
    _gauge("build_info", "always 1; the label names the version", "version"),
)
# What the database says, whichever process is asked.
MEASURED = (
    _gauge("database_up", "1 if the database answers, else 0: then its other gauges are left out"),
    _gauge("measured_timestamp_seconds", "moment of the gauges that are read from the database"),
    _gauge("measure_seconds", "how long it took to read them"),
    _gauge("assets", "assets that are known", "exchange"),
    _gauge("assets_with_bars", "assets of which bars are stored", "exchange"),
    _gauge("assets_fresh", "of those with bars: fresh, as `nexus status` counts", "exchange"),
    _gauge("assets_stale", "of those with bars that a person wants: not fresh", "exchange"),
    _gauge("assets_settled", "of those with bars: settled", "exchange"),
    _gauge("assets_provisional", "of those with bars: the last bar is provisional", "exchange"),
    _gauge(
        "assets_complete",
        "of those with bars: up to the last published session all are stored or known absent",
        "exchange",
    ),
    _gauge(
        "fresh_ratio", "fresh ones among those that are fresh or stale, from 0 to 1", "exchange"
    ),
    _gauge("complete_ratio", "complete ones among those with bars, from 0 to 1", "exchange"),
    _gauge("settled_ratio", "settled ones among those with bars, from 0 to 1", "exchange"),
    _gauge(
        "oldest_lag_sessions",
        "published sessions that the oldest asset lacks; parked and paused ones do not count",
        "exchange",
    ),
    _gauge("last_session_timestamp_seconds", "midnight of the last published session", "exchange"),
    _gauge("assets_due", "due assets: the depth of the queue", "exchange"),
    _gauge("dead_letters", "assets that are parked and wait for a person", "exchange"),
    _gauge("assets_damaged", "assets whose history waits to be reloaded", "exchange"),
    _gauge("assets_suspected", "assets with an open suspicion", "exchange"),
    _gauge("assets_with_findings", "assets with findings", "exchange"),
    _gauge("quota_used_calls", "calls that are spent of the day"),
    _gauge("quota_left_calls", "calls that are left of the day, extra ones included, once known"),
    _gauge("quota_limit_calls", "calls of a day, once known"),
    _gauge("quota_reset_timestamp_seconds", "moment at which the day's calls are renewed"),
    _gauge("rate_limit_requests", "requests a minute"),
    _gauge("job_last_success_timestamp_seconds", "end of a job's last run that was done", "name"),
    _gauge("job_last_end_timestamp_seconds", "end of a job's last run", "name"),
    _gauge("job_failed", "1 if a job's last run failed, else 0", "name"),
    _gauge("job_running", "1 if a run of a job is under way, else 0", "name"),
    _gauge("job_paused", "1 if a job is paused, else 0", "name"),
    _gauge(
        "job_overdue_seconds",
        "time since which a run of a job is due and not begun; 0 if there is none",
        "name",
    ),
    _gauge("workers", "workers that live"),
    _gauge("requests_in_flight", "requests in flight of all workers that live"),
    _gauge("breakers_open", "workers whose circuit breaker is not closed", "endpoint"),
    _gauge("database_size_bytes", "size of the database"),
    _gauge("database_sessions", "sessions on the database, by their state", "state"),
    _gauge("database_sessions_waiting", "busy sessions, by what they wait for", "event"),
    _gauge("database_connections_allowed", "`max_connections` of the server"),
    _gauge("disk_free_bytes", "free bytes on the disk of NEXUS_HOME"),
    _gauge("disk_size_bytes", "size of the disk of NEXUS_HOME"),
)
METRICS = COUNTED + MEASURED
