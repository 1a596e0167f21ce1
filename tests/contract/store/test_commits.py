"""A commit is one transaction under the fence: all of an answer goes in once, or nothing does."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, timedelta
from typing import LiteralString

import numpy as np
import pytest

from data_nexus.database.store.batch import Batch, Outcome, Receipt, RejectedRow
from data_nexus.domain.bars import NO_DATE
from data_nexus.domain.calendar.window import Window
from data_nexus.errors import RowsRefused
from data_nexus.ingestion.fetching.requester import FetchState
from data_nexus.ingestion.histories.pipeline import absent_batch
from tests.support.postgres.tables import add_assets, execute, rows, snapshot, value
from tests.support.postgres.workers import WINDOW, Worker, bars_from, batch_for, reread, worker_on

DAY = date(2024, 1, 2)
DATE_19724 = 19_724  # 2024-01-02 in days since 1970-01-01
STORED: LiteralString = (
    "SELECT date, open, high, low, close, adjusted_close, volume FROM market_data"
    " ORDER BY asset_id, date"
)
CURSOR: LiteralString = (
    "SELECT last_synced IS NOT NULL, synced_through, lease_owner, times_empty, times_failed,"
    " ask_after > now() FROM assets ORDER BY id"
)


def test_bars_rejects_cursor_and_log_go_in_together(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A", times_failed=2, times_empty=4)
    (lease,) = worker.claim()
    reject = RejectedRow(DATE_19724, "close is above zero", '{"close":0}')
    batch = replace(
        batch_for(lease, bars_from(DAY, 10.0, 11.0), reject),
        flags={"volume is above zero": 2},
        repeats=1,
        calls=3,
        requests=3,
        body_sha256="ab",
    )
    assert worker.commit(batch, run_id=5) == [Receipt(2, 0, 1, 1)]
    assert rows(database_url, STORED) == [
        (DAY, 10, 10, 10, 10, 5, 100),
        (date(2024, 1, 3), 11, 11, 11, 11, 5.5, 100),
    ]
    assert rows(database_url, "SELECT date, rule, excerpt FROM rejected_rows") == [
        (DAY, "close is above zero", '{"close":0}')
    ]
    assert rows(database_url, CURSOR) == [(True, date(2024, 1, 3), None, 0, 0, None)]
    assert rows(
        database_url,
        "SELECT asset_id, fence, run_id, outcome, window_first, window_last, received, inserted,"
        " revised, unchanged, rejected, flagged, calls, requests, body_sha256, arrived::text"
        " FROM sync_log",
    ) == [
        (
            *(lease.asset_id, lease.fence, 5, "stored", WINDOW.first, WINDOW.last),
            *(4, 2, 0, 1, 1, {"volume is above zero": 2}, 3, 3, "ab"),
            "{[2024-01-02,2024-01-04)}",
        )
    ]


def test_one_moment_stands_on_all_that_a_transaction_wrote(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A", "B")
    worker.commit(*(batch_for(lease, bars_from(DAY, 1.0)) for lease in worker.claim()))
    moments = rows(
        database_url,
        "SELECT last_synced FROM assets UNION SELECT committed_at FROM sync_log",
    )
    assert len(moments) == 1


@pytest.mark.parametrize("outcome", [Outcome.EMPTY, Outcome.NOT_LISTED])
def test_an_answer_without_bars_leaves_the_cursor(
    worker: Worker, database_url: str, outcome: Outcome
) -> None:
    add_assets(database_url, "A", times_empty=1, times_failed=1)
    (lease,) = worker.claim()
    assert worker.commit(batch_for(lease, outcome=outcome)) == [Receipt(0, 0, 0, 0)]
    assert rows(database_url, CURSOR) == [(False, None, None, 2, 0, True)]
    assert value(database_url, "SELECT outcome FROM sync_log") == outcome
    assert worker.claim() == []


def test_an_older_answer_never_moves_the_cursor_back(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    worker.commit(batch_for(worker.claim()[0], bars_from(DAY, *range(1, 6))))
    last = DAY + timedelta(4)
    (lease,) = worker.claim(days_old=0)
    older = batch_for(lease, bars_from(DAY - timedelta(9), 1.0))
    part = Window(DAY - timedelta(9), DAY)
    worker.commit(replace(older, window=part, passes_to=DAY - timedelta(5)))
    assert rows(database_url, "SELECT synced_through, last_bar FROM assets") == [(last, last)]
    (lease,) = worker.claim(days_old=0)
    whole = batch_for(lease, bars_from(DAY - timedelta(9), 1.0))
    worker.commit(replace(whole, passes_to=DAY - timedelta(5)))
    assert rows(database_url, "SELECT synced_through, last_bar FROM assets") == [(last, last)]


def test_bars_under_an_asset_without_a_cursor_are_merged(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A", "B")
    worker.commit(*(batch_for(lease, bars_from(DAY, 1.0, 2.0)) for lease in worker.claim()))
    execute(database_url, "UPDATE assets SET last_bar = NULL WHERE symbol = 'A'")
    again = [batch_for(lease, bars_from(DAY, 1.0, 5.0, 6.0)) for lease in worker.claim(days_old=0)]
    assert [batch.lease.is_first for batch in again] == [True, False]
    assert worker.commit(*again) == [Receipt(1, 1, 1, 0)] * 2
    last = DAY + timedelta(2)
    assert rows(database_url, "SELECT last_bar, synced_through FROM assets") == [(last, last)] * 2


def test_absences_in_a_row_rest_longer_and_longer(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    rests = []
    for _ in range(3):
        (lease,) = worker.claim()
        worker.commit(absent_batch(lease, WINDOW, FetchState()))
        rest = "SELECT round(extract(epoch FROM ask_after - now()) / 86400) FROM assets"
        rests.append(int(value(database_url, rest)))
        execute(database_url, "UPDATE assets SET ask_after = NULL")
    assert rests == [1, 2, 4]


def refused(batch: Batch, step: str) -> Batch:
    """The batch with something that PostgreSQL or its driver refuses at this step."""
    match step:
        case "bars":
            return replace(batch, bars=replace(batch.bars, volume=batch.bars.volume * -1))
        case "rejects":
            return replace(batch, rejects=(RejectedRow(DATE_19724, "rule", "a\0b"),))
        case _:
            return replace(batch, calls=2**40)


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("step", ["bars", "rejects", "log"])
def test_a_refused_step_leaves_nothing_of_its_transaction(
    worker: Worker, database_url: str, step: str, *, is_first: bool
) -> None:
    add_assets(database_url, "GOOD", "BAD")
    good, bad = (replace(lease, is_first=is_first) for lease in worker.claim())
    before = snapshot(database_url)
    kept = batch_for(good, bars_from(DAY, 1.0, 2.0), RejectedRow(int(NO_DATE), "rule", "x"))
    poison = refused(batch_for(bad, bars_from(DAY, 3.0)), step)
    with pytest.raises(RowsRefused):
        worker.commit(kept, poison)
    assert snapshot(database_url) == before
    assert worker.commit(kept) == [Receipt(2, 0, 0, 1)]


def test_a_stale_fence_writes_nothing(database_url: str) -> None:
    add_assets(database_url, "A")
    with worker_on(database_url) as first, worker_on(database_url) as second:
        (stale,) = first.claim()
        execute(database_url, "UPDATE assets SET lease_until = now() - interval '1 second'")
        (held,) = second.take_over()
        before = snapshot(database_url)
        late = batch_for(stale, bars_from(DAY, 1.0), RejectedRow(int(NO_DATE), "rule", "x"))
        assert first.commit(late) == [None]
        assert snapshot(database_url) == before
        assert second.commit(batch_for(held, bars_from(DAY, 2.0))) == [Receipt(1, 0, 0, 0)]
        assert first.commit(late) == [None]
    assert rows(database_url, "SELECT close FROM market_data") == [(2.0,)]


def test_a_fence_that_the_same_worker_has_raised_is_stale_too(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    (stale,) = worker.claim()
    execute(database_url, "UPDATE assets SET lease_until = now() - interval '1 second'")
    (held,) = worker.take_over()
    before = snapshot(database_url)
    assert worker.commit(batch_for(stale, bars_from(DAY, 1.0))) == [None]
    assert snapshot(database_url) == before
    assert worker.commit(batch_for(held, bars_from(DAY, 2.0))) == [Receipt(1, 0, 0, 0)]


def test_a_lease_whose_time_has_passed_on_the_worker_s_own_clock_writes_nothing(
    worker: Worker, database_url: str
) -> None:
    """Even if the database would still take it: a worker that was stopped must not trust itself."""
    add_assets(database_url, "OLD", "KEPT")
    old, kept = worker.claim()
    before = snapshot(database_url)
    late = batch_for(replace(old, trusted_until=time.monotonic()), bars_from(DAY, 1.0))
    assert worker.commit(late) == [None]
    assert snapshot(database_url) == before
    receipts = worker.commit(late, batch_for(kept, bars_from(DAY, 2.0)))
    assert receipts == [None, Receipt(1, 0, 0, 0)]


def test_a_renewed_lease_is_trusted_again(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    (lease,) = worker.claim()
    worker.renew()
    doubted = replace(lease, trusted_until=time.monotonic())
    assert worker.commit(batch_for(doubted, bars_from(DAY, 1.0))) == [Receipt(1, 0, 0, 0)]


def test_a_lost_lease_in_a_group_costs_the_others_nothing(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "KEPT", "LOST")
    kept, lost = worker.claim()
    worker.release([lost])
    batches = [batch_for(lease, bars_from(DAY, 1.0)) for lease in (lost, kept)]
    assert worker.commit(*batches) == [None, Receipt(1, 0, 0, 0)]
    assert rows(database_url, "SELECT asset_id FROM market_data") == [(kept.asset_id,)]


def test_a_batch_committed_twice_changes_nothing_the_second_time(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    batch = batch_for(
        worker.claim()[0], bars_from(DAY, 1.0, 2.0), RejectedRow(DATE_19724, "rule", "x")
    )
    assert worker.commit(batch) == [Receipt(2, 0, 0, 1)]
    before = snapshot(database_url)
    assert worker.commit(batch) == [None]
    assert snapshot(database_url) == before


def test_an_answer_repeated_under_a_new_lease_rewrites_no_bar(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    bars, reject = bars_from(DAY, 1.0, 2.0, 3.0), RejectedRow(DATE_19724, "rule", "x")
    worker.commit(batch_for(worker.claim()[0], bars, reject))
    kept = ("market_data", "market_data_revisions", "rejected_rows")
    before = snapshot(database_url, *kept)
    (again,) = worker.claim(days_old=0)
    assert worker.commit(batch_for(again, bars, reject)) == [Receipt(0, 0, 3, 1)]
    assert snapshot(database_url, *kept) == before


def test_new_changed_and_equal_bars_are_told_apart_and_old_raw_values_kept(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    worker.commit(batch_for(worker.claim()[0], bars_from(DAY, 1.0, 2.0, 3.0)))
    (again,) = worker.claim(days_old=0)
    bars = bars_from(DAY, 1.0, 9.0, 3.0, 4.0)
    assert worker.commit(batch_for(again, bars)) == [Receipt(1, 1, 2, 0)]
    assert [row[4] for row in rows(database_url, STORED)] == [1, 9, 3, 4]
    assert rows(
        database_url,
        "SELECT date, open, high, low, close, adjusted_close, volume, valid_until ="
        " (SELECT max(committed_at) FROM sync_log) FROM market_data_revisions",
    ) == [(date(2024, 1, 3), 2, 2, 2, 2, 1, 100, True)]


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
def test_each_raw_column_that_changes_is_a_revision(
    worker: Worker, database_url: str, column: str
) -> None:
    add_assets(database_url, "A")
    bars = bars_from(DAY, 1.0)
    worker.commit(batch_for(worker.claim()[0], bars))
    changed = replace(bars, **{column: np.array([7.0])})
    assert worker.commit(batch_for(worker.claim(days_old=0)[0], changed)) == [Receipt(0, 1, 0, 0)]
    assert value(database_url, "SELECT count(*) FROM market_data_revisions") == 1


def test_a_new_adjusted_close_alone_is_no_revision(worker: Worker, database_url: str) -> None:
    """A re-basing changes the whole history; the actions undo it."""
    add_assets(database_url, "A")
    bars = bars_from(DAY, 1.0, 2.0)
    worker.commit(batch_for(worker.claim()[0], bars))
    rebased = replace(bars, adjusted_close=bars.close / 4)
    receipts = worker.commit(batch_for(worker.claim(days_old=0)[0], rebased))
    assert receipts == [Receipt(0, 2, 0, 0)]
    assert value(database_url, "SELECT count(*) FROM market_data_revisions") == 0
    assert rows(database_url, "SELECT adjusted_close FROM market_data ORDER BY date") == [
        (0.25,),
        (0.5,),
    ]


def test_a_rejected_row_is_kept_once_however_often_it_comes(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    reject = RejectedRow(int(NO_DATE), "date is readable", '{"date":null}')
    for days_old in (1, 0, 0):
        (lease,) = worker.claim(days_old=days_old)
        batch = batch_for(lease, bars_from(DAY, 1.0), reject, reject)
        (receipt,) = worker.commit(batch)
        assert receipt is not None
        assert receipt.rejected == 2
        assert receipt.received == batch.received
    other = replace(reject, rule="prices are present")
    worker.commit(batch_for(worker.claim(days_old=0)[0], bars_from(DAY, 1.0), other))
    assert rows(database_url, "SELECT date, rule FROM rejected_rows ORDER BY rule") == [
        (None, "date is readable"),
        (None, "prices are present"),
    ]


def test_both_ways_into_the_table_store_the_same(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "COPIED", "MERGED")
    copied, merged = worker.claim()
    values = [0.0001, 1e-300, 123456.789, 1e15, 0.1 + 0.2]
    bars = replace(bars_from(DAY, *values), volume=np.array([0.0, 0.5, 2943900.99, 1e18, 3.0]))
    receipts = worker.commit(batch_for(copied, bars), batch_for(reread(merged), bars))
    assert receipts == [Receipt(5, 0, 0, 0)] * 2
    stored = rows(database_url, STORED)
    assert stored[:5] == stored[5:]
    assert [row[1:] for row in stored[:5]] == list(
        zip(
            bars.open,
            bars.high,
            bars.low,
            bars.close,
            bars.adjusted_close,
            bars.volume,
            strict=True,
        )
    )


def test_the_sums_of_the_log_hold_for_first_loads_and_re_reads_in_one_transaction(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "OLD")
    worker.commit(batch_for(worker.claim()[0], bars_from(DAY, 1.0, 2.0)))
    add_assets(database_url, "NEW", "NONE")
    new, none, old = worker.claim(days_old=0)
    reject = RejectedRow(DATE_19724, "rule", "x")
    receipts = worker.commit(
        batch_for(new, bars_from(DAY, 1.0, 2.0, 3.0), reject),
        batch_for(none),
        replace(batch_for(old, bars_from(DAY, 1.0, 5.0, 6.0)), repeats=2),
    )
    assert receipts == [Receipt(3, 0, 0, 1), Receipt(0, 0, 0, 0), Receipt(1, 1, 3, 0)]
    logged = "SELECT received, inserted, revised, unchanged, rejected FROM sync_log ORDER BY 1, 2"
    assert rows(database_url, logged) == [
        (0, 0, 0, 0, 0),
        (2, 2, 0, 0, 0),
        (4, 3, 0, 0, 1),
        (5, 1, 1, 3, 0),
    ]
