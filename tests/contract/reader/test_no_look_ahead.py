"""What is read as of a moment is what was read then: nothing that came later shows through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import data_nexus as nexus
from data_nexus.database.store.actions import VendorActions
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import EPOCH, Bars
from data_nexus.domain.listings.listing import Listing
from data_nexus.errors import AdjustmentRefused
from tests.support.campaign import search, sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute, rows, value
from tests.support.postgres.workers import Worker, batch_for, worker_on
from tests.support.vendor.listings import day, listing, store

DAY = date(2024, 1, 2)
LENGTH = 14
HISTORIES, LISTS = sized(8, 300), sized(6, 100)
POSITIONS = st.integers(0, LENGTH - 1)
Answer: TypeAlias = "pa.Table | str"


def at(position: int) -> date:
    return DAY + timedelta(position)


@dataclass(frozen=True)
class Night:
    """What an asset's vendor tells in one night.

    The bars up to `through`, where `restated` sets closes; and, unless None, its splits and
    dividends: `is_feed` by a feed of their days, else as all that there are.
    """

    through: int
    restated: dict[int, float]
    splits: dict[int, tuple[int, int]] | None
    dividends: dict[int, tuple[float, float | None, str]] | None
    is_feed: bool

    def bars(self, closes: dict[int, float]) -> Bars:
        """The answer; `closes` are what the vendor has said so far."""
        for position in range(self.through + 1):
            closes.setdefault(position, 10.0 + position)
        closes |= {day: worth for day, worth in self.restated.items() if day in closes}
        days = sorted(closes)
        close = np.array([closes[position] for position in days])
        dates = (np.array(days) + (DAY - EPOCH).days).astype(np.int32)
        volume = 1000.0 + 7 * np.array(days)
        return Bars(dates, close, close + 1, close - 1, close, np.round(close * 0.9, 4), volume)

    def told(self) -> tuple[tuple[Split, ...], tuple[Dividend, ...]]:
        """The actions, of different days."""
        return (
            tuple(Split(at(n), *ratio) for n, ratio in (self.splits or {}).items()),
            tuple(
                Dividend(date=at(n), value=worth, unadjusted_value=paid, currency=currency)
                for n, (worth, paid, currency) in (self.dividends or {}).items()
            ),
        )


RATIOS = st.sampled_from([(2, 1), (4, 1), (1, 10), (3, 2)])
PAID = st.tuples(
    st.sampled_from([0.5, 0.25, 1.0, 4.0]),
    st.sampled_from([None, 0.5, 1.0, 4.0]),
    st.sampled_from(["USD", "USD", "USD", "USD", "CAD"]),
)
NIGHTS = st.builds(
    Night,
    through=POSITIONS,
    restated=st.dictionaries(POSITIONS, st.sampled_from([8.5, 12.25, 30.0]), max_size=2),
    splits=st.none() | st.dictionaries(POSITIONS, RATIOS, max_size=2),
    dividends=st.none() | st.dictionaries(POSITIONS, PAID, max_size=3),
    is_feed=st.booleans(),
)
VIEWS: tuple[dict[str, Any], ...] = (
    {"adjust": "raw"},
    {"adjust": "total"},
    {"adjust": "splits", "direction": "forward", "start": at(3), "end": at(9)},
)


def pass_night(worker: Worker, url: str, night: Night, asset: tuple[int, str], bars: Bars) -> None:
    """Bring what is told of an asset into the database."""
    asset_id, code = asset
    splits, dividends = night.told()
    for lease in worker.claim(days_old=-1, ids=[asset_id]):
        worker.commit(batch_for(lease, bars))
    if night.is_feed:
        worker.store_actions({code: splits}, {code: dividends})
        return
    execute(url, "UPDATE assets SET actions_wanted_at = now()")
    told = VendorActions(
        splits=None if night.splits is None else splits,
        dividends=None if night.dividends is None else dividends,
    )
    for lease in worker.claim_wanted():
        if lease.asset_id == asset_id:
            worker.settle_actions(lease, told)
        else:
            worker.release([lease])


def all_read(db: nexus.Nexus, tickers: list[str], as_of: datetime | None) -> list[Answer]:
    """Everything that can be asked as of a moment; a refusal is an answer."""
    found: list[Answer] = [db.actions(tickers, as_of=as_of)]
    asks = [partial(db.bars, tickers, as_of=as_of, **view) for view in VIEWS]
    for ask in (*asks, partial(db.returns, tickers, start=at(4), as_of=as_of)):
        try:
            found.append(ask())
        except AdjustmentRefused as refused:
            found.append(str(refused))
    return found


def same(one: Answer, other: Answer) -> bool:
    if isinstance(one, pa.Table) and isinstance(other, pa.Table):
        return bool(one.equals(other))
    return bool(one == other)


@pytest.mark.sized(HISTORIES, "histories")
@pytest.mark.filterwarnings("ignore::data_nexus.errors.ActionsNotRead")
def test_everything_read_as_of_a_moment_is_what_was_read_then(
    worker: Worker, database_url: str
) -> None:
    numbers = count()

    with nexus.connect(database_url) as db:

        @search(HISTORIES)
        @given(st.lists(st.tuples(NIGHTS, NIGHTS), min_size=2, max_size=4))
        def check(history: Sequence[tuple[Night, Night]]) -> None:
            codes = [f"A{next(numbers)}", f"A{next(numbers)}"]
            ids = add_assets(database_url, *codes, currency="USD")
            tickers = [f"{code}.US" for code in codes]
            closes: list[dict[int, float]] = [{}, {}]
            copies: list[tuple[datetime, list[Answer]]] = []
            for nights in history:
                for number, night in enumerate(nights):
                    bars = night.bars(closes[number])
                    pass_night(worker, database_url, night, (ids[number], codes[number]), bars)
                moment = value(database_url, "SELECT clock_timestamp()")
                copies.append((moment, all_read(db, tickers, None)))
            for moment, then in copies:
                now = all_read(db, tickers, moment)
                assert [same(*pair) for pair in zip(now, then, strict=True)] == [True] * len(now)

        check()


OLD = Dividend(date=DAY, value=1.0, unadjusted_value=1.0, currency="USD")
NEW = {
    "another amount as paid": replace(OLD, unadjusted_value=2.0),
    "another currency": replace(OLD, currency="CAD"),
    "another payment date": replace(OLD, payment_date=at(9)),
    "another value": replace(OLD, value=0.5),
}


@pytest.mark.parametrize("is_feed", [True, False], ids=["by a feed", "by itself"])
@pytest.mark.parametrize("changed", NEW.values(), ids=NEW)
def test_a_changed_dividend_is_known_in_its_new_words_from_the_change_on(
    worker: Worker, database_url: str, changed: Dividend, *, is_feed: bool
) -> None:
    """Who was paid as before is known since the beginning, in whatever words."""
    (asset_id,) = add_assets(database_url, "A")
    moments = []
    for told in (OLD, OLD, changed):
        if is_feed:
            worker.store_actions({}, {"A": [told]})
        else:
            execute(database_url, "UPDATE assets SET actions_wanted_at = now()")
            (lease,) = worker.claim_wanted()
            worker.settle_actions(lease, VendorActions(dividends=(told,)))
        moments.append(value(database_url, "SELECT clock_timestamp()"))
    with nexus.connect(database_url) as db:
        found = [db.actions("A.US", as_of=moment).to_pylist() for moment in moments]
    told_then = [[OLD], [OLD], [changed]]
    assert [[dividend_of(row) for row in table] for table in found] == told_then
    is_paid_as_before = (OLD.unadjusted_value, OLD.currency) == (
        changed.unadjusted_value,
        changed.currency,
    )
    stored_at = [table[0]["stored_at"] for table in found]
    assert stored_at[0] == stored_at[1]
    assert (stored_at[2] == stored_at[0]) is is_paid_as_before
    kept = "SELECT count(*) FROM dividend_revisions WHERE asset_id = %s"
    assert value(database_url, kept, asset_id) == 1


def dividend_of(row: dict[str, Any]) -> Dividend:
    names = ("date", "value", "unadjusted_value", "currency", "payment_date")
    return Dividend(**{name: row[name] for name in names})


def test_a_withdrawn_split_is_still_what_was_known_then(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    worker.store_actions({"A": [Split(DAY, 4, 1)]}, {})
    then = value(database_url, "SELECT clock_timestamp()")
    worker.store_actions({"A": [Split(DAY, 5, 1)]}, {})
    between = value(database_url, "SELECT clock_timestamp()")
    execute(database_url, "UPDATE assets SET actions_wanted_at = now()")
    (lease,) = worker.claim_wanted()
    worker.settle_actions(lease, VendorActions(splits=()))
    with nexus.connect(database_url) as db:
        asked = (then, between, None)
        found = [db.actions("A.US", as_of=moment)["numerator"].to_pylist() for moment in asked]
        eve = rows(database_url, "SELECT min(stored_at) - interval '1 us' FROM split_revisions")
        assert len(db.actions("A.US", as_of=eve[0][0])) == 0
    assert found == [[4.0], [5.0], []]


CODES = ("A", "B", "C", "D")
WEEKS = st.lists(
    st.dictionaries(
        st.sampled_from(CODES),
        st.tuples(st.sampled_from(("X1", "X2", "X3", "")), st.sampled_from(("Alpha", "Beta"))),
        min_size=1,
    ),
    min_size=2,
    max_size=5,
)


def listed(week: dict[str, tuple[str, str]]) -> list[Listing]:
    """A week's list; an ISIN that moves to another code is a rename."""
    return [listing(code, f"{name} Inc", isin) for code, (isin, name) in sorted(week.items())]


@pytest.mark.sized(LISTS, "histories")
def test_the_universe_of_a_day_is_what_was_known_on_that_day(cluster: Cluster) -> None:
    """But for `until`, which tells what became of a listing."""

    @search(LISTS)
    @given(WEEKS)
    def check(weeks: Sequence[dict[str, tuple[str, str]]]) -> None:
        with cluster.fresh_database() as url, nexus.connect(url) as db:

            def known(week: int) -> list[dict[str, Any]]:
                table = db.universe("US", on=day(week)).drop(["until"])
                return sorted(table.to_pylist(), key=lambda row: row["asset_id"])

            then = []
            for number, week in enumerate(weeks):
                store(url, number, listed(week))
                then.append(known(number))
                assert {row["symbol"] for row in then[-1]} == {f"{code}.US" for code in week}
            assert [known(number) for number in range(len(weeks))] == then

    check()


def test_bars_of_a_past_universe_bear_its_symbols_and_end_with_what_was_known(
    database_url: str,
) -> None:
    """Who was renamed since is there under the old symbol, whoever came later is not."""
    store(database_url, 0, [listing("OLD", isin="X1"), listing("B", isin="X2")])
    with worker_on(database_url) as worker, nexus.connect(database_url) as db:
        night = Night(2, {}, None, None, is_feed=False)
        for lease in worker.claim():
            worker.commit(batch_for(lease, night.bars({})))
        moment = value(database_url, "SELECT clock_timestamp()")
        then = db.bars(db.universe("US", on=day(0)))
        store(database_url, 1, [listing("NEW", isin="X1"), listing("B"), listing("C")])
        for lease in worker.claim(days_old=-1):
            worker.commit(batch_for(lease, Night(5, {0: 30.0}, None, None, is_feed=False).bars({})))
        assert db.bars(db.universe("US", on=day(0)), as_of=moment).equals(then)
        assert set(then["ticker"].to_pylist()) == {"OLD.US", "B.US"}
        assert len(db.bars(db.universe("US", on=day(1)))) == 18
