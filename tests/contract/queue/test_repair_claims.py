"""A repair claims what is damaged, whatever else would keep it from being fetched."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from data_nexus.domain.calendar.window import Window
from data_nexus.domain.planning.lease import Lease
from tests.support.postgres.tables import add_assets
from tests.support.postgres.workers import Worker, ago, bars_from, batch_for, reread


def codes(leases: list[Lease]) -> list[str]:
    return [lease.symbol.code for lease in leases]


def test_a_damaged_history_is_claimed_by_a_repair_alone_until_it_is_read_whole(
    worker: Worker, database_url: str
) -> None:
    """Also one that nothing else would fetch: resting, delisted, answered just now."""
    ids = add_assets(database_url, "DEAD", is_delisted=True, last_synced=ago(900))
    ids += add_assets(database_url, "REST", last_synced=ago(3), ask_after=ago(-9))
    add_assets(database_url, "WELL", last_synced=ago(0))
    worker.mark_damaged(*ids)
    claimed = worker.claim_damaged()
    assert [(each.symbol.code, each.cause) for each in claimed] == [
        ("DEAD", "repair"),
        ("REST", "repair"),
    ]
    assert worker.claim_damaged() == [], "they are held"
    dead_lease, resting = claimed
    part = batch_for(reread(dead_lease), bars_from(date(2024, 1, 2), 1.0))
    worker.commit(replace(part, window=Window(date(2024, 1, 1), date(2024, 1, 3))))
    worker.commit(batch_for(reread(resting), bars_from(date(2024, 1, 2), 1.0)))
    assert codes(worker.claim_damaged()) == ["DEAD"], "a part of a history repairs nothing"


@pytest.mark.parametrize("columns", [{"parked_at": ago(1)}, {"retired_at": ago(1)}], ids=" ".join)
def test_a_repair_leaves_alone_what_waits_for_a_person_or_has_no_code(
    worker: Worker, database_url: str, columns: dict[str, Any]
) -> None:
    worker.mark_damaged(*add_assets(database_url, "A", **columns))
    assert worker.claim_damaged() == []


def test_a_repair_may_be_of_an_exchange_or_of_some_assets(
    worker: Worker, database_url: str
) -> None:
    ids = add_assets(database_url, "A", "B") + add_assets(database_url, "C", exchange="LSE")
    worker.mark_damaged(*ids)
    assert codes(worker.claim_damaged(exchange="LSE")) == ["C"]
    assert codes(worker.claim_damaged(ids=ids[1:])) == ["B"]
    worker.free_lost_leases()
    assert codes(worker.claim_damaged(suspect=True)) == []
