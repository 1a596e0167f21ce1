"""Run the rolling audit of an update: reload histories although nothing is known to have changed.

It comes last and takes the calls that are left over. The ledger keeps it within its share of the
day, however often it is begun and however it ends. Once a week the actions of a few assets are read
before it, drawn by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from data_nexus.database.queries import ActionSample
from data_nexus.database.store import Due
from data_nexus.domain.planning.audit import (
    assets_to_sample,
    histories_to_audit,
    sample_within,
)
from data_nexus.errors import CredentialsRefused, Pause, Stop
from data_nexus.events import Warned
from data_nexus.ingestion.fetching.quota_ledger import Ledger
from data_nexus.ingestion.nightly.actions import read_due, refused_exchanges
from data_nexus.ingestion.nightly.context import UpdateRun, read_histories
from data_nexus.ingestion.reports.run_report import AuditReport, SampleReport, UpdateSteps
from data_nexus.ingestion.reports.run_totals import RunTotals


async def sample_actions(run: UpdateRun, exchange: str | None) -> UpdateSteps:
    """Read the actions of a few assets whose bars give no reason for it, drawn once a week.

    An action that the vendor lists and never works into a history comes out only so. What the day
    does not pay for is read by the next updates of the week.
    """
    settings = run.settings
    # What the update has reserved and not used is left over, too.
    await run.requester.ledger.close()
    quota = await run.requester.ledger.known()
    most = assets_to_sample(quota, share=settings.audit_share, keep_share=settings.reserve)
    if not most:
        return UpdateSteps()
    refused = await refused_exchanges(run)
    drawn = await run.store.actions.draw(ActionSample(exchange, refused, settings.audit_days))
    return await _read_sample(run, sample_within(drawn, most))


async def _read_sample(run: UpdateRun, chosen: Mapping[str, int]) -> UpdateSteps:
    """Read the actions of drawn assets of some exchanges, apart from the update's own totals."""
    counted, calls_before = RunTotals(), run.totals.calls
    apart = replace(run, requester=replace(run.requester, waits=False), totals=counted)
    since, asset_ids, done = await run.store.runs.moment(), list[int](), UpdateSteps()
    for name, assets in chosen.items():
        if run.goes_on(done):
            due = Due(since, name, wants_actions=True, is_sample=True)
            read = await read_due(apart, name, due, assets)
            asset_ids += read.asset_ids
            done += UpdateSteps(ended_by=read.ended_by)
    run.totals.add_sample(counted)
    if done.ended_by and not isinstance(done.ended_by, Pause):
        run.observe(Warned("sample", f"not all actions of it were read: {done.ended_by}"))
    report = None
    if asset_ids or counted.actions_failed:
        found = await run.store.actions.sampled(asset_ids, since)
        report = SampleReport(
            assets=found.assets,
            not_stored=found.not_stored,
            unexplained=found.unexplained,
            failed=counted.actions_failed,
            calls=run.totals.calls - calls_before,
        )
    # An exchange may have no actions at all; that the vendor is out of reach, others will see.
    is_over = isinstance(done.ended_by, CredentialsRefused)
    return UpdateSteps(sample=report, ended_by=done.ended_by if is_over else None)


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
