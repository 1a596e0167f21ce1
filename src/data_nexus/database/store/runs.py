"""Record what runs do: when each began and ended, how its worker is doing, what audits found."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row, scalar_row

from data_nexus.database.pool import Pool
from data_nexus.database.queries import audit_records, notices_of_run
from data_nexus.domain.planning.audit import Record
from data_nexus.domain.planning.due import LastSessions
from data_nexus.domain.planning.notices import Notices, notices_of
from data_nexus.errors import NexusError

NO_LEASE_IS_LEFT = "no lease of an ended run is left"


@dataclass(frozen=True, slots=True)
class Breach:
    """An invariant that a run has broken in some places; `ticker` is one of the assets."""

    invariant: str
    places: int
    ticker: str


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of the worker `owner`."""

    _pool: Pool
    owner: int

    async def start(self, command: str) -> int:
        """Open a run and return its id; close those whose process ended without closing them."""
        parameters = {"command": command, "owner": self.owner}
        return await self._pool.one("start_run", parameters, scalar_row)

    async def finish(self, run_id: int, outcome: str, figures: dict[str, Any]) -> None:
        """Close a run."""
        parameters = {"run_id": run_id, "outcome": outcome, "figures": json.dumps(figures)}
        await self._pool.execute("finish_run", parameters)

    @asynccontextmanager
    async def closing(self, run_id: int) -> AsyncIterator[None]:
        """Close a run that an error ends before it is finished; the outcome names the error."""
        try:
            yield
        except NexusError as error:
            with suppress(NexusError):
                await self.finish(run_id, f"failed: {error}", {})
            raise

    async def report(self, state: dict[str, Any]) -> None:
        """Show how this worker is doing, for `nexus status`."""
        parameters = {"owner": self.owner, "state": json.dumps(state)}
        await self._pool.execute("report_worker", parameters)

    async def leave(self) -> None:
        """Take this worker off the list."""
        await self._pool.execute("remove_worker", {"owner": self.owner})

    async def moment(self, days_ago: float = 0.0) -> datetime:
        """Return the moment, or that of some days ago, by the database's clock."""
        return await self._pool.one("days_ago", {"days": days_ago}, scalar_row)

    async def breaches(self, run_id: int, since: datetime) -> list[Breach]:
        """Return the invariants that are broken in what a run has committed since a moment."""
        parameters = {
            "run_id": run_id,
            "since": since,
            "owner": self.owner,
            "no_lease_is_left": NO_LEASE_IS_LEFT,
        }
        return await self._pool.rows("breaches_of_run", parameters, class_row(Breach))

    async def notices(self, run_id: int, since: datetime, expected: LastSessions) -> Notices:
        """Return what a run that began at a moment could not bring.

        `expected` are the last sessions of the segments whose assets it should have completed.
        """
        return notices_of(await self._pool.rows(*notices_of_run(run_id, since, expected)))

    async def audit_records(self) -> list[Record]:
        """Return the audit's record of each exchange with loaded assets."""
        return await self._pool.rows(*audit_records())
