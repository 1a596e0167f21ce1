"""Count what a run did: what became of the assets and rows, and what it cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from data_nexus import events
from data_nexus.errors import NexusError, VendorUnavailable
from data_nexus.events import (
    Absent,
    ActionsFailed,
    ActionsRead,
    Committed,
    Event,
    ExchangeAdvanced,
    Failed,
    FeedRejected,
    LeaseLost,
    Parked,
    Requested,
    SessionAdvanced,
    TransactionCommitted,
    Warned,
)
from data_nexus.ingestion.reports.run_report import RunReport


@dataclass(slots=True)
class RowCounts:
    """Counts of rows; `received` = inserted + revised + unchanged + rejected.

    `withdrawn` counts stored bars that the vendor sends no more and that left the table, `doubted`
    those that stay all the same.
    """

    received: int = 0
    inserted: int = 0
    revised: int = 0
    unchanged: int = 0
    rejected: int = 0
    withdrawn: int = 0
    doubted: int = 0
    flagged: Counter[str] = field(default_factory=Counter)
    rejected_by_rule: Counter[str] = field(default_factory=Counter)

    def add_rows(self, others: Committed | RowCounts) -> None:
        """Add the rows of one answer, or of many."""
        self.received += others.received
        self.inserted += others.inserted
        self.revised += others.revised
        self.unchanged += others.unchanged
        self.rejected += others.rejected
        self.withdrawn += others.withdrawn
        self.doubted += others.doubted
        self.flagged.update(others.flagged)
        self.rejected_by_rule.update(others.rejected_by_rule)


@dataclass(slots=True)
class RunTotals(RowCounts):
    """The counts of a run's events.

    `answers` counts the requests that were answered, however; `last_failure` is why an asset last
    got no usable answer; `ledgers_taken_back` counts how often the quota ledger held what only
    a wrong clock can have left, and began anew. `actions` counts the assets whose splits and
    dividends were read, `actions_failed` those of which no usable answer came, and `findings` those
    that they leave unexplained.
    """

    synced: int = 0
    absent: int = 0
    failed: int = 0
    parked: int = 0
    fenced: int = 0
    reread: int = 0
    actions: int = 0
    actions_failed: int = 0
    findings: int = 0
    calls: int = 0
    requests: int = 0
    answers: int = 0
    commits: int = 0
    last_failure: str = ""
    ledgers_taken_back: int = 0

    @property
    def assets(self) -> int:
        """How many assets came to an end, whichever."""
        return self.synced + self.absent + self.failed + self.parked + self.fenced

    @property
    def answered(self) -> int:
        """How many assets came to an end other than a failure, actions included."""
        return self.assets - self.failed + self.actions

    @property
    def unanswered(self) -> int:
        """How many assets got no usable answer, for their bars or their actions."""
        return self.failed + self.actions_failed

    def note(self, event: Event) -> None:
        """Count one event."""
        match event:
            case Requested():
                self.requests += 1
                self.calls += event.calls
                self.answers += event.status > 0
            case TransactionCommitted():
                self.commits += 1
            case Committed() | Absent():
                self._note_answer(event)
            case Failed():
                self.failed += 1
                self.last_failure = event.reason
            case LeaseLost():
                self.fenced += 1
            case Parked():
                self.parked += 1
            case ActionsRead() | ActionsFailed():
                self._note_actions(event)
            case Warned(subject=events.QUOTA_LEDGER):
                self.ledgers_taken_back += 1
            case SessionAdvanced() | ExchangeAdvanced() | FeedRejected():
                self._note_bulk(event)
            case _:
                pass

    def add_audit(self, audit: RunTotals) -> None:
        """Add what an audit wrote; of its assets only those that a person must see."""
        self.parked += audit.parked
        self.add_rows(audit)
        self.commits += audit.commits

    def add_sample(self, sample: RunTotals) -> None:
        """Add the actions that a sample has read; its failures leave nothing undone."""
        self.actions += sample.actions
        self.findings += sample.findings
        self.rejected_by_rule.update(sample.rejected_by_rule)
        self.commits += sample.commits

    def out_of_reach(self) -> VendorUnavailable | None:
        """Return the error of a run whose assets failed without any answer of the vendor."""
        if self.answers or not (self.failed or self.actions_failed):
            return None
        return VendorUnavailable(f"the vendor answered nothing; the last: {self.last_failure}")

    def report(
        self, seconds: float, ended_by: NexusError | None = None, drained_by: str | None = None
    ) -> RunReport:
        """Return the counts of a run that took so many seconds and ended like this."""
        return RunReport(
            total_assets=self.assets,
            synced=self.synced,
            absent=self.absent,
            failed=self.failed,
            parked=self.parked,
            fenced=self.fenced,
            reread=self.reread,
            actions=self.actions,
            actions_failed=self.actions_failed,
            findings=self.findings,
            total_rows=self.received,
            inserted=self.inserted,
            revised=self.revised,
            unchanged=self.unchanged,
            rejected=self.rejected,
            withdrawn=self.withdrawn,
            doubted=self.doubted,
            flagged=dict(self.flagged),
            rejected_by_rule=dict(self.rejected_by_rule),
            calls=self.calls,
            requests=self.requests,
            commits=self.commits,
            duration_sec=round(seconds, 3),
            ended_by=ended_by,
            drained_by=drained_by,
        )

    def _note_answer(self, event: Committed | Absent) -> None:
        self.reread += event.is_reread
        if isinstance(event, Absent):
            self.absent += 1
            return
        self.synced += 1
        self.add_rows(event)

    def _note_actions(self, event: ActionsRead | ActionsFailed) -> None:
        if isinstance(event, ActionsFailed):
            self.actions_failed += 1
            self.last_failure = event.reason
            return
        self.actions += 1
        self.findings += bool(event.findings)
        self.rejected_by_rule.update(event.rejected_by_rule)

    def _note_bulk(self, event: SessionAdvanced | ExchangeAdvanced | FeedRejected) -> None:
        if isinstance(event, ExchangeAdvanced):
            self.synced += event.synced
            self.absent += event.absent
            self.failed += event.failed
            return
        self.rejected_by_rule.update(event.rejected_by_rule)
        if isinstance(event, SessionAdvanced):
            self.received += event.stored + event.rejected
            self.inserted += event.stored
            self.rejected += event.rejected
            self.flagged.update(event.flagged)
