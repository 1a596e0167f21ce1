"""Refresh the symbol lists during an update: each is read again when it is old.

A list that cannot be read, or that was cut, is reported and requested again by the next update;
this one continues without it.
"""

from __future__ import annotations

from collections.abc import Collection

from data_nexus.domain.listings.symbol_lists import KnownList, lists_due
from data_nexus.errors import NotInPlan, Park, Postpone, Retry, UsageError
from data_nexus.events import Warned
from data_nexus.ingestion.asset_discovery import WantedList, discover
from data_nexus.ingestion.fetching.drain import Drained
from data_nexus.ingestion.nightly.context import UpdateRun


async def refresh_lists(run: UpdateRun, exchanges: Collection[str]) -> None:
    """Read again the symbol lists of these exchanges that are due; note what each brought.

    A list is read with the types of its last discovery. Raises what ends a run.
    """
    if not exchanges:
        return
    known = await run.store.listings.known()
    for each in lists_due(known, exchanges, run.settings.list_days, run.now):
        if run.is_over or not await _refresh(run, each):
            return


async def _refresh(run: UpdateRun, known: KnownList) -> bool:
    """Read one list again; False if requesting others now is of no use."""
    try:
        found = await discover(
            run.drainable,
            run.store.listings,
            WantedList(known.exchange, known.is_delisted, known.types),
            max_shrink=run.settings.max_shrink,
            observe=run.observe,
            moment=run.now,
        )
    except Drained:
        return False
    except (Retry, Postpone, Park, UsageError, NotInPlan) as error:
        run.observe(Warned(known.exchange, f"the symbol list was not read again: {error}"))
        return not isinstance(error, Retry | Postpone)
    if found.changes.is_shrunk:
        run.observe(Warned(known.exchange, found.reason))
    run.lists.append(found)
    return True
