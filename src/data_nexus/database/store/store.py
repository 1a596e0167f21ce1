"""Open the engine's store: all that a worker does with the database, by subject."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from psycopg.rows import tuple_row

from data_nexus.config import Secret
from data_nexus.database.connection import AsyncConn, connect_async
from data_nexus.database.connection.troubles import storage_errors
from data_nexus.database.pool import Pool, open_pool, rows_of
from data_nexus.database.queries import token_id
from data_nexus.database.store.actions import StoredActions
from data_nexus.database.store.alerts.alerts import StoredAlerts
from data_nexus.database.store.bulk.calendars import StoredCalendars
from data_nexus.database.store.bulk.exchange_turns import ExchangeTurns
from data_nexus.database.store.bulk.feeds import SessionFeeds
from data_nexus.database.store.bulk.second_looks import SecondLooks
from data_nexus.database.store.bulk.sessions import BulkSessions
from data_nexus.database.store.clock import DatabaseClock, clock_at
from data_nexus.database.store.commits import Commits
from data_nexus.database.store.copy_format import accept_arrays
from data_nexus.database.store.jobs.job_runs import JobRuns
from data_nexus.database.store.leases import Leases
from data_nexus.database.store.listings import Listings
from data_nexus.database.store.quota import QuotaLedger
from data_nexus.database.store.repairs import Repairs
from data_nexus.database.store.runs import Runs
from data_nexus.database.store.suspicions import Suspicions

_SEND_BUFFER = 1 << 22


@dataclass(frozen=True, slots=True)
class Store:
    """The database as one worker uses it; all of it is async, and the moments are the server's."""

    leases: Leases
    commits: Commits
    runs: Runs
    actions: StoredActions
    sessions: BulkSessions
    listings: Listings
    clock: DatabaseClock
    repairs: Repairs
    second_looks: SecondLooks
    session_feeds: SessionFeeds
    suspicions: Suspicions
    calendars: StoredCalendars
    turns: ExchangeTurns
    jobs: JobRuns
    alerts: StoredAlerts
    _pool: Pool

    def quota(self, token: Secret) -> QuotaLedger:
        """Return the quota of a token."""
        return QuotaLedger(self._pool, token_id(token), self.clock)


@asynccontextmanager
async def open_store(url: str, schema: str, writers: int, lease_sec: float) -> AsyncIterator[Store]:
    """Open the store of a new worker: a pool for `writers`, and a connection as sign of life."""
    owner = secrets.randbits(63)
    with storage_errors():
        async with (
            await connect_async(url, schema) as presence,
            open_pool(url, schema, writers, _prepare) as pool,
        ):
            ((moment, _),) = await rows_of(presence, "hold_presence", {"owner": owner}, tuple_row)
            leases = Leases(pool, presence, owner, lease_sec)
            yield Store(
                leases=leases,
                commits=Commits(pool, leases),
                runs=Runs(pool, owner),
                actions=StoredActions(pool, leases),
                sessions=BulkSessions(pool),
                listings=Listings(pool),
                clock=clock_at(moment),
                repairs=Repairs(pool),
                second_looks=SecondLooks(pool),
                session_feeds=SessionFeeds(pool),
                suspicions=Suspicions(pool),
                calendars=StoredCalendars(pool),
                turns=ExchangeTurns(pool),
                jobs=JobRuns(pool, owner),
                alerts=StoredAlerts(pool, owner),
                _pool=pool,
            )


async def _prepare(connection: AsyncConn) -> None:
    accept_arrays(connection)
    # Rows for PostgreSQL leave in few large pieces, as far as the system allows: with small ones
    # it would wait for the event loop, which is busy decoding, after each of them.
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
