"""Read again what is suspected: assets of which something looked right and may be wrong."""

from __future__ import annotations

from data_nexus.database.store import Due
from data_nexus.domain.planning.suspicion import RECENT, wait_after
from data_nexus.ingestion.nightly.context import UpdateRun


async def read_suspected(run: UpdateRun, exchange: str | None) -> None:
    """Fetch the whole histories of the suspected assets whose time has come."""
    if run.is_over:
        return
    wait = wait_after(1)
    assert wait  # noqa: S101 - the first reading is never the last
    await run.store.suspicions.note_unexplained((run.now - RECENT).date(), run.now + wait)
    if await run.store.suspicions.counts(exchange, run.now):
        await run.read_histories(Due(run.now, exchange, is_suspected=True))
