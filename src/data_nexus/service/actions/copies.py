"""The jobs that back up the database, and that restore its newest backup on trial."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from data_nexus.backup.programs import BackupEnded
from data_nexus.config import Settings
from data_nexus.database.store import Store
from data_nexus.domain.planning.jobs import Ended, JobOutcome, StoredJob, TakenRun
from data_nexus.errors import NexusError, StorageDamaged
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.service.actions.update import failed
from data_nexus.service.backups import RestoreReport, back_up, drill

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class BackupJob:
    """Backs up the database of the settings."""

    settings: Settings
    drain: Drain

    async def run(self, store: Store, job: StoredJob, taken: TakenRun, now: datetime) -> Ended:
        """Make a backup in the job's target, or the folder of the settings."""
        del store
        try:
            made = await _unless_drained(
                self.drain,
                lambda ended: back_up(self.settings, folder=_folder(job), ended=ended),
            )
        except BackupEnded:
            return Ended(JobOutcome.DRAINED, self.drain.reason or "", now)
        except NexusError as error:
            return failed(error, taken, now)
        rows, size = sum(made.manifest.rows.values()), made.manifest.size / 1e6
        return Ended(JobOutcome.DONE, f"{made.manifest.name}: {rows} rows, {size:.1f} MB")


@dataclass(frozen=True, slots=True)
class DrillJob:
    """Restores the newest backup on trial."""

    settings: Settings
    drain: Drain

    async def run(self, store: Store, job: StoredJob, taken: TakenRun, now: datetime) -> Ended:
        """Restore it from the job's target; what is wrong with it is not tried again."""
        del store
        try:
            report = await _unless_drained(
                self.drain,
                lambda ended: drill(self.settings, folder=_folder(job), ended=ended),
            )
        except BackupEnded:
            return Ended(JobOutcome.DRAINED, self.drain.reason or "", now)
        except StorageDamaged as error:
            return Ended(JobOutcome.FAILED, str(error))
        except NexusError as error:
            return failed(error, taken, now)
        if report.exit_code:
            return Ended(JobOutcome.FAILED, f"{_wrong(report)}; see: nexus db drill")
        text = f"{report.backup}: {report.rows} rows restored in {report.duration_sec:.1f} s"
        return Ended(JobOutcome.DONE, text)


def _folder(job: StoredJob) -> Path | None:
    return Path(job.target) if job.target else None


def _wrong(report: RestoreReport) -> str:
    found = [f"{table} is damaged" for table in report.damaged]
    found += [f"broken: {name}" for name, assets in report.broken.items() if assets]
    found += [
        f"{table} has {rows} rows, and not {said}"
        for table, (said, rows) in report.differing.items()
    ]
    return f"{report.backup}: {'; '.join(found)}"


async def _unless_drained(drain: Drain, work: Callable[[threading.Event], Answer]) -> Answer:
    """Do blocking work in a thread; when the daemon drains, or loses its database, let it end."""
    ended = threading.Event()
    doing = asyncio.ensure_future(asyncio.to_thread(work, ended))
    draining = asyncio.ensure_future(drain.requested.wait())
    try:
        await asyncio.wait((doing, draining), return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended.set()
        draining.cancel()
        await asyncio.wait((doing,))
    return doing.result()
