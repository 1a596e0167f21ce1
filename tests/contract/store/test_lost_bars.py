"""Bars that are gone are accounted for when their history is read whole again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from data_nexus.database.store.batch import Receipt
from data_nexus.domain.bars import Bars
from data_nexus.domain.planning.suspicion import Reason
from tests.support.postgres.tables import add_assets, execute, rows
from tests.support.postgres.workers import Worker, bars_from, batch_for

DAY = date(2024, 1, 2)


def accounts(url: str) -> list[tuple[object, ...]]:
    """Of each asset: its bars, those of its log, the bars that were noted as lost, its cursor."""
    return rows(
        url,
        "SELECT (SELECT count(*)::int FROM market_data m WHERE m.asset_id = a.id),"
        " (SELECT sum(inserted - lost - withdrawn)::int FROM sync_log l WHERE l.asset_id = a.id),"
        " (SELECT sum(lost)::int FROM sync_log l WHERE l.asset_id = a.id),"
        " last_bar, synced_through FROM assets a ORDER BY id",
    )


def load_and_lose_two(worker: Worker, url: str) -> Bars:
    """Load one asset, and delete the two bars in its middle; what was loaded."""
    add_assets(url, "HOLED")
    bars = bars_from(DAY, 1.0, 2.0, 3.0, 4.0)
    worker.commit(*(batch_for(lease, bars) for lease in worker.claim()))
    execute(url, "DELETE FROM market_data WHERE date IN ('2024-01-03', '2024-01-04')")
    return bars


def test_bars_that_were_lost_are_accounted_for_when_the_history_is_read_whole(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "HOLED", "CUT", "WELL")
    bars = bars_from(DAY, 1.0, 2.0, 3.0, 4.0)
    last = DAY + timedelta(3)
    worker.commit(*(batch_for(lease, bars) for lease in worker.claim()))
    execute(
        database_url,
        "DELETE FROM market_data m USING assets a WHERE a.id = m.asset_id"
        " AND (a.symbol = 'HOLED' AND date IN ('2024-01-02', '2024-01-03')"
        " OR a.symbol = 'CUT' AND date >= '2024-01-04')",
    )
    receipts = worker.commit(*(batch_for(lease, bars) for lease in worker.claim(days_old=0)))
    assert receipts == [Receipt(2, 0, 2, 0), Receipt(2, 0, 2, 0), Receipt(0, 0, 4, 0)]
    assert accounts(database_url) == [
        (4, 4, 2, last, last),
        (4, 4, 2, last, last),
        (4, 4, 0, last, last),
    ]


def test_a_cursor_ahead_of_its_rows_comes_back_when_the_vendor_has_no_more(
    worker: Worker, database_url: str
) -> None:
    """But not behind what is known to be absent; the bar is missing until that is confirmed."""
    add_assets(database_url, "CUT", "QUIET")
    cut, quiet = worker.claim()
    passed = DAY + timedelta(1)
    worker.commit(
        batch_for(cut, bars_from(DAY, 1.0, 2.0)),
        replace(batch_for(quiet, bars_from(DAY, 1.0)), passes_to=passed),
    )
    execute(
        database_url,
        "DELETE FROM market_data WHERE date = '2024-01-03'",
        "UPDATE assets SET synced_through = '2026-01-01', last_bar = '2026-01-01'",
    )
    worker.commit(
        *(batch_for(each, bars_from(DAY, 1.0)) for each in worker.claim(days_old=0)),
    )
    assert accounts(database_url) == [(1, 2, 0, DAY, passed), (1, 1, 0, DAY, passed)]
    confirmed = frozenset({Reason.LOST})
    worker.commit(
        *(
            replace(batch_for(each, bars_from(DAY, 1.0)), confirmed=confirmed)
            for each in worker.claim(days_old=0)
        ),
    )
    assert accounts(database_url) == [(1, 1, 1, DAY, passed), (1, 1, 0, DAY, passed)]


def test_a_damaged_asset_is_marked_until_its_bars_are_back(
    worker: Worker, database_url: str
) -> None:
    bars = load_and_lose_two(worker, database_url)
    marked = "SELECT repair_wanted_at IS NOT NULL FROM assets"
    rest = bars.take(np.array([0, 3]))
    newer = bars_from(DAY, 1.0, 2.0, 3.0, 4.0, 5.0)
    for sent, missing in ((rest, 2), (bars.take(np.array([0, 1, 3])), 1), (newer, 0)):
        worker.commit(*(batch_for(each, sent) for each in worker.claim(days_old=0)))
        ((stored, logged, *_),) = accounts(database_url)
        assert (logged - stored, rows(database_url, marked)) == (missing, [(missing > 0,)])  # type: ignore[operator]


def test_bars_that_no_answer_brought_are_accounted_for_if_the_vendor_sends_them_or_go(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "LOGLESS", "INVENTED")
    worker.commit(*(batch_for(lease, bars_from(DAY, 1.0, 2.0)) for lease in worker.claim()))
    execute(
        database_url,
        "UPDATE sync_log SET inserted = 1, received = 1 WHERE asset_id ="
        " (SELECT id FROM assets WHERE symbol = 'LOGLESS')",
        "INSERT INTO market_data SELECT id, '2023-12-31', 1, 1, 1, 1, 1, 1 FROM assets"
        " WHERE symbol = 'INVENTED'",
    )
    worker.commit(*(batch_for(each, bars_from(DAY, 1.0, 2.0)) for each in worker.claim(days_old=0)))
    assert [row[:3] for row in accounts(database_url)] == [(2, 2, -1), (2, 2, -1)]


def test_a_history_that_is_emptied_and_comes_back_is_counted_once(
    worker: Worker, database_url: str
) -> None:
    """An empty answer in between leaves an asset without a bar, as one that never had any."""
    add_assets(database_url, "EMPTIED")
    bars = bars_from(DAY, 1.0, 2.0, 3.0)
    worker.commit(*(batch_for(lease, bars) for lease in worker.claim()))
    execute(database_url, "DELETE FROM market_data")
    worker.commit(*(batch_for(lease) for lease in worker.claim(days_old=0)))
    execute(database_url, "UPDATE assets SET ask_after = NULL")
    worker.commit(*(batch_for(lease, bars) for lease in worker.claim(days_old=0)))
    ((stored, logged, lost, *_),) = accounts(database_url)
    assert (stored, logged, lost) == (3, 3, 3)


def test_new_dates_before_the_first_bar_do_not_make_up_for_lost_ones(
    worker: Worker, database_url: str
) -> None:
    load_and_lose_two(worker, database_url)
    older = bars_from(DAY - timedelta(2), 8.0, 9.0, 1.0, 2.0, 3.0, 4.0)
    sent = older.take(np.array([0, 1, 2, 5]))
    worker.commit(*(batch_for(each, sent) for each in worker.claim(days_old=0)))
    ((stored, logged, *_),) = accounts(database_url)
    assert (stored, logged) == (4, 6)
