"""The job that reads symbol lists again, in between the times at which an update does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from data_nexus.config import Settings
from data_nexus.database.store import Store
from data_nexus.domain.planning.jobs import Ended, JobOutcome, StoredJob, TakenRun
from data_nexus.errors import NexusError
from data_nexus.events import Observer
from data_nexus.ingestion.discovery_run import DiscoveryScope, discover_all
from data_nexus.ingestion.wiring import LimitPolicy
from data_nexus.service.actions.update import failed

_POLICY = LimitPolicy(leaves_reserve=True)


@dataclass(frozen=True, slots=True)
class DiscoveryJob:
    """Discovers exchanges in the database of `url`."""

    settings: Settings
    url: str
    observe: Observer

    async def run(self, store: Store, job: StoredJob, taken: TakenRun, now: datetime) -> Ended:
        """Read the lists of the job's exchange, or of all known ones, and say what they brought.

        They are read as they were last: with the delisted symbols or not, and of which types.
        """
        known = [
            each for each in await store.listings.known() if job.exchange in (None, each.exchange)
        ]
        types = {each.exchange: tuple(each.types) for each in known if not each.is_delisted}
        with_delisted = {each.exchange for each in known if each.is_delisted}
        if job.exchange:
            types.setdefault(job.exchange, ())
        scopes = [
            DiscoveryScope((exchange,), exchange in with_delisted, types[exchange])
            for exchange in sorted(types)
        ]
        added = left = 0
        try:
            for scope in scopes:
                report = await discover_all(self.settings, self.url, scope, self.observe, _POLICY)
                added += sum(each.changes.added for each in report.lists)
                left += sum(each.changes.deactivated for each in report.lists)
        except NexusError as error:
            return failed(error, taken, now)
        return Ended(JobOutcome.DONE, f"{added} symbols added, {left} no longer listed")
