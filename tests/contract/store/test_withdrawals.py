"""A bar that the vendor sends no more leaves the table, and all that was known of it is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any, LiteralString

import numpy as np
import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.changes import changes_since
from data_nexus.database.reader.invariants import BARS_ARE_LOGGED, inspect_database
from data_nexus.database.store.actions import VendorActions
from data_nexus.database.store.batch import Batch, Outcome, Receipt, RejectedRow
from data_nexus.domain.actions import Split
from data_nexus.domain.adjustment.findings import (
    ACTIONS_ARE_STILL_SENT,
    BARS_ARE_STILL_SENT,
    AssetFinding,
    Verdict,
)
from data_nexus.domain.bars import NO_DATE, Bars
from data_nexus.domain.calendar.window import Window
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.planning.suspicion import Reason
from data_nexus.domain.symbol import Symbol
from data_nexus.research.bars import read_bars
from tests.support.postgres.tables import add_assets, execute, rows, snapshot, value
from tests.support.postgres.workers import Worker, ago, bars_from, batch_for

DAY = date(2015, 1, 2)
BARS = bars_from(DAY, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
LACKED: LiteralString = "SELECT rule, first_date, last_date, count, detail FROM findings"
CURSOR: LiteralString = "SELECT last_bar, synced_through FROM assets"


def without(bars: Bars, *positions: int) -> Bars:
    """The bars but for some."""
    return bars.take(np.delete(np.arange(len(bars)), positions))


def dated(position: int) -> date:
    """The date of a bar."""
    return DAY + timedelta(position)


def deliver(worker: Worker, bars: Bars, *rejects: RejectedRow, **facts: Any) -> Receipt:  # noqa: ANN401
    """Commit a whole answer for the only asset; its receipt."""
    return commit(worker, lambda lease: replace(batch_for(lease, bars, *rejects), **facts))


def commit(worker: Worker, batch: Any) -> Receipt:  # noqa: ANN401
    (lease,) = worker.claim(days_old=-1)
    (receipt,) = worker.commit(batch(lease))
    assert receipt is not None
    return receipt


def closes(url: str, as_of: Any = None) -> dict[date, float]:  # noqa: ANN401
    """What is read of the asset, as of a moment."""
    table = read_bars(PostgresConnection(url), [Symbol("A", "US")], None, None, as_of=as_of)
    return dict(zip(table["date"].to_pylist(), table["close"].to_pylist(), strict=True))


def last_moment(url: str) -> Any:  # noqa: ANN401
    """When the last answer was committed."""
    return value(url, "SELECT max(committed_at) FROM sync_log")


def assert_sound(url: str) -> None:
    """All invariants hold, and the log has as many bars as the table."""
    found = inspect_database(PostgresConnection(url))
    assert found.broken[BARS_ARE_LOGGED] == ()
    assert not any(found.broken.values()), found.broken


@pytest.fixture
def loaded(worker: Worker, database_url: str) -> str:
    """A database with one asset of six bars."""
    add_assets(database_url, "A")
    deliver(worker, BARS)
    return database_url


def test_a_withdrawn_bar_is_a_revision_and_is_counted_beside(worker: Worker, loaded: str) -> None:
    receipt = deliver(worker, without(BARS, 2))
    assert receipt == Receipt(0, 0, 5, 0, withdrawn=1)
    assert dated(2) not in closes(loaded)
    kept = "SELECT date, open, high, low, close, adjusted_close, volume, is_withdrawn"
    assert rows(loaded, kept + " FROM market_data_revisions") == [
        (dated(2), 3, 3, 3, 3, 1.5, 100, True)
    ]
    moment = "SELECT valid_until FROM market_data_revisions"
    assert value(loaded, moment) == last_moment(loaded)
    logged = "SELECT received, inserted, revised, unchanged, rejected, withdrawn FROM sync_log"
    assert rows(loaded, logged + " ORDER BY fence") == [(6, 6, 0, 0, 0, 0), (5, 0, 0, 5, 0, 1)]
    assert rows(loaded, LACKED) == []
    assert_sound(loaded)


def test_it_is_withdrawn_once(worker: Worker, loaded: str) -> None:
    deliver(worker, without(BARS, 2))
    before = snapshot(loaded, "market_data", "market_data_revisions")
    assert deliver(worker, without(BARS, 2)) == Receipt(0, 0, 5, 0)
    assert snapshot(loaded, "market_data", "market_data_revisions") == before
    assert_sound(loaded)


def test_each_moment_shows_a_bar_as_long_as_the_vendor_sent_it(worker: Worker, loaded: str) -> None:
    """Sent, withdrawn, sent with another close, withdrawn, sent again."""
    again = bars_from(DAY, 1.0, 2.0, 9.0, 4.0, 5.0, 6.0)
    moments = [last_moment(loaded)]
    for bars in (without(BARS, 2), again, without(BARS, 2), BARS):
        deliver(worker, bars)
        moments.append(last_moment(loaded))
        assert_sound(loaded)
    shown = [closes(loaded, moment).get(dated(2)) for moment in moments]
    assert shown == [3.0, None, 9.0, None, 3.0]
    eve = moments[0] - timedelta(microseconds=1)
    assert closes(loaded, eve) == {}
    assert closes(loaded)[dated(2)] == 3.0


def test_the_last_bar_goes_with_it_and_its_session_stays_known(worker: Worker, loaded: str) -> None:
    """That it is absent is as final as its values were."""
    rows(loaded, "UPDATE assets SET settled_through = %s", dated(5))
    deliver(worker, without(BARS, 4, 5), is_end_confirmed=True)
    assert rows(loaded, CURSOR) == [(dated(3), dated(5))]
    assert value(loaded, "SELECT settled_through FROM assets") == dated(5)
    assert_sound(loaded)


def test_last_bars_that_an_answer_ends_before_stay_at_first(worker: Worker, loaded: str) -> None:
    assert deliver(worker, without(BARS, 2, 5)) == Receipt(0, 0, 4, 0, doubted=2)
    detail = "the answer ends before them and may be old"
    assert rows(loaded, LACKED) == [(BARS_ARE_STILL_SENT, dated(2), dated(5), 2, detail)]
    assert rows(loaded, CURSOR) == [(dated(5), dated(5))]
    assert_sound(loaded)


def test_a_cursor_that_comes_back_takes_what_is_settled_with_it(
    worker: Worker, loaded: str
) -> None:
    """Neither was set by an answer."""
    execute(
        loaded, "UPDATE assets SET synced_through = '2030-01-01', settled_through = '2029-12-31'"
    )
    deliver(worker, BARS)
    assert rows(loaded, "SELECT synced_through, settled_through FROM assets") == [
        (dated(5), dated(5))
    ]


def test_a_bar_that_comes_later_is_stored_while_another_goes(worker: Worker, loaded: str) -> None:
    longer = bars_from(DAY, 1.0, 2.0, 8.0, 4.0, 5.0, 6.0, 7.0)
    assert deliver(worker, without(longer, 1)) == Receipt(1, 1, 4, 0, withdrawn=1)
    assert rows(loaded, CURSOR) == [(dated(6), dated(6))]
    assert rows(loaded, "SELECT date, is_withdrawn FROM market_data_revisions ORDER BY date") == [
        (dated(1), True),
        (dated(2), False),
    ]
    assert_sound(loaded)


def windowed(lease: Lease) -> Batch:
    batch = batch_for(lease, without(BARS, 0, 1, 4))
    return replace(batch, window=Window(dated(2), date(2026, 1, 1)))


DOUBTED = {
    "a window is no whole answer": windowed,
    "a row without a date may be it": lambda lease: batch_for(
        lease, without(BARS, 4), RejectedRow(int(NO_DATE), "date is readable", "{}")
    ),
    "all before a date are lacking": lambda lease: batch_for(lease, without(BARS, 0, 1, 2, 3)),
    "all after a date are lacking": lambda lease: batch_for(lease, without(BARS, 2, 3, 4, 5)),
    "none is sent": lambda lease: batch_for(lease, bars_from(date(2016, 1, 4), 1.0)),
    "no bar at all is sent": batch_for,
    "the symbol is not found": lambda lease: batch_for(lease, outcome=Outcome.NOT_LISTED),
}


@pytest.mark.parametrize("answer", DOUBTED.values(), ids=DOUBTED)
def test_a_partial_answer_withdraws_nothing(worker: Worker, loaded: str, answer: Any) -> None:  # noqa: ANN401
    receipt = commit(worker, answer)
    assert receipt.withdrawn == 0
    assert closes(loaded).items() >= {dated(n): n + 1.0 for n in range(6)}.items()
    assert value(loaded, "SELECT count(*) FROM market_data_revisions") == 0
    assert_sound(loaded)


def test_bars_that_stay_although_they_are_not_sent_are_a_finding(
    worker: Worker, loaded: str
) -> None:
    assert deliver(worker, without(BARS, 0, 1, 2, 3)) == Receipt(0, 0, 2, 0, doubted=4)
    found = (BARS_ARE_STILL_SENT, dated(0), dated(3), 4, "all before a date are lacking")
    assert rows(loaded, LACKED) == [found]
    since = "SELECT found_at FROM findings"
    before = rows(loaded, since)
    deliver(worker, without(BARS, 0, 1, 2, 3))
    assert rows(loaded, since) == before, "it was found before"
    deliver(worker, BARS)
    assert rows(loaded, LACKED) == []


def test_a_notice_of_the_plan_makes_its_first_date_no_withdrawal(
    worker: Worker, loaded: str
) -> None:
    assert deliver(worker, without(BARS, 0), has_notice=True).doubted == 1
    assert rows(loaded, "SELECT detail FROM findings") == [
        ("the plan may show the last year only",)
    ]


def test_a_bar_whose_row_is_rejected_now_stays_as_it_was(worker: Worker, loaded: str) -> None:
    reject = RejectedRow(int(BARS.date[2]), "close is above zero", '{"close":0}')
    assert deliver(worker, without(BARS, 2), reject) == Receipt(0, 0, 5, 1)
    assert closes(loaded)[dated(2)] == 3.0
    assert rows(loaded, LACKED) == []


def test_lost_and_withdrawn_bars_are_told_apart(worker: Worker, loaded: str) -> None:
    execute(loaded, "DELETE FROM market_data WHERE close = 2")
    assert deliver(worker, without(BARS, 3)) == Receipt(1, 0, 4, 0, withdrawn=1)
    assert rows(loaded, "SELECT lost, withdrawn FROM sync_log ORDER BY fence DESC LIMIT 1") == [
        (1, 1)
    ]
    assert_sound(loaded)


def test_changes_list_what_was_withdrawn_and_what_was_restated_before(
    worker: Worker, loaded: str
) -> None:
    begun = ago(1)
    deliver(worker, bars_from(DAY, 1.0, 2.0, 9.0, 4.0, 5.0, 6.0))
    deliver(worker, without(BARS, 2))
    found = changes_since(PostgresConnection(loaded), begun)
    assert (found.counts["restated"], found.counts["withdrawn"]) == (1, 1)
    ((gone,), (restated,)) = found.listed["withdrawn"], found.listed["restated"]
    assert (gone["ticker"], gone["what"], gone["date"], gone["value"]) == (
        *("A.US", "bar"),
        *(dated(2), 9.0),
    )
    assert (restated["old"]["close"], restated["new"]["close"]) == (3.0, 9.0)


SPLIT, OTHER = Split(date(2015, 2, 2), 2.0, 1.0), Split(date(2015, 3, 2), 3.0, 3.0)


def settle(worker: Worker, url: str, *splits: Split) -> tuple[AssetFinding, ...]:
    """Store an answer with all splits, and no dividends, of the only asset."""
    execute(url, "UPDATE assets SET actions_wanted_at = now()")
    (lease,) = worker.claim_wanted()
    return worker.settle_actions(lease, VendorActions(splits=splits, dividends=())) or ()


def test_an_action_that_stays_although_it_is_not_sent_is_a_finding(
    worker: Worker, loaded: str
) -> None:
    """Of all splits one is lacking without which the adjusted closes are not explained."""
    settle(worker, loaded, SPLIT)
    (kept,) = [
        each for each in settle(worker, loaded, OTHER) if each.rule == ACTIONS_ARE_STILL_SENT
    ]
    assert (kept.first, kept.last, kept.count) == (SPLIT.date, SPLIT.date, 1)
    assert kept.detail.startswith("the vendor sent fewer splits, although")
    stored = "SELECT date FROM splits ORDER BY date"
    assert rows(loaded, stored) == [(SPLIT.date,), (OTHER.date,)]
    deliver(worker, BARS, verdict=Verdict(wants_actions=False))
    rules = "SELECT rule FROM findings"
    assert rows(loaded, rules) == [(ACTIONS_ARE_STILL_SENT,)], "no bars decide that"
    settle(worker, loaded, SPLIT)
    assert rows(loaded, rules) == []
    assert rows(loaded, stored) == [(SPLIT.date,)], "the other explained nothing"


def walk(seed: int, days: int) -> list[float]:
    """Closes that move by chance."""
    steps = np.random.default_rng(seed).normal(0, 0.02, days)
    return [float(each) for each in 50 * np.exp(np.cumsum(steps))]


def test_a_history_that_takes_another_one_s_place_leaves_nothing_of_it(
    worker: Worker, database_url: str
) -> None:
    """The first answer was mixed up, or the code is another company's by now."""
    add_assets(database_url, "A")
    deliver(worker, bars_from(DAY, *walk(1, 200)))
    own = bars_from(dated(140), *walk(2, 80))
    assert deliver(worker, own) == Receipt(0, 0, 80, 0, doubted=200)
    assert len(closes(database_url)) == 200
    found = deliver(worker, own, confirmed=frozenset({Reason.ANOTHER}))
    assert (found.inserted, found.withdrawn, found.doubted) == (20, 140, 0)
    assert closes(database_url) == {dated(140 + n): own.close[n] for n in range(80)}
    assert rows(database_url, LACKED) == []
    seen = inspect_database(PostgresConnection(database_url))
    assert not any(seen.broken.values())
