"""An asset's actions enter together with what its bars say of them, under its lease, or not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from data_nexus.database.store.actions import VendorActions
from data_nexus.database.store.batch import RejectedRow
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment.findings import Verdict
from data_nexus.domain.bars import NO_DATE
from tests.support.postgres.judged_assets import (
    AFTER,
    EXPLAINED,
    FIRST,
    FOUND,
    LAST,
    PAID,
    REMAINS,
    SPLIT,
    TABLES,
    WANTED,
    claimed,
    loaded,
)
from tests.support.postgres.tables import execute, rows, snapshot, value
from tests.support.postgres.workers import Worker, bars_from, batch_for, reread


def again(worker: Worker, verdict: Verdict | None) -> None:
    """Commit the same bars again, judged so."""
    (lease,) = worker.claim(days_old=-1)
    batch = batch_for(reread(lease), bars_from(FIRST, 4.0, 5.0, 6.0))
    worker.commit(replace(batch, verdict=verdict))


def want_again(url: str) -> None:
    execute(url, "UPDATE assets SET actions_wanted_at = now()")


def marks(url: str) -> list[tuple[object, ...]]:
    """Whether the actions are wanted, whether they were read, and who holds the asset."""
    return rows(
        url,
        "SELECT actions_wanted_at IS NOT NULL, actions_read_at IS NOT NULL, lease_owner"
        " FROM assets ORDER BY id",
    )


def test_a_history_marks_its_asset_in_the_same_commit(worker: Worker, database_url: str) -> None:
    loaded(worker, database_url, "A")
    moments = rows(database_url, "SELECT actions_wanted_at = last_synced FROM assets")
    assert moments == [(True,)]
    assert worker.wanted_actions() == {"US": 1}
    assert worker.wanted_actions("LSE") == {}


def test_a_history_that_is_explained_takes_mark_and_findings_away(
    worker: Worker, database_url: str
) -> None:
    loaded(worker, database_url, "A")
    again(worker, REMAINS)
    again(worker, None)
    assert marks(database_url) == [(True, False, None)], "neither says anything of the mark"
    again(worker, Verdict(None, (FOUND,)))
    assert value(database_url, "SELECT count(*) FROM findings") == 1
    again(worker, None)
    again(worker, WANTED)
    assert value(database_url, "SELECT count(*) FROM findings") == 1, "until they were read"
    again(worker, EXPLAINED)
    assert marks(database_url) == [(False, False, None)]
    assert value(database_url, "SELECT count(*) FROM findings") == 0


def test_what_explains_the_bars_is_stored_and_leaves_no_finding(
    worker: Worker, database_url: str
) -> None:
    lease = claimed(worker, database_url)
    told = VendorActions(splits=(replace(SPLIT, date=LAST),), dividends=())
    execute(
        database_url,
        "UPDATE market_data SET adjusted_close = close WHERE date = '2023-01-04'",
    )
    assert worker.settle_actions(lease, told) == ()
    assert marks(database_url) == [(False, True, None)]
    assert worker.known_actions(lease.asset_id).splits == told.splits


def test_what_remains_unexplained_is_a_finding(worker: Worker, database_url: str) -> None:
    lease = claimed(worker, database_url)
    assert worker.settle_actions(lease, VendorActions(splits=(), dividends=())) == (FOUND,)
    assert marks(database_url) == [(False, True, None)]
    assert worker.known_actions(lease.asset_id).unexplained == FOUND
    assert worker.known_actions(lease.asset_id).is_recent
    execute(database_url, "UPDATE assets SET actions_read_at = now() - interval '31 days'")
    assert not worker.known_actions(lease.asset_id).is_recent


def test_the_same_answers_again_write_nothing_but_the_mark(
    worker: Worker, database_url: str
) -> None:
    lease = claimed(worker, database_url)
    rejects = (RejectedRow(int(NO_DATE), "date is readable", "{}"),)
    told = VendorActions(splits=(SPLIT,), dividends=(PAID,), rejects=rejects)
    worker.settle_actions(lease, told)
    before = snapshot(database_url, *TABLES)
    want_again(database_url)
    (lease,) = worker.claim_wanted()
    worker.settle_actions(lease, told)
    assert snapshot(database_url, *TABLES) == before


def test_what_is_not_told_any_more_goes_of_this_asset_only(
    worker: Worker, database_url: str
) -> None:
    loaded(worker, database_url, "A", "B")
    both = VendorActions(splits=(SPLIT,), dividends=(PAID,))
    first, second = worker.claim_wanted()
    for lease in (first, second):
        worker.settle_actions(lease, both)
    want_again(database_url)
    first, second = worker.claim_wanted()
    others = VendorActions(splits=(replace(SPLIT, date=LAST),), dividends=())
    worker.settle_actions(first, others)
    left = "SELECT asset_id, date FROM splits UNION ALL SELECT asset_id, date FROM dividends"
    assert sorted(rows(database_url, left)) == [
        (first.asset_id, LAST),
        (second.asset_id, FIRST),
        (second.asset_id, AFTER),
    ]


@pytest.mark.parametrize(
    "told",
    [VendorActions(), VendorActions(splits=(), dividends=(), are_all=False)],
    ids=["not found", "one year"],
)
def test_an_answer_that_does_not_tell_all_withdraws_nothing(
    worker: Worker, database_url: str, told: VendorActions
) -> None:
    lease = claimed(worker, database_url)
    worker.settle_actions(lease, VendorActions(splits=(SPLIT,), dividends=(PAID,)))
    before = snapshot(database_url, *TABLES)
    want_again(database_url)
    (lease,) = worker.claim_wanted()
    worker.settle_actions(lease, told)
    assert snapshot(database_url, *TABLES) == before


LONG_AGO = "2020-05-05 12:00:00+00"
SPECIAL = Dividend(date=LAST, value=0.25, period=None)
KEPT = {
    "unchanged": (PAID, True),
    "adjusted for a later split": (replace(PAID, value=0.125), True),
    "with another payment date": (replace(PAID, payment_date=AFTER), True),
    "another amount": (replace(PAID, value=0.6, unadjusted_value=1.2), False),
    "another currency": (replace(PAID, currency="EUR"), False),
    "its amount as paid unknown now": (replace(PAID, unadjusted_value=None), False),
    "without an amount as paid": (SPECIAL, True),
    "the same in other words": (replace(SPECIAL, period="Special"), True),
    "another amount without one as paid": (replace(SPECIAL, value=0.3), False),
}


@pytest.mark.parametrize(("dividend", "is_kept"), KEPT.values(), ids=KEPT)
def test_a_dividend_keeps_the_moment_at_which_it_became_known(
    worker: Worker, database_url: str, dividend: Dividend, *, is_kept: bool
) -> None:
    lease = claimed(worker, database_url)
    worker.settle_actions(lease, VendorActions(dividends=(PAID, SPECIAL)))
    execute(
        database_url,
        "UPDATE dividends SET stored_at = '2020-05-05 12:00:00+00'",
        "UPDATE assets SET actions_wanted_at = now()",
    )
    (lease,) = worker.claim_wanted()
    worker.settle_actions(lease, VendorActions(dividends=(dividend,)))
    stored = "SELECT date, value, stored_at = %s::timestamptz FROM dividends"
    assert rows(database_url, stored, LONG_AGO) == [(dividend.date, dividend.value, is_kept)]
    assert worker.known_actions(lease.asset_id).dividends == (dividend,)


@pytest.mark.parametrize(
    ("split", "is_kept"), [(SPLIT, True), (replace(SPLIT, numerator=3), False)]
)
def test_a_split_keeps_its_moment_as_long_as_its_ratio(
    worker: Worker, database_url: str, split: Split, *, is_kept: bool
) -> None:
    lease = claimed(worker, database_url)
    worker.settle_actions(lease, VendorActions(splits=(SPLIT,)))
    execute(
        database_url,
        "UPDATE splits SET stored_at = '2020-05-05 12:00:00+00'",
        "UPDATE assets SET actions_wanted_at = now()",
    )
    (lease,) = worker.claim_wanted()
    worker.settle_actions(lease, VendorActions(splits=(split,)))
    stored = "SELECT numerator, stored_at = %s::timestamptz FROM splits"
    assert rows(database_url, stored, LONG_AGO) == [(split.numerator, is_kept)]


def test_of_two_dividends_with_one_key_the_first_stands(worker: Worker, database_url: str) -> None:
    lease = claimed(worker, database_url)
    twice = (PAID, replace(PAID, unadjusted_value=9.0))
    worker.settle_actions(lease, VendorActions(dividends=twice))
    assert worker.known_actions(lease.asset_id).dividends == (PAID,)


def test_a_finding_keeps_the_moment_at_which_it_was_found(
    worker: Worker, database_url: str
) -> None:
    lease = claimed(worker, database_url)
    worker.settle_actions(lease, VendorActions(splits=(), dividends=()))
    execute(database_url, "UPDATE findings SET found_at = '2020-05-05 12:00:00+00'")
    again(worker, Verdict(None, (replace(FOUND, count=2, worst=None),)))
    stored = "SELECT count, worst, found_at = %s::timestamptz FROM findings"
    assert rows(database_url, stored, LONG_AGO) == [(2, None, True)]


def test_an_answer_that_cannot_be_read_is_asked_for_again_in_a_week(
    worker: Worker, database_url: str
) -> None:
    lease = claimed(worker, database_url)
    (found,) = worker.settle_actions(lease, VendorActions(unfit="A.US: not an answer")) or ()
    assert found == replace(FOUND, detail=f"{FOUND.detail}; A.US: not an answer")
    assert marks(database_url) == [(True, False, None)]
    assert worker.wanted_actions() == {}
    assert worker.claim_wanted() == []
    again(worker, REMAINS)
    execute(
        database_url,
        "UPDATE assets SET actions_wanted_at = actions_wanted_at - interval '7 days'",
    )
    assert worker.wanted_actions() == {"US": 1}
