"""Why an asset is to be read again: noted once, begun anew, ended by an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from data_nexus.database.store import Store, open_store
from data_nexus.domain.planning.suspicion import Reason, Suspicion
from data_nexus.errors import StorageDamaged
from tests.support.postgres.tables import add_assets, execute, rows, value
from tests.support.postgres.workers import Worker, bars_from, batch_for, reread

MONDAY, FRIDAY = date(2026, 11, 9), date(2026, 11, 13)
NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
NOTED = "SELECT reason, session, times, read_after::text FROM suspicions ORDER BY reason"


@dataclass(frozen=True)
class Notes:
    """The verbs, run to their end one by one."""

    store: Store
    runner: asyncio.Runner

    def note(self, *suspicions: Suspicion) -> None:
        self.runner.run(self.store.suspicions.note(suspicions))

    def counts(self, moment: datetime) -> dict[str, int]:
        return self.runner.run(self.store.suspicions.counts(None, moment))


@pytest.fixture
def notes(database_url: str) -> Iterator[Notes]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        store = runner.run(stack.enter_async_context(open_store(database_url, "public", 2, 60)))
        try:
            yield Notes(store, runner)
        finally:
            runner.run(stack.aclose())


def leap(asset_id: int, session: date, read_after: datetime = NOW) -> Suspicion:
    return Suspicion(asset_id, Reason.LEAP, session, read_after)


def test_a_suspicion_keeps_its_place_until_a_later_session_raises_it_again(
    notes: Notes, database_url: str
) -> None:
    (asset_id,) = add_assets(database_url, "A")
    notes.note(leap(asset_id, MONDAY))
    execute(database_url, "UPDATE suspicions SET times = 6, read_after = 'infinity'")
    notes.note(leap(asset_id, MONDAY))
    assert rows(database_url, NOTED) == [(Reason.LEAP, MONDAY, 6, "infinity")]
    notes.note(leap(asset_id, FRIDAY))
    assert value(database_url, "SELECT (session, times)::text FROM suspicions") == "(2026-11-13,0)"
    assert value(database_url, "SELECT read_after FROM suspicions") == NOW


def test_a_reason_that_this_version_does_not_know_is_named_with_the_remedy(
    notes: Notes, database_url: str
) -> None:
    execute(database_url, "INSERT INTO suspicions VALUES (7, 'x\u202ey', now(), now(), 0, now())")
    with pytest.raises(StorageDamaged, match=r"'x\ufffdy' of the asset with the id 7 .*delete"):
        notes.runner.run(notes.store.suspicions.of_asset(7, NOW))


def test_a_later_session_does_not_put_an_earlier_reading_off(
    notes: Notes, database_url: str
) -> None:
    (asset_id,) = add_assets(database_url, "A", last_bar="2026-11-06")
    notes.note(leap(asset_id, MONDAY))
    notes.note(leap(asset_id, FRIDAY, NOW + timedelta(9)))
    assert notes.counts(NOW) == {"US": 1}
    assert notes.counts(NOW - timedelta(1)) == {}


def test_a_settled_cursor_that_no_answer_has_set_comes_back(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    (lease,) = worker.claim()
    worker.commit(batch_for(lease, bars_from(MONDAY, 1.0, 2.0)))
    execute(database_url, "UPDATE assets SET settled_through = '2030-01-01'")
    (lease,) = worker.claim(days_old=-1)
    worker.commit(batch_for(reread(lease), bars_from(MONDAY, 1.0, 2.0)))
    assert value(database_url, "SELECT settled_through <= synced_through FROM assets")
