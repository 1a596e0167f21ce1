"""Sum up what an update of one exchange in bulk did: what became of its assets, and the costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from data_nexus.database.store.bulk.sessions import Advanced
from data_nexus.events import ExchangeAdvanced
from data_nexus.ingestion.reports.run_report import SessionReport


@dataclass(slots=True)
class BulkTotals:
    """How the assets of an exchange ended, each once over all sessions, and what these cost.

    `sessions` says what each session cost and brought, once, however often it was fetched.
    """

    exchange: str
    sessions: list[SessionReport] = field(default_factory=list)
    _lacking: set[str] = field(default_factory=set)
    _ends: dict[str, str] = field(default_factory=dict)

    def begin(self, codes: Iterable[str]) -> None:
        """Note the assets that lack the session under way."""
        self._lacking = set(codes)

    def add(self, advanced: Advanced) -> None:
        """Add what one transaction did."""
        codes, found = advanced.candidates.codes, advanced.classified
        self._lacking.difference_update(codes[at] for at in found.advanced)
        for at in found.absent:
            self._ends.setdefault(codes[at], "absent")
        for at in (*found.stored, *found.rejected):
            self._ends[codes[at]] = "synced"
        for at in found.to_fetch:
            # It is fetched individually, and counted then.
            self._ends.pop(codes[at], None)

    def fail(self) -> None:
        """Note that the session under way failed: what it lacks is due still."""
        self._ends |= dict.fromkeys(self._lacking, "failed")

    def add_session(
        self, session: date, rows: int, done: Sequence[Advanced], calls_in_all: int
    ) -> None:
        """Add what a session has brought; its calls are those that no session has counted yet."""
        name = session.isoformat()
        calls = calls_in_all - sum(each.calls for each in self.sessions)
        before = [each for each in self.sessions if each.session == name]
        self.sessions = [each for each in self.sessions if each.session != name]
        report = SessionReport(
            exchange=self.exchange,
            session=name,
            calls=calls + sum(each.calls for each in before),
            rows=rows,
            stored=sum(len(each.classified.stored) for each in done),
            absent=sum(len(each.classified.absent) for each in done),
            fetched_individually=sum(len(each.classified.to_fetch) for each in done),
        )
        self.sessions.append(report)

    def ends(self) -> ExchangeAdvanced:
        """Return how the assets ended, as an event."""
        ends = Counter(self._ends.values())
        return ExchangeAdvanced(self.exchange, ends["synced"], ends["absent"], ends["failed"])
