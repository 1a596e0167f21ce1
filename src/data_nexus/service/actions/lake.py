"""The job that writes a snapshot, or refreshes it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from data_nexus import __version__
from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.store import Store
from data_nexus.domain.planning.jobs import Ended, JobOutcome, StoredJob, TakenRun
from data_nexus.errors import NexusError
from data_nexus.research.snapshots.storage.open import open_storage
from data_nexus.research.snapshots.write import LakeFigures, export_lake
from data_nexus.service.actions.update import failed


@dataclass(frozen=True, slots=True)
class SnapshotJob:
    """Makes snapshots of the database of `url`."""

    settings: Settings
    url: str

    async def run(self, store: Store, job: StoredJob, taken: TakenRun, now: datetime) -> Ended:
        """Make the job's target equal the database; return how that ended."""
        del store
        try:
            figures = await asyncio.to_thread(self._export, job.target or "")
        except NexusError as error:
            return failed(error, taken, now)
        text = f"{figures.bars} bars, {figures.written} files written, {figures.kept} kept"
        return Ended(JobOutcome.DONE, text, brought=figures.bars)

    def _export(self, target: str) -> LakeFigures:
        database = PostgresConnection(self.url, self.settings.schema)
        return export_lake(database, open_storage(target), written_by=__version__)
