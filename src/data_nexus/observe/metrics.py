"""Count what happens in a process, for Prometheus: a listener to the events.

A few microseconds an event: the series that are always there are looked up once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from data_nexus.domain.alerting.conditions import Condition
from data_nexus.events import (
    Absent,
    ActionsFailed,
    ActionsRead,
    AlertRaised,
    AlertRecovered,
    AlertSent,
    Committed,
    Event,
    ExchangeAdvanced,
    Failed,
    FeedRejected,
    JobEnded,
    JobStarted,
    LeaseLost,
    Parked,
    Requested,
    Reread,
    Retried,
    RunFinished,
    RunStarted,
    SessionAdvanced,
    TransactionCommitted,
    Waiting,
    Warned,
)
from data_nexus.observe.metric_table import COUNTED, Kind

# What a wait's reason begins with; the rest of it may be a text of the vendor's or of a server's.
WAIT_REASONS = (
    *("the daily quota", "the vendor's minute limit", "the minute window"),
    *("the vendor to recover", "the database"),
)
_OTHER = "other"
_ROW_OUTCOMES = ("inserted", "revised", "unchanged", "rejected")
_ASSET_OUTCOMES = ("synced", "absent", "failed", "parked", "fenced")
_STATUSES = frozenset(int(each) for each in HTTPStatus)

# A series per label set would get a twin with the moment at which it began.
disable_created_metrics()


class EventMetrics:
    """The metrics of a process: `note` listens to events, `registry` has what was counted."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self._by_name = {metric.name: self._made(metric.name) for metric in COUNTED}
        # The series of a metric, by the values of its labels: looked up once.
        self._counter = cache(partial(self._find, "nexus_{}_total"))
        self._histogram = cache(partial(self._find, "nexus_{}"))
        ProcessCollector(registry=self.registry)
        self._by_name["nexus_build_info"].labels(version).set(1)
        self._begin()
        self._by_event: dict[type, Callable[[Any], None]] = {
            Requested: self._requested,
            Committed: self._committed,
            TransactionCommitted: self._transaction,
            SessionAdvanced: self._session,
            ExchangeAdvanced: self._exchange,
            Absent: lambda _: self._outcome("absent"),
            Failed: lambda _: self._outcome("failed"),
            Parked: lambda _: self._outcome("parked"),
            LeaseLost: lambda _: self._outcome("fenced"),
            Reread: lambda _: self._add("rereads"),
            FeedRejected: lambda event: self._rules("rows_rejected", event.rejected_by_rule),
            ActionsRead: self._actions_read,
            ActionsFailed: lambda _: self._add("action_reads", "failed"),
            Retried: self._retried,
            Waiting: self._waiting,
            Warned: lambda _: self._add("warnings"),
            RunStarted: lambda event: self._add("runs_started", event.command),
            RunFinished: self._run_finished,
            JobStarted: lambda event: self._add("job_runs_missed", event.job, by=event.missed),
            JobEnded: self._job_ended,
            AlertRaised: lambda event: self._add("alerts_raised", event.condition),
            AlertRecovered: lambda event: self._add("alerts_recovered", event.condition),
            AlertSent: lambda event: self._add("alert_messages", event.channel),
        }

    def note(self, event: Event) -> None:
        """Count one event; one that says nothing new is passed over."""
        count = self._by_event.get(type(event))
        if count is not None:
            count(event)

    def _made(self, name: str) -> Any:  # noqa: ANN401 - three kinds without a type in common
        metric = next(each for each in COUNTED if each.name == name)
        meaning, labels = metric.meaning, metric.labels
        if metric.kind is Kind.COUNTER:
            return Counter(name, meaning, labels, registry=self.registry)
        if metric.kind is Kind.GAUGE:
            return Gauge(name, meaning, labels, registry=self.registry)
        return Histogram(name, meaning, labels, registry=self.registry, buckets=metric.buckets)

    def _find(self, form: str, name: str, *labels: str) -> Any:  # noqa: ANN401
        metric = self._by_name[form.format(name)]
        return metric.labels(*labels) if labels else metric

    def _begin(self) -> None:
        """Let the series be there whose labels are known: a rate needs a zero to begin with."""
        for outcome in _ROW_OUTCOMES:
            self._add("rows", outcome, by=0)
        for outcome in _ASSET_OUTCOMES:
            self._outcome(outcome, 0)
        for reason in (*WAIT_REASONS, _OTHER):
            self._add("waits", reason, by=0)
            self._add("wait_seconds", reason, by=0)
        for condition in Condition:
            self._add("alerts_raised", condition, by=0)

    def _add(self, name: str, *labels: str, by: float = 1) -> None:
        self._counter(name, *labels).inc(by)

    def _observe(self, name: str, value: float, *labels: str) -> None:
        self._histogram(name, *labels).observe(value)

    def _outcome(self, outcome: str, assets: int = 1) -> None:
        self._add("asset_outcomes", outcome, by=assets)

    def _rules(self, name: str, counts: Mapping[str, int]) -> None:
        for rule, rows in counts.items():
            self._add(name, rule, by=rows)

    def _requested(self, event: Requested) -> None:
        endpoint = str(event.endpoint)
        self._add("requests", endpoint, _status(event.status))
        self._add("calls", endpoint, by=event.calls)
        self._add("response_bytes", endpoint, by=event.bytes)
        if event.status == HTTPStatus.UNAUTHORIZED:
            self._add("credentials_refused")
        self._observe("request_seconds", event.seconds, endpoint)

    def _committed(self, event: Committed) -> None:
        self._outcome("synced")
        for outcome in _ROW_OUTCOMES:
            if rows := getattr(event, outcome):
                self._add("rows", outcome, by=rows)
        if event.withdrawn or event.doubted:
            self._add("bars_withdrawn", by=event.withdrawn)
            self._add("bars_doubted", by=event.doubted)
        self._rules("rows_rejected", event.rejected_by_rule)
        self._rules("rows_flagged", event.flagged)

    def _transaction(self, event: TransactionCommitted) -> None:
        self._observe("transaction_seconds", event.seconds)
        self._observe("transaction_rows", event.rows)
        self._observe("transaction_assets", event.assets)

    def _session(self, event: SessionAdvanced) -> None:
        self._add("bulk_sessions", event.exchange)
        self._add("rows", "inserted", by=event.stored)
        self._add("rows", "rejected", by=event.rejected)
        self._rules("rows_rejected", event.rejected_by_rule)
        self._rules("rows_flagged", event.flagged)

    def _exchange(self, event: ExchangeAdvanced) -> None:
        self._outcome("synced", event.synced)
        self._outcome("absent", event.absent)
        self._outcome("failed", event.failed)

    def _actions_read(self, event: ActionsRead) -> None:
        self._add("action_reads", "read")
        self._rules("rows_rejected", event.rejected_by_rule)

    def _retried(self, event: Retried) -> None:
        self._add("retries")
        self._add("retry_wait_seconds", by=event.seconds)

    def _waiting(self, event: Waiting) -> None:
        reason = next((each for each in WAIT_REASONS if event.reason.startswith(each)), _OTHER)
        self._add("waits", reason)
        self._add("wait_seconds", reason, by=event.seconds)

    def _run_finished(self, event: RunFinished) -> None:
        outcome = "done" if event.outcome == "done" else "ended early"
        self._add("runs", event.command, outcome)

    def _job_ended(self, event: JobEnded) -> None:
        self._add("job_runs", event.job, str(event.outcome))
        self._observe("job_run_seconds", event.seconds, event.job)


def _status(status: int) -> str:
    """Return a status as a label; what the vendor invents is one label, however many it invents."""
    if not status:
        return "none"
    return str(status) if status in _STATUSES else _OTHER
