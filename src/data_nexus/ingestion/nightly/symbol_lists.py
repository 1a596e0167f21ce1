"""Refresh the symbol lists during an update: each is read again when it is old.

A list that cannot be read, or that was cut, is reported and requested again by the next update;
this one continues without it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from data_nexus.database.store.bulk.exchange_turns import WholeRequest
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
    done, is_answered = UpdateSteps(), True
    for name in dict.fromkeys(each.exchange for each in await _old_lists(run, exchanges)):
        if is_answered and run.goes_on(done):
            async with run.turn(name) as is_ours:
                if is_ours:
                    read, is_answered = await _refresh_exchange(run, name)
                    done += read
    return done


async def _old_lists(run: UpdateRun, exchanges: Collection[str]) -> list[KnownList]:
    """Return the lists of these exchanges that are due."""
    known = await run.store.listings.known() if exchanges else []
    wanted = {*exchanges} - {*await run.lately(WholeRequest.LIST)}
    return lists_due(known, wanted, run.settings.list_days, run.now)


async def _refresh_exchange(run: UpdateRun, exchange: str) -> tuple[UpdateSteps, bool]:
    """Read an exchange's lists again, and say whether it is of use to request those of others."""
    done, is_answered = UpdateSteps(), True
    # Another run may have read them meanwhile.
    for each in await _old_lists(run, [exchange]):
        try:
            found = await _refresh(run, each)
        except Drained:
            return done, False
        except (Retry, Postpone, Park, UsageError, NotInPlan) as error:
            run.observe(Warned(exchange, f"the symbol list was not read again: {error}"))
            is_answered = not isinstance(error, Retry | Postpone)
            if is_answered:
                continue
            break
        except (Stop, Pause) as error:
            return replace(done, ended_by=error), False
        if found.changes.is_shrunk:
            run.observe(Warned(exchange, found.reason))
        done += UpdateSteps(lists=(found,))
        if not run.goes_on(done):
            return done, False
    await run.store.turns.note(WholeRequest.LIST, exchange)
    return done, is_answered


async def _refresh(run: UpdateRun, known: KnownList) -> Discovered:
    return await discover(
        run.drainable,
        run.store.listings,
        WantedList(known.exchange, known.is_delisted, known.types),
        max_shrink=run.settings.max_shrink,
        observe=run.observe,
        moment=run.now,
    )
