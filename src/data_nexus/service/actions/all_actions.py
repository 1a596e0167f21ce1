"""The actions by the names that jobs have for them."""

from __future__ import annotations

from collections.abc import Mapping

from data_nexus.config import Settings
from data_nexus.domain.planning.jobs import Action
from data_nexus.events import Observer
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.service.actions.copies import BackupJob, DrillJob
from data_nexus.service.actions.discovery import DiscoveryJob
from data_nexus.service.actions.invariants import VerifyJob
from data_nexus.service.actions.lake import SnapshotJob
from data_nexus.service.actions.update import UpdateJob
from data_nexus.service.daemon import JobAction


def job_actions(
    settings: Settings, url: str, observe: Observer, drain: Drain
) -> Mapping[Action, JobAction]:
    """Return what each action does with these settings, in the database of `url`."""
    return {
        Action.UPDATE: UpdateJob(settings, url, observe, drain),
        Action.DISCOVER: DiscoveryJob(settings, url, observe),
        Action.SNAPSHOT: SnapshotJob(settings, url),
        Action.VERIFY: VerifyJob(settings, url),
        Action.BACKUP: BackupJob(settings, drain),
        Action.DRILL: DrillJob(settings, drain),
    }
