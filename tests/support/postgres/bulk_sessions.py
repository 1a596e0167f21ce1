"""The verbs of the store of bulk sessions, run to their end, for the session of one Monday."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import date

from data_nexus.database.store.bulk.feeds import SessionFeeds
from data_nexus.database.store.bulk.sessions import (
    Advanced,
    BulkSessions,
    CandidateIndex,
    SessionScope,
)
from data_nexus.domain.planning.due import MarketSegment
from data_nexus.ingestion.nightly.bulk_session import decode_session

THURSDAY, FRIDAY, MONDAY = date(2026, 11, 5), date(2026, 11, 6), date(2026, 11, 9)
NYSE = MarketSegment("US", "NYSE", "Common Stock")
REACH = SessionScope(exchange="US", session=MONDAY, since=FRIDAY, segments=[NYSE])


@dataclass(frozen=True)
class Bulk:
    """The verbs, run to their end one by one."""

    store: BulkSessions
    feeds: SessionFeeds
    runner: asyncio.Runner

    def advance(self, *told: dict[str, object]) -> Advanced:
        sheet = decode_session(json.dumps(told).encode(), "US", MONDAY, str)
        return self.runner.run(self.store.advance(REACH, sheet, FRIDAY, 7, (1, 100)))

    def survey(self) -> CandidateIndex:
        return self.runner.run(self.store.survey(REACH))
