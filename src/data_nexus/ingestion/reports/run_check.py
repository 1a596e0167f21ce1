"""Check the invariants at the end of a run, for what the run has touched.

It reads what the run itself has committed, and the last bars of some of its assets, so that it
costs milliseconds after a few assets and less than a tenth of a second after 50,000.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from data_nexus.config import Secret
from data_nexus.database.store import Store
from data_nexus.database.store.runs import NO_LEASE_IS_LEFT
from data_nexus.errors import InvariantBroken
from data_nexus.ingestion.reports.run_totals import RunTotals

_REMEDY = "to see all of it run: nexus verify, and then to mend it: nexus repair"
_OF_LEASES = "they are free again when this process has ended"


@dataclass(frozen=True, slots=True)
class RunCheck:
    """What is compared at the end of a run with how things stood at the moment `since`.

    `calls_before` are the calls that `totals` had counted by then, `taken_back_before` how often
    the ledger had begun anew.
    """

    store: Store
    token: Secret
    totals: RunTotals
    since: datetime
    calls_before: int
    taken_back_before: int

    @classmethod
    async def begin(cls, store: Store, token: Secret, totals: RunTotals) -> Self:
        """Note how things stand before a run sends its first request."""
        since = await store.runs.moment()
        return cls(store, token, totals, since, totals.calls, totals.ledgers_taken_back)

    async def breach(self, run_id: int) -> InvariantBroken | None:
        """Return the error of a run that has broken an invariant."""
        for found in await self.store.runs.breaches(run_id, self.since):
            more = f" ({found.places:,} places)" if found.places > 1 else ""
            remedy = _OF_LEASES if found.invariant == NO_LEASE_IS_LEFT else _REMEDY
            return InvariantBroken(f"{found.ticker}: broken: {found.invariant}{more}; {remedy}")
        return await self._unpaid()

    async def _unpaid(self) -> InvariantBroken | None:
        """Return the error of a ledger that holds fewer calls than this run alone has spent.

        A run that went over midnight has spent on two days, of which the ledger has the last. One
        that took the ledger back from a wrong day has begun its count anew.
        """
        quota, moment = await self.store.quota(self.token).change(lambda quota, _: (quota, quota))
        spent = self.totals.calls - self.calls_before
        is_one_day = self.since.date() == moment.date() == quota.day
        is_one_count = self.totals.ledgers_taken_back == self.taken_back_before
        if not (is_one_day and is_one_count) or quota.spent >= spent:
            return None
        text = f"quota_ledger: {quota.spent:,} calls are charged to {quota.day}, and this run"
        return InvariantBroken(
            f"{text} alone has spent {spent:,}; do not run it again before the day is over,"
            " and report it"
        )
