"""Owns a run's figures: what became of the assets and rows, and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from data_nexus.database.store.batch import Batch, Outcome, Receipt
from data_nexus.eodhd.requests import Request
from data_nexus.errors import NexusError
from data_nexus.ingestion.run_report import RunReport


@dataclass(slots=True)
class RunTotals:
    """Counts of one run; `received` rows = inserted + revised + unchanged + rejected.

    `actions` counts the assets whose splits and dividends were read, `actions_failed` those of
    which no usable answer came, and `findings` those that they leave unexplained.
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
    received: int = 0
    inserted: int = 0
    revised: int = 0
    unchanged: int = 0
    rejected: int = 0
    calls: int = 0
    requests: int = 0
    commits: int = 0
    flagged: Counter[str] = field(default_factory=Counter)
    rejected_by_rule: Counter[str] = field(default_factory=Counter)

    @property
    def assets(self) -> int:
        """How many assets came to an end, whichever."""
        return self.synced + self.absent + self.failed + self.parked + self.fenced

    def count_commit(self, batch: Batch, done: Receipt) -> None:
        """Count one committed batch."""
        self.synced += batch.outcome is Outcome.STORED
        self.absent += batch.outcome is not Outcome.STORED
        self.reread += batch.is_whole_again
        self.received += done.received
        self.inserted += done.inserted
        self.revised += done.revised
        self.unchanged += done.unchanged
        self.rejected += done.rejected
        self.flagged.update(batch.flags)
        self.rejected_by_rule.update(row.rule for row in batch.rejects)

    def count_spent(self, spent: Iterable[Request]) -> None:
        """Count requests that went over the wire, and their price."""
        for request in spent:
            self.requests += 1
            self.calls += request.calls

    def count_audit(self, audit: RunTotals) -> None:
        """Count what an audit brought and cost; of its assets only those that a person must see."""
        for name in (
            "parked",
            "received",
            "inserted",
            "revised",
            "unchanged",
            "rejected",
            "calls",
            "requests",
            "commits",
        ):
            setattr(self, name, getattr(self, name) + getattr(audit, name))
        self.flagged.update(audit.flagged)
        self.rejected_by_rule.update(audit.rejected_by_rule)

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
            flagged=dict(self.flagged),
            rejected_by_rule=dict(self.rejected_by_rule),
            calls=self.calls,
            requests=self.requests,
            commits=self.commits,
            duration_sec=round(seconds, 3),
            ended_by=ended_by,
            drained_by=drained_by,
        )
