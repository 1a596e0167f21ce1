"""The job that looks whether the invariants hold."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from data_nexus.database.store import Store
from data_nexus.domain.planning.jobs import Ended, JobOutcome, StoredJob, TakenRun
from data_nexus.errors import NexusError
from data_nexus.service.actions.update import failed


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """Checks the database of `url`."""

    settings: Settings
    url: str

    async def run(self, store: Store, job: StoredJob, taken: TakenRun, now: datetime) -> Ended:
        """Read every table in full; what is broken waits for a person, and is not tried again."""
        del store, job
        database = PostgresConnection(self.url, self.settings.schema)
        try:
            found = await asyncio.to_thread(broken_invariants, database)
        except NexusError as error:
            return failed(error, taken, now)
        if broken := [name for name, assets in found.items() if assets]:
            return Ended(JobOutcome.FAILED, f"broken: {'; '.join(broken)}; see: nexus verify")
        return Ended(JobOutcome.DONE, f"{len(found)} invariants hold")
