"""Discover exchanges in a run of its own, which stands among the runs with what it cost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from data_nexus.config import Settings
from data_nexus.events import Observer, observers
from data_nexus.ingestion.asset_discovery import WantedList, discover
from data_nexus.ingestion.reports.discovered import Discovered
from data_nexus.ingestion.reports.run_check import RunCheck
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.ingestion.wiring import FAIL_FAST, LimitPolicy, open_run
from data_nexus.observe.context import in_run


@dataclass(frozen=True, slots=True)
class DiscoveryScope:
    """What to discover: exchanges, also delisted symbols or not, which types (empty: all)."""

    exchanges: tuple[str, ...]
    delisted: bool = False
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiscoveryReport:
    """What each symbol list changed, and what all of them cost."""

    lists: tuple[Discovered, ...]
    calls: int
    requests: int
    duration_sec: float

    def as_dict(self) -> dict[str, Any]:
        """Return it under the names of `nexus discover --json`."""
        return {
            "exchanges": [one.figures() for one in self.lists],
            "calls": self.calls,
            "requests": self.requests,
            "duration_sec": self.duration_sec,
        }


async def discover_all(
    settings: Settings,
    url: str,
    scope: DiscoveryScope,
    observe: Observer,
    policy: LimitPolicy = FAIL_FAST,
) -> DiscoveryReport:
    """Discover exchanges in turn, in the database of `url`; report what changed.

    Raises what `discover` raises, and `InvariantBroken` for a database that is not what it was.
    """
    started, totals = time.monotonic(), RunTotals()
    observe = observers(observe, totals.note)
    async with open_run(settings, url, observe, policy) as (store, requester):
        run_id = await store.runs.start("discover")
        with in_run(run_id):
            check = await RunCheck.begin(store, settings.require_token(), totals)
            async with store.runs.closing(run_id):
                found = [
                    await discover(
                        requester,
                        store.listings,
                        WantedList(exchange, delisted, scope.types, named=True),
                        max_shrink=settings.max_shrink,
                        observe=observe,
                    )
                    for exchange in scope.exchanges
                    for delisted in ((False, True) if scope.delisted else (False,))
                ]
            report = DiscoveryReport(
                lists=tuple(found),
                calls=totals.calls,
                requests=totals.requests,
                duration_sec=round(time.monotonic() - started, 3),
            )
            breach = await check.breach(run_id)
            outcome = f"ended early: {breach}" if breach else "done"
            await store.runs.finish(run_id, outcome, report.as_dict())
            if breach:
                raise breach
    return report
