"""Refresh the symbol lists during an update: each is read again when it is old.

A list that cannot be read, or that was cut, is reported and requested again by the next update;
this one continues without it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from data_nexus.domain.listings.symbol_lists import KnownList, lists_due
from data_nexus.errors import NotInPlan, Park, Pause, Postpone, Retry, Stop, UsageError
from data_nexus.events import Warned
from data_nexus.ingestion.asset_discovery import WantedList, discover
from data_nexus.ingestion.fetching.drain import Drained
from data_nexus.ingestion.nightly.context import UpdateRun
from data_nexus.ingestion.reports.discovered import Discovered
from data_nexus.ingestion.reports.run_report import UpdateSteps


async def refresh_lists(run: UpdateRun, exchanges: Collection[str]) -> UpdateSteps:
    """Read again the symbol lists of these exchanges that are due; note what each brought.

    A list is read with the types of its last discovery.
    """
    known = await run.store.listings.known() if exchanges else []
    done = UpdateSteps()
    for each in lists_due(known, exchanges, run.settings.list_days, run.now):
        if not run.goes_on(done):
            break
        try:
            found = await _refresh(run, each)
        except Drained:
            break
        except (Retry, Postpone, Park, UsageError, NotInPlan) as error:
            run.observe(Warned(each.exchange, f"the symbol list was not read again: {error}"))
            if isinstance(error, Retry | Postpone):
                break  # requesting others now is of no use
            continue
        except (Stop, Pause) as error:
            return replace(done, ended_by=error)
        if found.changes.is_shrunk:
            run.observe(Warned(each.exchange, found.reason))
        done += UpdateSteps(lists=(found,))
    return done


async def _refresh(run: UpdateRun, known: KnownList) -> Discovered:
    return await discover(
        run.drainable,
        run.store.listings,
        WantedList(known.exchange, known.is_delisted, known.types),
        max_shrink=run.settings.max_shrink,
        observe=run.observe,
        moment=run.now,
    )
