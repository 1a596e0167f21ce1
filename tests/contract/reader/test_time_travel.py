"""What was known at a moment can be read again, whatever the vendor has changed since."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import LiteralString

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.database.store.batch import Receipt
from data_nexus.domain.bars import EPOCH, Bars
from data_nexus.domain.symbol import Symbol
from data_nexus.research.bars import read_bars
from tests.support.campaign import search, sized
from tests.support.postgres.tables import add_assets, execute, rows, snapshot, value
from tests.support.postgres.workers import Worker, bars_from, batch_for
from tests.support.vendor.deliveries import Delivery, Values

DAY = date(2024, 1, 2)
FIRST = (DAY - EPOCH).days
DAYS = 12
EXAMPLES = sized(40, 1000)
REVISIONS: LiteralString = "SELECT count(*) FROM market_data_revisions"
Copy = dict[date, Values]
# The first and the last position, None where there is no bound.
Window = tuple[int | None, int | None]


POSITIONS = st.integers(0, DAYS - 1)
WINDOWS = st.tuples(st.none() | POSITIONS, st.none() | POSITIONS)
DELIVERIES = st.builds(
    Delivery,
    appended=st.frozensets(POSITIONS, max_size=DAYS),
    restated=st.lists(
        st.tuples(POSITIONS, st.integers(0, 5), st.sampled_from([0.0, 1.5, 40_000.0])), max_size=3
    ).map(tuple),
    factor=st.sampled_from([1.0, 1.0, 0.99, 0.9731]),
    split=st.sampled_from([1.0, 1.0, 4.0, 0.1, 1.05]),
    through=POSITIONS,
    left_out=st.frozensets(POSITIONS, max_size=3),
)


def bars_of(answer: dict[int, Values]) -> Bars:
    """An answer as columns."""
    days = sorted(answer)
    columns = zip(*(answer[day] for day in days), strict=True)
    return Bars(
        np.array(days, np.int32) + np.int32(FIRST), *(np.array(column) for column in columns)
    )


def all_known(
    database: PostgresConnection,
    codes: Sequence[str],
    as_of: datetime | None,
    window: Window = (None, None),
) -> list[Copy]:
    """What is read of each symbol as of a moment, by date, within a window of both ends."""
    found: dict[str, Copy] = {f"{code}.US": {} for code in codes}
    symbols = [Symbol(code, "US") for code in codes]
    table = read_bars(database, symbols, *map(day_of, window), as_of=as_of)
    for row in table.to_pylist():
        symbol, day, *values = row.values()
        assert day not in found[symbol]
        found[symbol][day] = tuple(values)
    return [*found.values()]


def known(database: PostgresConnection, code: str, as_of: datetime | None) -> Copy:
    """What is read of a symbol as of a moment, by date."""
    (copy,) = all_known(database, [code], as_of)
    return copy


def day_of(position: int | None) -> date | None:
    """The date of a position."""
    return None if position is None else DAY + timedelta(position)


def within(window: Window, copy: Copy) -> Copy:
    """A copy's bars of a window."""
    first, last = (day_of(position) for position in window)
    return {day: bar for day, bar in copy.items() if (first or day) <= day <= (last or day)}


def committed_at(url: str, asset_id: int) -> datetime:
    """When the asset's last answer was committed."""
    moment: datetime = value(
        url, "SELECT max(committed_at) FROM sync_log WHERE asset_id = %s", asset_id
    )
    return moment


def after(copy: Copy, answer: dict[int, Values]) -> Copy:
    """A copy after a whole answer.

    The vendor leaves out three stored bars at most: they are withdrawn, unless none stays, or the
    answer ends before the last of them and may be an old one.
    """
    sent = {DAY + timedelta(day): values for day, values in answer.items()}
    is_doubted = sent.keys().isdisjoint(copy) or max(sent) < max(copy)
    return (copy | sent) if is_doubted else sent


@pytest.mark.sized(EXAMPLES, "histories")
def test_each_moment_of_any_history_reads_as_a_full_copy_made_then(
    worker: Worker, database_url: str
) -> None:
    database = PostgresConnection(database_url)
    numbers = count()

    @search(EXAMPLES)
    @given(st.lists(st.tuples(DELIVERIES, DELIVERIES), min_size=1, max_size=6), WINDOWS)
    def check(history: Sequence[tuple[Delivery, Delivery]], window: Window) -> None:
        codes = [f"A{next(numbers)}", f"A{next(numbers)}"]
        ids = add_assets(database_url, *codes)
        vendors: list[dict[int, Values]] = [{}, {}]
        stored: list[Copy] = [{}, {}]
        copies: list[tuple[datetime, list[Copy]]] = []
        for deliveries in history:
            leases = sorted(
                worker.claim(days_old=-1, ids=ids), key=lambda lease: ids.index(lease.asset_id)
            )
            answers = [d.apply(v) for d, v in zip(deliveries, vendors, strict=True)]
            worker.commit(
                *(
                    batch_for(lease, bars_of(answer)) if answer else batch_for(lease)
                    for lease, answer in zip(leases, answers, strict=True)
                )
            )
            execute(database_url, "UPDATE assets SET ask_after = NULL")
            stored = [after(copy, answer) for copy, answer in zip(stored, answers, strict=True)]
            copies.append((committed_at(database_url, ids[0]), [copy.copy() for copy in stored]))
        eve = copies[0][0] - timedelta(microseconds=1)
        for moment, expected in [(eve, [{}, {}]), *copies]:
            assert all_known(database, codes, moment) == expected
            cut = [within(window, copy) for copy in expected]
            assert all_known(database, codes, moment, window) == cut
        assert all_known(database, codes, None) == stored

    check()


def deliver(worker: Worker, url: str, bars: Bars) -> tuple[list[Receipt | None], datetime]:
    """Commit an answer for the only asset; its receipt and its moment."""
    (lease,) = worker.claim(days_old=-1)
    return worker.commit(batch_for(lease, bars)), committed_at(url, lease.asset_id)


def rebased(bars: Bars, factor: float, *, volume: float = 1.0) -> Bars:
    """The bars after an action that multiplies their adjusted closes and volumes."""
    adjusted = np.round(bars.adjusted_close * factor, 4)
    return replace(bars, adjusted_close=adjusted, volume=np.round(bars.volume * volume))


def history(length: int = 8) -> Bars:
    """Bars whose adjusted closes no factor gives back, and whose volumes differ."""
    bars = bars_from(DAY, *(100.0 + 7 * n for n in range(length)))
    volumes = np.array([5_000.0 + 1_237 * n for n in range(length)])
    return replace(bars, adjusted_close=np.round(bars.close * 0.9137, 4), volume=volumes)


def test_a_rebasing_is_one_row_however_long_the_history(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    bars = history()
    deliver(worker, database_url, bars)
    receipts, moment = deliver(worker, database_url, rebased(bars, 0.98))
    assert receipts == [Receipt(0, 8, 0, 0)]
    assert value(database_url, REVISIONS) == 0
    ((at, length, first, last, old, new, ratio, volumes),) = rows(
        database_url,
        "SELECT valid_until, bars, first_date, last_date, old_factor, new_factor, volume_ratio,"
        " volumes FROM rebasings",
    )
    assert (at, length, first, last) == (moment, 8, DAY, DAY + timedelta(7))
    assert math.isclose(old, 0.9137, abs_tol=1e-6)
    assert math.isclose(new, 0.9137 * 0.98, abs_tol=1e-6)
    assert (ratio, volumes) == (None, None)


def test_a_split_s_volumes_belong_to_its_rebasing_and_a_restated_one_does_not(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    bars = history()
    _, before = deliver(worker, database_url, bars)
    split = rebased(bars, 0.25, volume=4)
    split.volume[3] = 123_456
    assert deliver(worker, database_url, split)[0] == [Receipt(0, 8, 0, 0)]
    assert rows(database_url, "SELECT bars, volume_ratio, volumes FROM rebasings") == [
        (7, 4.0, [*bars.volume[:3], *bars.volume[4:]])
    ]
    assert rows(database_url, "SELECT date, volume FROM market_data_revisions") == [
        (DAY + timedelta(3), bars.volume[3])
    ]
    then = known(PostgresConnection(database_url), "A", before)
    assert [values[-2:] for values in then.values()] == list(
        zip(bars.adjusted_close, bars.volume, strict=True)
    )


@pytest.mark.parametrize("share", [0.95, 1.02, 1.09])
def test_a_volume_that_a_split_does_not_explain_is_a_revision_however_near_it_is(
    worker: Worker, database_url: str, share: float
) -> None:
    add_assets(database_url, "A")
    bars = history()
    _, before = deliver(worker, database_url, bars)
    split = rebased(bars, 0.25, volume=4)
    split.volume[3] = round(split.volume[3] * share)
    deliver(worker, database_url, split)
    assert rows(database_url, "SELECT date, volume FROM market_data_revisions") == [
        (DAY + timedelta(3), bars.volume[3])
    ]
    then = known(PostgresConnection(database_url), "A", before)
    assert [values[-1] for values in then.values()] == bars.volume.tolist()


def test_volumes_restated_together_with_a_dividend_are_revisions(
    worker: Worker, database_url: str
) -> None:
    """Each by a ratio of its own, near that of the dividend: no split does that."""
    add_assets(database_url, "A")
    bars = history()
    deliver(worker, database_url, bars)
    after = rebased(bars, 0.99)
    restated = replace(after, volume=bars.volume + np.arange(8) * 50 + 10)
    deliver(worker, database_url, restated)
    assert value(database_url, REVISIONS) == 8
    assert value(database_url, "SELECT count(*) FROM rebasings") == 0


def test_bars_that_are_appended_are_no_event(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    deliver(worker, database_url, history(3))
    deliver(worker, database_url, history(8))
    assert value(database_url, "SELECT count(*) FROM rebasings") == 0
    assert value(database_url, REVISIONS) == 0


def test_a_rebasing_committed_again_writes_nothing(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    bars = history()
    deliver(worker, database_url, bars)
    deliver(worker, database_url, rebased(bars, 0.98))
    kept = ("market_data", "market_data_revisions", "rebasings")
    before = snapshot(database_url, *kept)
    assert deliver(worker, database_url, rebased(bars, 0.98))[0] == [Receipt(0, 0, 8, 0)]
    assert snapshot(database_url, *kept) == before
    assert value(database_url, "SELECT count(*) FROM sync_log WHERE arrived IS NOT NULL") == 1


@pytest.mark.parametrize("worth", [0.0, 5e-324, 1e-300, 1e300])
def test_no_value_that_a_bar_can_have_is_too_odd_to_be_re_based(
    worker: Worker, database_url: str, worth: float
) -> None:
    """A division by a subnormal number, or the like, would end the transaction."""
    add_assets(database_url, "A")
    bars = history()
    odd = replace(
        bars,
        close=bars.close.copy(),
        adjusted_close=bars.adjusted_close.copy(),
        volume=bars.volume.copy(),
    )
    odd.close[0] = odd.adjusted_close[1] = odd.volume[2] = worth
    _, moment = deliver(worker, database_url, odd)
    split = rebased(bars, 0.25, volume=4)
    assert deliver(worker, database_url, split)[0] == [Receipt(0, 8, 0, 0)]
    assert deliver(worker, database_url, odd)[0] == [Receipt(0, 8, 0, 0)]
    then = known(PostgresConnection(database_url), "A", moment)
    assert [*then.values()] == list(zip(*odd.columns()[1:], strict=True))


def test_what_arrives_is_logged_in_ranges_between_stored_bars(
    worker: Worker, database_url: str
) -> None:
    """Also if the answer no longer holds a stored bar that lies among the new ones."""
    add_assets(database_url, "A")
    bars = history(9)
    for positions in ([4], [0, 2, 3, 5, 6], [1, 8]):
        deliver(worker, database_url, bars.take(np.array(positions)))
    arrived = rows(database_url, "SELECT arrived::text FROM sync_log ORDER BY fence")
    assert [text for (text,) in arrived] == [
        "{[2024-01-06,2024-01-07)}",
        "{[2024-01-02,2024-01-06),[2024-01-07,2024-01-09)}",
        "{[2024-01-03,2024-01-04),[2024-01-10,2024-01-11)}",
    ]


@pytest.mark.parametrize("window", [(3, 5), (3, None), (None, 5), (0, 0), (7, 7), (8, 9)], ids=str)
def test_a_window_within_a_rebasing_has_its_old_values(
    worker: Worker, database_url: str, window: Window
) -> None:
    add_assets(database_url, "A")
    bars = history()
    _, before = deliver(worker, database_url, bars)
    deliver(worker, database_url, rebased(bars, 0.25, volume=4))
    database = PostgresConnection(database_url)
    whole = known(database, "A", before)
    assert [values[-1] for values in whole.values()] == bars.volume.tolist()
    assert all_known(database, ["A"], before, window) == [within(window, whole)]


def test_what_was_known_is_found_by_the_keys(worker: Worker, database_url: str) -> None:
    """No table that grows is read through for the bars of one asset."""
    codes = [f"A{n}" for n in range(40)]
    ids = add_assets(database_url, *codes)
    bars = history(200)
    for answer in (bars, rebased(bars, 0.9), replace(bars, open=bars.open + 1)):
        worker.commit(*(batch_for(lease, answer) for lease in worker.claim(days_old=-1)))
    # A large log, as after many nights.
    execute(
        database_url,
        "INSERT INTO sync_log SELECT asset_id, fence + 10 * n, run_id, outcome, window_first,"
        " window_last, received, inserted, revised, unchanged, rejected, flagged, calls, requests,"
        " body_sha256, committed_at FROM sync_log, generate_series(1, 50) AS n",
        "ANALYZE",
    )
    asked = {
        "asset_ids": ids[:1],
        "first": None,
        "last": None,
        "as_of": datetime.now().astimezone(),
    }
    with PostgresConnection(database_url).connect() as connection:
        plan = connection.execute(b"EXPLAIN " + query("read_bars_as_of"), asked).fetchall()
    text = "\n".join(line for (line,) in plan)
    read_through = [
        table
        for table in ("market_data", "market_data_revisions", "sync_log")
        if f"Seq Scan on {table} " in text
    ]
    assert read_through == [], text
