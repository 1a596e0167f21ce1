"""Many nights, in bulk and symbol by symbol: what is stored is what the vendor says now.

Of every kind of event there are some. `make campaign` lets a whole year pass.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from data_nexus.domain.planning.plan import Plan
from data_nexus.sandbox.market.calendar import sessions
from tests.support.postgres.database import Cluster
from tests.support.postgres.rows import Rows, changed, differing, stored_rows
from tests.support.postgres.tables import rows
from tests.support.vendor.chronicle import Chronicle
from tests.support.vendor.nights import discover_at, let_days_pass, load_all, plan_at, update_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes, truth
from tests.support.vendor.year import Day, Kind, year

SEED = 4
# A session in bulk costs as much as 300 assets.
IN_BULK, SINGLY = 440, 80
# Of sixty, nobody updates on 34. The long ones are for `make campaign`.
LENGTHS = (
    pytest.param(SINGLY, 60, id="singly-60"),
    *(
        pytest.param(
            symbols, nights, id=f"{name}-{nights}", marks=pytest.mark.campaign(nights, "nights")
        )
        for symbols, name, longer in (
            (SINGLY, "singly", (110, 250)),
            (IN_BULK, "in bulk", (60, 110, 250)),
        )
        for nights in longer
    ),
)
EVE = date(2025, 11, 3)
DAY = timedelta(1)
SESSIONS: list[date] = [day.item() for day in sessions("US", EVE + DAY, EVE + 380 * DAY)]
# The audit reads so many histories a night, none of them again within so many days.
TURNS, RESTING_DAYS = {IN_BULK: 60, SINGLY: 10}, 7
SHARE = 0.02
SETTINGS: dict[str, Any] = {
    "list_days": 7,
    "batch_seconds": 0.05,
    "audit_share": SHARE,
    "audit_days": RESTING_DAYS,
}
Log = Sequence[dict[str, Any]]


@contextmanager
def vendor_on_the_eve(symbols: int) -> Iterator[Sandbox]:
    """A vendor with a few bars of each symbol; a small one has no bulk in its plan."""
    options = {"symbols": symbols, "bars_per_symbol": 5, "now": f"{EVE + DAY}T12:00:00"}
    limits = {"minute_limit": 10_000_000, "daily_limit": round(TURNS[symbols] / SHARE)}
    with sandbox(**options, **limits) as running:  # type: ignore[arg-type]
        running.post("/publish", {"exchange": "US", "date": str(EVE)})
        if symbols == SINGLY:
            refusal = {"kind": "status", "status": 423, "endpoint": "eod-bulk-last-day"}
            running.post("/faults", refusal)
        yield running


def morning_after(session: date) -> datetime:
    """Before the opening: the funds of the day before are out, too."""
    return datetime(session.year, session.month, session.day, 12, tzinfo=UTC) + DAY


@dataclass(slots=True)
class Nights:
    """The nights, one after the other; `turns` has each the audit.

    `sessions_in_bulk` counts what came so, `found` the restatements without a sign that came out.
    """

    vendor: Sandbox
    url: str
    chronicle: Chronicle
    turns: int
    sessions_in_bulk: int = 0
    found: int = 0
    _now: datetime = field(default_factory=lambda: morning_after(EVE))
    _updated: list[date] = field(default_factory=list)

    def mark_absent_through(self, number: int, day: Day) -> None:
        """Let a day's events happen, update in the morning after it, and check the result."""
        for event in day.events:
            self.chronicle.tell(event, number)
        if not day.is_late:
            self.vendor.post("/publish", {"exchange": "US", "date": str(day.session)})
        if day.is_missed:
            return
        now = morning_after(day.session)
        self.wait_until(now)
        self._updated.append(day.session)
        before = set(self.chronicle.book.values())
        plan = plan_at(now, self.vendor, self.url, **SETTINGS)
        findings = self.findings()
        asked, figures = self.update(now)
        if figures["lists"]:
            self.chronicle.lists_were_read()
        served, stored = self.chronicle.serve(), stored_rows(self.url)
        expected = self.chronicle.expected(asked, served)
        assert differing(expected, stored) == {}, (number, day)
        fresh = set(self.chronicle.book.values()) - before
        most = self.most(plan, served, fresh, self.chronicle.read_whole(asked) & findings.keys())
        # Whether a symbol is really unknown is seen by fetching another.
        most += sum(entry["status"] == 404 for entry in asked)
        # Of a code that is used again no bar is left: the whole history is asked for as well.
        most += sum(entry["rows"] == 0 and "from" in entry["query"] for entry in asked)
        assert sum(entry["cost"] for entry in asked) == figures["calls"]
        assert figures["calls"] <= most, (number, day, plan, asked_for(asked))
        self.sessions_in_bulk += sum(each["stored"] > 0 for each in figures["bulk"])
        self.chronicle.stored = stored
        self.find_in_time()

    def wait_until(self, now: datetime) -> None:
        """Let it be `now` for the vendor, and so many days later for what is remembered."""
        let_days_pass(self.url, (now - self._now).days)
        self.vendor.post("/clock", {"now": now.isoformat()})
        self._now = now

    def find_in_time(self) -> None:
        """Check that nothing is silent for longer than the audit promises.

        All histories have their turn once those that were read just before may be read again.
        """
        nights = math.ceil(len(self.chronicle.book) / self.turns)
        for asset_id, days in self.chronicle.silent.items():
            since = SESSIONS[min(days.values())] + RESTING_DAYS * DAY
            assert sum(each >= since for each in self._updated) <= nights, (asset_id, days)

    def rest(self, now: datetime) -> None:
        """Update where no session has passed since the last update: nothing is asked for."""
        self.wait_until(now)
        asked, figures = self.update(now)
        assert (list(asked), figures["calls"]) == ([], 0)

    def update(self, now: datetime) -> tuple[Log, dict[str, Any]]:
        """Update; what the vendor was asked for, and the figures."""
        begun = self.vendor.get("/stats")["requests"]
        report = update_at(now, self.vendor, self.url, **SETTINGS)
        assert report.ended_by is None
        assert (report.failed, report.parked) == (0, 0)
        return self.vendor.get(f"/log?since={begun}"), report.as_dict()

    def findings(self) -> dict[int, str]:
        """By asset, which of its adjusted closes no action explains."""
        found = rows(self.url, "SELECT asset_id, detail FROM findings")
        return {row[0]: row[1] for row in found}

    def most(self, plan: Plan, served: Rows, fresh: set[int], unexplained: set[int]) -> int:
        """The planned calls, and those for what nobody could know before the session was out.

        One for each asset that was re-based, that had a gap, or that is new on a list; two for the
        actions of those of which the bars show some, the first bars too, and of those that were
        read whole and whose closes no action explains: what is known of them may be wanting.
        """
        before = self.chronicle.stored.last_days()
        read_whole = fresh | (served.last_days().keys() - before.keys())
        rebased = set(changed(self.chronicle.stored, served).asset_ids.tolist())
        rebased -= set(self.chronicle.silent)
        last = max(before.values())
        gaps = {
            asset_id
            for asset_id, day in served.last_days().items()
            if before.get(asset_id, last) < min(last, day)
        }
        return (
            plan.calls
            + len(rebased)
            + len(gaps)
            + len(fresh)
            + 2 * len(rebased | read_whole | unexplained)
        )


def asked_for(asked: Log) -> Counter[str]:
    return Counter(entry["endpoint"] for entry in asked)


def is_idle_after(number: int, day: Day) -> bool:
    """Whether the morning after the next one brings no session either, and all is out so far."""
    return not (day.is_late or day.is_missed) and SESSIONS[number + 1] > day.session + DAY


def assert_eventful(days: Sequence[Day], living: Sequence[str]) -> None:
    """All that may happen does: to single assets, to many at once, to whole sessions."""
    kinds = [Counter(event.kind for event in day.events) for day in days]
    assert {kind for counts in kinds for kind in counts} == {*Kind} - {Kind.LATE_BARS}
    assert max(counts[Kind.LATE_BAR] for counts in kinds) > len(living) / 3
    assert any(day.is_late for day in days)
    missed = "".join("x" if day.is_missed else " " for day in days)
    assert {1, 3, 30} <= {len(block) for block in missed.split()}


def begun(vendor: Sandbox, url: str, turns: int) -> tuple[Nights, list[str]]:
    """A database that holds all that the vendor has; the codes that have bars."""
    discover_at(morning_after(EVE), vendor, url)
    load_all(vendor, url)
    chronicle = Chronicle(vendor, url)
    chronicle.begin()
    traded = set(truth(vendor)["symbol"].to_pylist())
    return Nights(vendor, url, chronicle, turns), [c for c in codes(vendor) if f"{c}.US" in traded]


@pytest.mark.parametrize(("symbols", "length"), LENGTHS)
def test_after_every_night_the_database_is_what_the_vendor_says(
    cluster: Cluster, symbols: int, length: int
) -> None:
    with vendor_on_the_eve(symbols) as vendor, cluster.fresh_database() as url:
        nights, living = begun(vendor, url, TURNS[symbols])
        days = year(SESSIONS[:length], living, SEED)
        assert_eventful(days, living)
        for number, day in enumerate(days):
            nights.mark_absent_through(number, day)
            if number + 1 < length and is_idle_after(number, day):
                nights.rest(morning_after(day.session) + DAY)
        assert not any(broken_invariants(PostgresConnection(url)).values())
        updated = sum(not day.is_missed for day in days)
        assert (
            nights.sessions_in_bulk > updated / 2
            if symbols == IN_BULK
            else not nights.sessions_in_bulk
        )
