"""Whose actions a weekly sample reads, under which leases, and what is kept of the result."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest

from data_nexus.database.queries import ActionSample
from data_nexus.database.store import Due
from data_nexus.database.store.actions import SampleResult, VendorActions
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.planning.audit import SAMPLE_SIZE
from data_nexus.domain.planning.lease import Lease
from tests.support.postgres.tables import add_assets, execute, rows, value
from tests.support.postgres.workers import Worker, ago, bars_from, batch_for

DAY = date(2024, 1, 2)
LOADED: dict[str, Any] = {"last_bar": DAY, "synced_through": DAY, "read_whole_at": ago(9)}
DRAWN = "SELECT a.symbol FROM action_samples d JOIN assets a ON a.id = d.asset_id ORDER BY 1"
RESULT = "SELECT read_at IS NOT NULL, not_stored, is_unexplained FROM action_samples"
# Each keeps an asset out of the sample.
KEPT_OUT = {
    "read whole lately": "UPDATE assets SET read_whole_at = now() - interval '6 days'",
    "its actions read lately": "UPDATE assets SET actions_read_at = now() - interval '29 days'",
    "its actions wanted": "UPDATE assets SET actions_wanted_at = now() + interval '1 day'",
    "never loaded": "UPDATE assets SET last_bar = NULL",
    "paused": "UPDATE assets SET is_active = false",
    "parked": "UPDATE assets SET parked_at = now()",
    "without actions by its type": "UPDATE assets SET asset_type = 'Currency'",
    "with a finding": "INSERT INTO findings SELECT id, 'x', now(), now(), 1, NULL, '' FROM assets",
    "in doubt": "INSERT INTO suspicions (asset_id, reason, session, read_after)"
    " SELECT id, 'its price leaps', now(), 'infinity' FROM assets",
    "drawn lately": "INSERT INTO action_samples SELECT id, now() - interval '6 days', now()"
    " FROM assets",
}
# Each leaves it in.
LEFT_IN = {
    "delisted": "UPDATE assets SET is_delisted = true",
    "resting": "UPDATE assets SET ask_after = now() + interval '9 days'",
    "its actions read long ago": "UPDATE assets SET actions_read_at = now() - interval '31 days'",
    "accepted": "INSERT INTO suspicions (asset_id, reason, session, read_after, accepted_at)"
    " SELECT id, 'its price leaps', now(), 'infinity', now() FROM assets",
    "drawn a week ago": "INSERT INTO action_samples SELECT id, now() - interval '7 days', now()"
    " FROM assets",
}


def draw(worker: Worker, exchange: str | None = None, *refused: str) -> dict[str, int]:
    sample = ActionSample(exchange, refused, rest_days=7)
    return worker.run(worker.store.actions.draw(sample))


def claim(worker: Worker, exchange: str | None = None, limit: int = 100) -> list[Lease]:
    return worker.claim_by(Due(ago(-1), exchange, wants_actions=True, is_sample=True), limit)


@pytest.mark.parametrize("change", KEPT_OUT.values(), ids=KEPT_OUT)
def test_who_has_been_looked_at_or_cannot_have_actions_is_not_drawn(
    worker: Worker, database_url: str, change: str
) -> None:
    add_assets(database_url, "A", **LOADED)
    execute(database_url, change)
    assert (draw(worker), claim(worker)) == ({}, [])


@pytest.mark.parametrize("change", LEFT_IN.values(), ids=LEFT_IN)
def test_who_is_listed_no_more_or_was_looked_at_long_ago_is_drawn(
    worker: Worker, database_url: str, change: str
) -> None:
    add_assets(database_url, "A", **LOADED)
    execute(database_url, change)
    assert draw(worker) == {"US": 1}
    assert len(claim(worker)) == 1


def test_some_of_each_exchange_are_drawn_once_a_week(worker: Worker, database_url: str) -> None:
    add_assets(database_url, *(f"S{number:02}" for number in range(50)), **LOADED)
    add_assets(database_url, "VOD", exchange="LSE", **LOADED)
    add_assets(database_url, "XYZ", exchange="TO", **LOADED)
    assert draw(worker, None, "TO") == {"LSE": 1, "US": SAMPLE_SIZE}
    drawn = rows(database_url, DRAWN)
    assert ("XYZ",) not in drawn, "its actions were refused"
    assert drawn != [(f"S{number:02}",) for number in range(SAMPLE_SIZE)] + [("VOD",)], "by chance"
    assert draw(worker, "LSE", "TO") == {"LSE": 1}
    assert draw(worker, None, "TO") == {"LSE": 1, "US": SAMPLE_SIZE}
    assert rows(database_url, DRAWN) == drawn, "no others"
    execute(database_url, "UPDATE action_samples SET drawn_at = now() - interval '7 days'")
    assert claim(worker, "LSE") != [], "until the next draw"
    draw(worker, "US")
    assert value(database_url, "SELECT count(*) FROM action_samples") == SAMPLE_SIZE


def test_two_updates_at_once_draw_one_sample(worker: Worker, database_url: str) -> None:
    add_assets(database_url, *(f"S{number:02}" for number in range(50)), **LOADED)
    sample = ActionSample(None, (), rest_days=7)

    async def both() -> list[dict[str, int]]:
        draw_one = worker.store.actions.draw
        return [*await asyncio.gather(draw_one(sample), draw_one(sample))]

    assert worker.run(both()) == [{"US": SAMPLE_SIZE}] * 2


def test_an_asset_that_is_held_is_not_claimed_twice(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A", "B", **LOADED)
    draw(worker)
    assert len(claim(worker, "US", 1)) == 1
    assert len(claim(worker)) == 1
    assert claim(worker) == []


def sampled(worker: Worker, url: str) -> Lease:
    """The lease of a drawn asset with three bars, whose adjusted closes are its closes."""
    add_assets(url, "A", currency="USD")
    (lease,) = worker.claim()
    worker.commit(batch_for(lease, bars_from(DAY, 4.0, 5.0, 6.0)))
    execute(
        url,
        "UPDATE market_data SET adjusted_close = close",
        "UPDATE assets SET read_whole_at = now() - interval '8 days'",
    )
    draw(worker)
    (lease,) = claim(worker)
    return lease


def dividend(day: int) -> Dividend:
    return Dividend(date=date(2024, 1, day), value=1.0, unadjusted_value=1.0, currency="USD")


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (VendorActions(splits=(), dividends=()), (True, 0, False)),
        (VendorActions(splits=None, dividends=None), (True, 0, False)),
        (VendorActions(splits=(), dividends=(dividend(3),)), (True, 1, True)),
        (
            VendorActions(
                splits=(Split(date(2024, 1, 4), 2.0, 1.0),), dividends=(dividend(3), dividend(4))
            ),
            (True, 3, True),
        ),
        # Of the first bar, or after the last one: no bar shows whether it was worked in.
        (VendorActions(splits=(), dividends=(dividend(2), dividend(9))), (True, 0, False)),
    ],
)
def test_what_was_not_stored_and_what_it_explains_is_the_result(
    worker: Worker, database_url: str, answer: VendorActions, result: tuple[bool, int, bool]
) -> None:
    since, lease = ago(0.1), sampled(worker, database_url)
    assert worker.settle_actions(lease, answer) is not None
    assert rows(database_url, RESULT) == [result]
    assert claim(worker) == []
    found = worker.run(worker.store.actions.sampled([lease.asset_id, 999], since))
    assert found == SampleResult(1, int(result[1] > 0), int(result[2]))
    (record,) = worker.audit_records()
    assert (record.sampled, record.sampled_not_stored, record.sampled_unexplained) == (
        1,
        int(result[1] > 0),
        int(result[2]),
    )


def test_an_action_that_is_stored_already_is_nothing_new(worker: Worker, database_url: str) -> None:
    lease = sampled(worker, database_url)
    worker.store_actions({}, {"A": (dividend(3),)})
    worker.settle_actions(lease, VendorActions(splits=(), dividends=(dividend(3),)))
    assert rows(database_url, RESULT) == [(True, 0, True)]


def test_an_answer_that_cannot_be_used_leaves_it_to_be_read(
    worker: Worker, database_url: str
) -> None:
    lease = sampled(worker, database_url)
    worker.settle_actions(lease, VendorActions(unfit="A.US: not an answer"))
    assert rows(database_url, RESULT) == [(False, None, None)]
    assert len(claim(worker)) == 1
