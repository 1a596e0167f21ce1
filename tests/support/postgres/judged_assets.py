"""Loaded assets whose bars their stored actions explain, or not, as a verdict says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment.findings import (
    ADJUSTED_CLOSE_IS_EXPLAINED,
    AssetFinding,
    Verdict,
)
from data_nexus.domain.planning.lease import Lease
from tests.support.postgres.tables import add_assets
from tests.support.postgres.workers import Worker, bars_from, batch_for

FIRST, LAST, AFTER = date(2023, 1, 2), date(2023, 1, 4), date(2023, 1, 5)
# The adjusted closes of `bars_from` are half of the closes: a split of the next day explains that.
SPLIT = Split(AFTER, 2.0, 1.0)
PAID = Dividend(date=FIRST, value=0.5, unadjusted_value=1.0, currency="USD", period="Quarterly")
WANTED, REMAINS = Verdict(wants_actions=True), Verdict(wants_actions=None)
EXPLAINED = Verdict(wants_actions=False)
FOUND = AssetFinding(
    rule=ADJUSTED_CLOSE_IS_EXPLAINED,
    first=FIRST,
    last=LAST,
    count=3,
    worst=-0.5,
    detail="adjusted closes differ by up to -50 %",
)
TABLES = ("splits", "dividends", "findings", "rejected_rows")


def loaded(worker: Worker, url: str, *codes: str, verdict: Verdict = WANTED) -> list[int]:
    """Assets with three bars each, judged so."""
    ids = add_assets(url, *codes, currency="USD")
    leases = worker.claim(days_old=0)
    batches = [batch_for(each, bars_from(FIRST, 4.0, 5.0, 6.0)) for each in leases]
    worker.commit(*(replace(each, verdict=verdict) for each in batches))
    return ids


def claimed(worker: Worker, url: str) -> Lease:
    """The lease of one asset that is to be asked for."""
    loaded(worker, url, "A")
    (lease,) = worker.claim_wanted()
    return lease
