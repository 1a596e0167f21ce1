"""Read again what is suspected: assets of which something looked right and may be wrong."""

from __future__ import annotations

from data_nexus.database.store import Due
from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.planning.due import LastSessions
from data_nexus.domain.planning.suspicion import RECENT, wait_after
from data_nexus.ingestion.nightly.context import UpdateRun, read_histories
from data_nexus.ingestion.reports.run_report import UpdateSteps

# More would cost more than to compare the session once more in bulk.
_MOST_OPEN = CALLS[Endpoint.BULK]


async def read_suspected(run: UpdateRun, exchange: str | None) -> UpdateSteps:
    """Fetch the whole histories of the suspected assets whose time has come."""
    wait = wait_after(1)
    assert wait  # noqa: S101 - the first reading is never the last
    await run.store.suspicions.note_unexplained((run.now - RECENT).date(), run.now + wait)
    if not await run.store.suspicions.counts(exchange, run.now, run.asset_ids):
        return UpdateSteps()
    return await read_histories(run, Due(run.now, exchange, run.asset_ids, is_suspected=True))


async def note_open(run: UpdateRun, expected: LastSessions) -> None:
    """Note assets of which a session is open that this update should have settled.

    The next update reads them, and the plan counts them until then.
    """
    wait = wait_after(1)
    assert wait  # noqa: S101 - the first reading is never the last
    await run.store.suspicions.note_open(expected, run.now + wait, _MOST_OPEN)
