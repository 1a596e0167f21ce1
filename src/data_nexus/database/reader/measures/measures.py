"""Measure a database: freshness by exchange, quota, jobs, workers and the server itself.

Cheap enough to be done every few seconds: one pass over the assets, none over their bars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row, tuple_row

from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.jobs.jobs import ListedJob, list_jobs
from data_nexus.database.reader.planning import known_calendars, known_quota
from data_nexus.database.reader.status import LiveWorker
from data_nexus.domain.limits.quota import Quota, on_day
from data_nexus.domain.planning.freshness import AlikeAssets, ExchangeFreshness, states_by_exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """The database's size and its sessions by state; `waiting` are busy ones, by what for.

    `connections_allowed` are those of the whole server.
    """

    size_bytes: int
    connections_allowed: int
    sessions: Mapping[str, int]
    waiting: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """The state of a database at a moment of its clock; the states of assets by exchange."""

    moment: datetime
    exchanges: Mapping[str, ExchangeFreshness]
    quota: Quota
    jobs: Sequence[ListedJob]
    workers: Sequence[LiveWorker]
    server: ServerState


def measure(database: PostgresConnection, settings: Settings) -> Measures:
    """Return the state of a database, as `nexus status` sees it.

    Raises `StorageUnavailable` and its kin.
    """
    with database.together() as one:
        one.rows("begin_measuring", {}, tuple_row)
        known, calendars = known_quota(one, settings.token), known_calendars(one)
        asked = {"moment": known.moment}
        groups = one.rows("measure_assets", asked, class_row(AlikeAssets))
        (server,) = one.rows("measure_server", {}, class_row(ServerState))
        return Measures(
            moment=known.moment,
            exchanges=states_by_exchange(groups, known.moment, calendars),
            quota=on_day(known.quota, known.moment.date()),
            jobs=list_jobs(one),
            workers=one.rows("live_workers", {}, class_row(LiveWorker)),
            server=server,
        )
