"""Which assets are claimed for their actions, and under which leases their answers enter."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from data_nexus.database.store.actions import VendorActions
from data_nexus.database.store.batch import RejectedRow
from data_nexus.domain.bars import NO_DATE, days
from data_nexus.domain.symbol import Symbol
from tests.support.postgres.judged_assets import (
    LAST,
    PAID,
    SPLIT,
    TABLES,
    claimed,
    loaded,
)
from tests.support.postgres.tables import execute, rows, snapshot, value
from tests.support.postgres.workers import Worker

UNASKED = {
    "paused": "UPDATE assets SET is_active = false",
    "parked": "UPDATE assets SET parked_at = now()",
    "retired": "UPDATE assets SET retired_at = now()",
    "not wanted": "UPDATE assets SET actions_wanted_at = NULL",
}


@pytest.mark.parametrize("change", UNASKED.values(), ids=UNASKED)
def test_who_is_not_to_be_asked_for_is_neither_claimed_nor_counted(
    worker: Worker, database_url: str, change: str
) -> None:
    loaded(worker, database_url, "A")
    execute(database_url, change)
    assert (worker.claim_wanted(), worker.wanted_actions()) == ([], {})


def test_a_dead_listing_is_asked_for_too(worker: Worker, database_url: str) -> None:
    loaded(worker, database_url, "A")
    execute(database_url, "UPDATE assets SET is_delisted = true")
    assert len(worker.claim_wanted()) == 1


def test_an_asset_that_is_held_is_not_claimed_twice(worker: Worker, database_url: str) -> None:
    loaded(worker, database_url, "A", "B")
    assert len(worker.claim_wanted("US", 1)) == 1
    assert len(worker.claim_wanted()) == 1
    assert worker.claim_wanted() == []
    assert worker.claim(days_old=-1) == []


TAKEN = {
    "claimed by another": "UPDATE assets SET fence = fence + 1, lease_owner = 77",
    "carried on in bulk": "UPDATE assets SET fence = fence + 1, lease_owner = NULL",
    "renamed": "UPDATE assets SET symbol = 'NEW'",
}


@pytest.mark.parametrize("change", TAKEN.values(), ids=TAKEN)
def test_nothing_is_written_when_the_asset_is_not_what_was_asked_for(
    worker: Worker, database_url: str, change: str
) -> None:
    lease = claimed(worker, database_url)
    execute(database_url, change)
    before = snapshot(database_url, "assets", *TABLES)
    told = VendorActions(splits=(SPLIT,), dividends=(PAID,))
    assert worker.settle_actions(lease, told) is None
    assert snapshot(database_url, "assets", *TABLES) == before


def test_nothing_is_written_under_a_lease_that_is_not_trusted(
    worker: Worker, database_url: str
) -> None:
    lease = replace(claimed(worker, database_url), trusted_until=0.0)
    assert worker.settle_actions(lease, VendorActions(splits=(SPLIT,), dividends=())) is None
    assert value(database_url, "SELECT count(*) FROM splits") == 0


def test_rejected_rows_are_put_aside_with_their_day(worker: Worker, database_url: str) -> None:
    lease = claimed(worker, database_url)
    told = (
        RejectedRow(days(LAST), "split is above zero", '{"split":"0/1"}'),
        RejectedRow(int(NO_DATE), "date is readable", "{}"),
    )
    worker.settle_actions(lease, VendorActions(splits=(), dividends=(), rejects=told))
    assert rows(database_url, "SELECT date, rule FROM rejected_rows ORDER BY date") == [
        (LAST, "split is above zero"),
        (None, "date is readable"),
    ]


def test_a_hostile_symbol_is_an_asset_like_any_other(worker: Worker, database_url: str) -> None:
    codes = ("A'; DROP TABLE splits; --", "{0}%(x)s", "ÅÄÖ 株")
    loaded(worker, database_url, *codes)
    leases = worker.claim_wanted()
    assert {lease.symbol for lease in leases} == {Symbol(code, "US") for code in codes}
    for lease in leases:
        assert (
            worker.settle_actions(lease, VendorActions(splits=(SPLIT,), dividends=())) is not None
        )
    assert value(database_url, "SELECT count(DISTINCT asset_id) FROM splits") == len(codes)


def test_an_ex_date_ahead_of_the_bars_explains_them(worker: Worker, database_url: str) -> None:
    lease = claimed(worker, database_url)
    assert worker.settle_actions(lease, VendorActions(splits=(SPLIT,), dividends=())) == ()
    assert SPLIT.date == LAST + timedelta(1)
