"""Whose turn it is to be read again, what an audit leaves as it was, and what it found."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from data_nexus.database.store import QueuePosition
from data_nexus.domain.bars import NO_BARS
from data_nexus.domain.calendar.window import Window
from data_nexus.domain.planning.lease import Lease
from tests.support.postgres.tables import add_assets, rows, value
from tests.support.postgres.workers import Worker, ago, bars_from, batch_for

DAY = date(2024, 1, 2)
LOADED: dict[str, Any] = {"last_bar": DAY, "synced_through": DAY, "last_synced": ago(0.1)}


def codes(leases: list[Lease]) -> list[str]:
    return [lease.symbol.code for lease in leases]


def loaded(worker: Worker, url: str, *closes: float) -> Lease:
    """One asset with these bars, leased by an audit."""
    add_assets(url, "A")
    (lease,) = worker.claim()
    worker.commit(batch_for(lease, bars_from(DAY, *closes)))
    (again,) = worker.claim_audit(days_old=0)
    return again


def test_the_history_that_was_read_the_longest_ago_comes_first(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "FIVE", read_whole_at=ago(5), **LOADED)
    add_assets(database_url, "NINE", read_whole_at=ago(9), **LOADED)
    add_assets(database_url, "UNKNOWN", **LOADED)
    add_assets(database_url, "SEVEN", exchange="LSE", read_whole_at=ago(7), **LOADED)
    position = QueuePosition()
    found = [codes(worker.claim_audit(2, position=position)) for _ in range(3)]
    assert found == [["UNKNOWN", "NINE"], ["SEVEN", "FIVE"], []]


def test_what_was_read_lately_is_not_read_again(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "SIX", read_whole_at=ago(6), **LOADED)
    add_assets(database_url, "EIGHT", read_whole_at=ago(8), **LOADED)
    assert codes(worker.claim_audit(days_old=7)) == ["EIGHT"]


def test_an_audit_of_one_exchange_reads_no_other(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A", read_whole_at=ago(9), **LOADED)
    add_assets(database_url, "B", exchange="LSE", read_whole_at=ago(8), **LOADED)
    assert codes(worker.claim_audit(exchange="LSE")) == ["B"]


def test_the_dead_and_the_resting_take_part(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "DEAD", is_delisted=True, **LOADED)
    add_assets(database_url, "RESTING", ask_after=ago(-9), times_empty=6, **LOADED)
    assert codes(worker.claim_audit()) == ["DEAD", "RESTING"]


def test_who_has_no_bars_or_is_out_of_the_queue_does_not(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "NEW")
    add_assets(database_url, "PAUSED", is_active=False, **LOADED)
    add_assets(database_url, "PARKED", parked_at=ago(1), **LOADED)
    add_assets(database_url, "RETIRED", retired_at=ago(1), **LOADED)
    add_assets(database_url, "LEASED", lease_owner=worker.store.leases.owner, **LOADED)
    assert worker.claim_audit() == []
    assert [record.assets for record in worker.audit_records()] == [1], "the leased one"


def test_every_answer_with_the_whole_history_is_noted_and_no_other(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "FULL", "EMPTY", "PART")
    full, empty, part = worker.claim()
    short = Window(DAY, DAY + timedelta(days=9))
    worker.commit(
        batch_for(full, bars_from(DAY, 10.0)),
        batch_for(empty, NO_BARS),
        replace(batch_for(part, bars_from(DAY, 10.0)), window=short),
    )
    noted = "SELECT symbol, read_whole_at = last_synced FROM assets WHERE read_whole_at IS NOT NULL"
    assert rows(database_url, noted + " ORDER BY id") == [("FULL", True), ("EMPTY", None)]


def test_an_audit_that_brings_no_new_bar_lets_the_asset_rest(
    worker: Worker, database_url: str
) -> None:
    until = ago(-9)
    add_assets(database_url, "A", ask_after=until, times_empty=6, **LOADED)
    (lease,) = worker.claim_audit()
    worker.commit(batch_for(lease, bars_from(DAY, 10.0)))
    state = "SELECT ask_after, times_empty, read_whole_at > now() - interval '1 min' FROM assets"
    assert rows(database_url, state) == [(until, 6, True)]


def test_an_audit_that_brings_a_new_bar_wakes_the_asset(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A", ask_after=ago(-9), times_empty=6, **LOADED)
    (lease,) = worker.claim_audit()
    worker.commit(batch_for(lease, bars_from(DAY, 10.0, 11.0)))
    assert rows(database_url, "SELECT ask_after, times_empty FROM assets") == [(None, 0)]


def test_what_audits_found_is_told_by_exchange(worker: Worker, database_url: str) -> None:
    same = loaded(worker, database_url, 10.0, 11.0)
    worker.commit(batch_for(same, bars_from(DAY, 10.0, 11.0)))
    (lease,) = worker.claim_audit(days_old=0)
    worker.commit(batch_for(lease, bars_from(DAY, 10.5, 11.0)))
    (lease,) = worker.claim_audit(days_old=0)
    bars = bars_from(DAY, 10.5, 11.0)
    worker.commit(batch_for(lease, replace(bars, adjusted_close=bars.adjusted_close / 2)))
    (record,) = worker.audit_records()
    assert (record.today, record.audited, record.restated, record.rebased) == (3, 3, 1, 1)
    assert value(database_url, "SELECT count(*) FROM market_data_revisions") == 1


def test_a_re_read_that_was_due_is_no_audit(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A", read_whole_at=ago(3), **LOADED | {"last_synced": ago(3)})
    (lease,) = worker.claim()
    worker.commit(batch_for(lease, bars_from(DAY, 10.0)))
    (record,) = worker.audit_records()
    assert (record.audited, record.oldest and record.oldest > ago(0.5)) == (0, True)
