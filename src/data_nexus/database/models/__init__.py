"""The tables as SQLAlchemy models, for ORM work, migrations and the reference page.

The engine itself speaks SQL; these models describe the same tables. A table that grows with the
bars has a primary key that starts with `asset_id` and no foreign key, so that a Citus cluster can
distribute it (ADR 0005).
"""

from data_nexus.database.models.actions import (
    ActionSample,
    Dividend,
    DividendRevision,
    Finding,
    Split,
    SplitRevision,
)
from data_nexus.database.models.alerts import Alert, AlertNote, AlertSilence
from data_nexus.database.models.assets import VIEWS, Asset, Bar
from data_nexus.database.models.calendars import LearnedSession
from data_nexus.database.models.coverage import CoverageGap, CoverageYear
from data_nexus.database.models.history import Rebasing, Revision
from data_nexus.database.models.jobs import Job, JobRun
from data_nexus.database.models.limits import ExchangeRequest, Quota, RecheckedSession, Refusal
from data_nexus.database.models.listings import Discovery, ListedRange, VendorExchange
from data_nexus.database.models.rejects import DeadLetter, RejectedRow
from data_nexus.database.models.runs import Run, Sync, Worker
from data_nexus.database.models.suspicions import Suspicion
from data_nexus.database.models.tables import Tables
from data_nexus.database.models.watchlists import Follow, WatchedAsset, Watchlist

__all__ = [
    "VIEWS",
    "ActionSample",
    "Alert",
    "AlertNote",
    "AlertSilence",
    "Asset",
    "Bar",
    "CoverageGap",
    "CoverageYear",
    "DeadLetter",
    "Discovery",
    "Dividend",
    "DividendRevision",
    "ExchangeRequest",
    "Finding",
    "Follow",
    "Job",
    "JobRun",
    "LearnedSession",
    "ListedRange",
    "Quota",
    "Rebasing",
    "RecheckedSession",
    "Refusal",
    "RejectedRow",
    "Revision",
    "Run",
    "Split",
    "SplitRevision",
    "Suspicion",
    "Sync",
    "Tables",
    "VendorExchange",
    "WatchedAsset",
    "Watchlist",
    "Worker",
]
