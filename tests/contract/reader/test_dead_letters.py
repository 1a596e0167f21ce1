"""An asset whose answer is unfit waits for a person, with a letter that says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import LiteralString

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.assets import asset_ids_of
from data_nexus.database.reader.dead_letters import (
    drop_dead_letters,
    list_dead_letters,
    retry_dead_letters,
)
from data_nexus.database.store.batch import DeadLetter, Outcome
from data_nexus.domain.bars import NO_BARS
from data_nexus.domain.symbol import Symbol
from tests.support.postgres.tables import add_assets, execute, rows, snapshot, value
from tests.support.postgres.workers import Worker, bars_from, batch_for, worker_on

LETTER = DeadLetter("eod", "/eod/A.US", 422, "A.US: 422", '{"error":"no"}', "ab")
PARKED: LiteralString = (
    "SELECT symbol FROM assets WHERE parked_at IS NOT NULL AND lease_owner IS NULL ORDER BY symbol"
)


@pytest.fixture
def database(database_url: str) -> Iterator[PostgresConnection]:
    connection = PostgresConnection(database_url)
    yield connection
    connection.close()


def park_all(worker: Worker, letter: DeadLetter = LETTER) -> list[int]:
    """Park all that is due; the ids of the assets."""
    leases = worker.claim()
    for lease in leases:
        worker.park(lease, letter)
    return [lease.asset_id for lease in leases]


def test_a_parked_asset_waits_with_a_letter_that_says_why(
    worker: Worker, database_url: str, database: PostgresConnection
) -> None:
    add_assets(database_url, "A")
    park_all(worker)
    assert rows(database_url, PARKED) == [("A",)]
    assert (worker.count_due(), worker.claim(), worker.claim(suspect=True)) == (0, [], [])
    (told,) = list_dead_letters(database)
    assert told.pop("first_at") == told.pop("last_at")
    assert told == {
        "symbol": "A.US",
        "endpoint": "eod",
        "request": "/eod/A.US",
        "status": 422,
        "reason": "A.US: 422",
        "excerpt": '{"error":"no"}',
        "body_sha256": "ab",
        "count": 1,
        "is_parked": True,
    }


def test_a_lost_lease_parks_nothing(database_url: str) -> None:
    add_assets(database_url, "A")
    with worker_on(database_url) as first, worker_on(database_url) as second:
        (stale,) = first.claim()
        execute(database_url, "UPDATE assets SET lease_until = now() - interval '1 second'")
        (held,) = second.take_over()
        before = snapshot(database_url)
        first.park(stale, LETTER)
        second.park(stale, LETTER)
        first.park(held, LETTER)
        assert snapshot(database_url) == before
        second.park(held, LETTER)
    assert rows(database_url, PARKED) == [("A",)]


def test_a_repetition_is_counted_and_tells_what_came_last(
    worker: Worker, database_url: str, database: PostgresConnection
) -> None:
    add_assets(database_url, "A")
    park_all(worker)
    (before,) = list_dead_letters(database)
    assert retry_dead_letters(database, None) == 1
    park_all(worker, replace(LETTER, status=200, reason="A.US: too large", excerpt="["))
    (after,) = list_dead_letters(database)
    assert after["last_at"] > before["last_at"]
    told = {"status": 200, "reason": "A.US: too large", "excerpt": "[", "count": 2}
    assert after == before | told | {"last_at": after["last_at"]}


def test_a_retry_claims_as_usual_under_a_new_fence(
    worker: Worker, database_url: str, database: PostgresConnection
) -> None:
    add_assets(database_url, "A", times_failed=3, times_rescued=2)
    (parked,) = worker.claim(suspect=True)
    worker.park(parked, LETTER)
    assert retry_dead_letters(database, [parked.asset_id]) == 1
    assert [row["is_parked"] for row in list_dead_letters(database)] == [False]
    assert retry_dead_letters(database, None) == 0, "it is not parked any more"
    (lease,) = worker.claim()
    assert lease.fence == parked.fence + 1
    assert rows(database_url, "SELECT times_failed, times_rescued FROM assets") == [(0, 0)]


def test_an_asset_parked_for_its_rescues_is_tried_again_like_any_other(
    worker: Worker, database_url: str, database: PostgresConnection
) -> None:
    add_assets(database_url, "A", lease_owner=1, lease_until="9999-12-31", times_rescued=2)
    worker.free_lost_leases()
    assert rows(database_url, PARKED) == [("A",)]
    assert retry_dead_letters(database, None) == 1
    assert worker.free_lost_leases() == []
    assert len(worker.claim()) == 1


@pytest.mark.parametrize("outcome", Outcome)
def test_a_settled_answer_deletes_the_letter(
    worker: Worker, database_url: str, database: PostgresConnection, outcome: Outcome
) -> None:
    healed, _ = add_assets(database_url, "HEALED", "OTHER")
    park_all(worker)
    retry_dead_letters(database, [healed])
    (lease,) = worker.claim()
    bars = bars_from(date(2024, 1, 2), 1.0) if outcome is Outcome.STORED else NO_BARS
    late = batch_for(replace(lease, fence=lease.fence - 1), bars, outcome=outcome)
    assert worker.commit(late) == [None]
    assert len(list_dead_letters(database, [healed])) == 1, "a stale one leaves it"
    worker.commit(batch_for(lease, bars, outcome=outcome))
    assert [row["symbol"] for row in list_dead_letters(database)] == ["OTHER.US"]


def test_only_the_assets_named_are_tried_again(
    worker: Worker, database_url: str, database: PostgresConnection
) -> None:
    add_assets(database_url, "A", "B", "C")
    park_all(worker)
    assert retry_dead_letters(database, asset_ids_of(database, [Symbol("b", "US")])) == 1
    assert rows(database_url, PARKED) == [("A",), ("C",)]
    assert retry_dead_letters(database, []) == 0
    assert retry_dead_letters(database, None) == 2


def test_what_is_dropped_has_no_letter_and_rests(
    worker: Worker, database_url: str, database: PostgresConnection
) -> None:
    add_assets(database_url, "A", "B", "C")
    dropped, *others = park_all(worker)
    assert drop_dead_letters(database, []) == 0
    assert drop_dead_letters(database, [dropped]) == 1
    assert [row["symbol"] for row in list_dead_letters(database)] == ["C.US", "B.US"]
    resting = "SELECT id FROM assets WHERE paused_at IS NOT NULL AND parked_at IS NULL"
    assert rows(database_url, resting) == [(dropped,)]
    assert (worker.count_due(), worker.claim()) == (0, [])
    assert drop_dead_letters(database, None) == len(others)
    assert value(database_url, "SELECT count(*) FROM dead_letters") == 0


def test_the_latest_letter_is_listed_first(
    worker: Worker, database_url: str, database: PostgresConnection
) -> None:
    first, *_ = add_assets(database_url, "A", "B", "C")
    park_all(worker)
    retry_dead_letters(database, [first])
    assert park_all(worker) == [first]
    assert [row["symbol"] for row in list_dead_letters(database)] == ["A.US", "C.US", "B.US"]
