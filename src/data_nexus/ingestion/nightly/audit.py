"""Run the rolling audit of an update: reload histories although nothing is known to have changed.

It comes last and takes the calls that are left over. The ledger keeps it within its share of the
day, however often it is begun and however it ends.
"""

from __future__ import annotations

from dataclasses import replace

from data_nexus.database.store import Due
from data_nexus.domain.planning.audit import histories_to_audit
from data_nexus.errors import Stop
from data_nexus.ingestion.fetching.quota_ledger import Ledger
from data_nexus.ingestion.nightly.context import UpdateRun, read_histories
from data_nexus.ingestion.reports.run_report import AuditReport, UpdateSteps
from data_nexus.ingestion.reports.run_totals import RunTotals


async def audit(run: UpdateRun, exchange: str | None) -> UpdateSteps:
    """Reload the histories that were read whole the longest ago, of one exchange or of all.

    Whatever is restated is stored, with its old values as revisions, as by any other reload.
    If the day's calls do not suffice, the next update continues from there.
    """
    settings = run.settings
    if not settings.audit_share:
        return UpdateSteps()
    # What the update has reserved and not used is left over, too.
    await run.requester.ledger.close()
    ledger = Ledger(
        run.quota,
        run.observe,
        keep_share=settings.reserve,
        audit_share=settings.audit_share,
    )
    turns = histories_to_audit(
        await ledger.known(),
        await run.store.runs.audit_records(),
        exchange,
        share=settings.audit_share,
        keep_share=settings.reserve,
    )
    if not turns:
        return UpdateSteps()
    # The audit's requester takes them over.
    breakers = run.requester.breakers
    recovered = breakers.recovered
    try:
        return await _read_again(run, ledger, exchange, turns)
    finally:
        breakers.recovered = recovered
        await ledger.close()


async def _read_again(
    run: UpdateRun, ledger: Ledger, exchange: str | None, turns: int
) -> UpdateSteps:
    """Read histories again with this ledger's calls, apart from the update's own totals."""
    read_before = await run.store.runs.moment(run.settings.audit_days)
    requester = replace(run.requester, ledger=ledger, waits=False)
    reader = replace(run.reader, requester=requester)
    counted, calls_before = RunTotals(), run.totals.calls
    apart = replace(run, requester=requester, reader=reader, totals=counted)
    try:
        read = await read_histories(apart, Due(read_before, exchange, is_audit=True), turns)
    finally:
        run.totals.add_audit(counted)
    report = AuditReport(
        assets=counted.synced + counted.absent,
        failed=counted.failed,
        inserted=counted.inserted,
        revised=counted.revised,
        withdrawn=counted.withdrawn,
        calls=run.totals.calls - calls_before,
    )
    # A spent share ends the audit, not the update.
    ended_by = read.ended_by if isinstance(read.ended_by, Stop) else None
    return UpdateSteps(audit=report, ended_by=ended_by)
