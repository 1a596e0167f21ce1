"""Two real deliveries of the same bars, 2021 and 2023: both are read, and the difference reported.

The expected answers are columns of the file itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.changes import changes_since
from data_nexus.database.store.batch import Receipt
from data_nexus.domain.bars import Bars
from data_nexus.domain.planning.suspicion import Reason
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.validation.overlap import is_of_another
from data_nexus.research.bars import BARS_SCHEMA, read_bars
from tests.golden.recordings import market_file, needs_recordings
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, value
from tests.support.postgres.workers import Worker, batch_for, worker_on

pytestmark = needs_recordings

RAW = ("open", "high", "low", "close", "volume")
COLUMNS = ("open", "high", "low", "close", "adjusted_close", "volume")
OLD_VALUES = ("market_data_revisions", "rebasings")
LOADED = ("market_data", "sync_log")


@dataclass(frozen=True)
class Pairs:
    """Both deliveries, by ticker and date as they are read, and the store that holds them.

    `growth` is by how many bytes each table grew with the second delivery, indexes included.
    """

    url: str
    first: pa.Table
    second: pa.Table
    first_at: datetime
    receipts: list[Receipt]
    growth: dict[str, int]

    @property
    def database(self) -> PostgresConnection:
        return PostgresConnection(self.url)

    @property
    def symbols(self) -> list[Symbol]:
        codes = self.first["ticker"].unique().to_pylist()
        return [Symbol(*ticker.rsplit(".", 1)) for ticker in codes]

    def differs(self, *columns: str) -> np.typing.NDArray[np.bool_]:
        """Which bars differ in any of the columns."""
        differs = np.zeros(len(self.first), np.bool_)
        for name in columns:
            differs |= pc.not_equal(self.first[name], self.second[name]).to_numpy()
        return differs


def delivery(year: int) -> pa.Table:
    """One delivery as it should be read, whatever the store does."""
    table = pq.read_table(market_file("revision_pairs_2021_vs_2023.parquet"))
    tickers = pc.binary_join_element_wise(table["symbol"].cast(pa.string()), "US", ".")
    values = [table[f"{name}_{year}snap"].cast(pa.float64()) for name in COLUMNS]
    columns = [tickers, table["date"], *values]
    return pa.Table.from_arrays(columns, schema=BARS_SCHEMA).sort_by(
        [("ticker", "ascending"), ("date", "ascending")]
    )


def bars_of(table: pa.Table, symbol: Symbol) -> Bars:
    """A symbol's bars of a delivery."""
    own = table.filter(pc.equal(table["ticker"], str(symbol)))
    dates = own["date"].to_numpy().astype("datetime64[D]").astype(np.int32)
    return Bars(dates, *(own[name].to_numpy() for name in COLUMNS))


def commit(worker: Worker, table: pa.Table) -> list[Receipt]:
    """Commit a delivery in one transaction, as one that is believed; the receipts."""
    batches = (batch_for(each, bars_of(table, each.symbol)) for each in worker.claim(days_old=-1))
    believed = (replace(batch, confirmed=frozenset({Reason.ANOTHER})) for batch in batches)
    return [receipt for receipt in worker.commit(*believed) if receipt]


def sizes(url: str) -> Counter[str]:
    """Bytes of each table, with indexes and what is stored outside of its rows."""
    return Counter(
        {
            name: int(value(url, "SELECT pg_total_relation_size(%s)", name))
            for name in (*OLD_VALUES, *LOADED)
        }
    )


@pytest.fixture(scope="module")
def pairs(cluster: Cluster) -> Iterator[Pairs]:
    first, second = delivery(2021), delivery(2023)
    codes = [ticker.removesuffix(".US") for ticker in first["ticker"].unique().to_pylist()]
    with cluster.fresh_database() as url, worker_on(url) as worker:
        add_assets(url, *codes)
        commit(worker, first)
        moment = value(url, "SELECT max(committed_at) FROM sync_log")
        before = sizes(url)
        receipts = commit(worker, second)
        yield Pairs(url, first, second, moment, receipts, dict(sizes(url) - before))


def test_histories_of_other_companies_under_the_same_code_are_told_from_revisions(
    pairs: Pairs,
) -> None:
    """Cadence, Coherent and Contura had given their codes to others by the second delivery."""
    others = {
        symbol.code
        for symbol in pairs.symbols
        if is_of_another(bars_of(pairs.first, symbol), bars_of(pairs.second, symbol))
    }
    assert others == {"CADE", "COHR", "CTRA"}


def test_as_of_the_first_moment_reads_the_first_delivery(pairs: Pairs) -> None:
    assert read_bars(pairs.database, pairs.symbols, as_of=pairs.first_at).equals(pairs.first)


def test_now_reads_the_second_delivery(pairs: Pairs) -> None:
    assert read_bars(pairs.database, pairs.symbols).equals(pairs.second)


def test_each_changed_bar_is_counted_as_revised(pairs: Pairs) -> None:
    assert sum(receipt.revised for receipt in pairs.receipts) == pairs.differs(*COLUMNS).sum()
    assert sum(receipt.inserted for receipt in pairs.receipts) == 0


def test_changes_list_each_restated_bar_with_its_old_and_new_values(pairs: Pairs) -> None:
    found = changes_since(pairs.database, pairs.first_at)
    restated = pairs.differs(*RAW)
    assert found.counts["restated"] == restated.sum()
    listed = sorted(found.listed["restated"], key=lambda row: (row["ticker"], row["date"]))
    for side, expected in (("old", pairs.first), ("new", pairs.second)):
        assert pa.Table.from_pylist(
            [{"ticker": row["ticker"], "date": row["date"], **row[side]} for row in listed],
            schema=BARS_SCHEMA,
        ).equals(expected.filter(pa.array(restated)).combine_chunks())


def test_each_re_based_history_is_one_row(pairs: Pairs) -> None:
    """It holds the bars whose adjusted close alone has changed, and no other."""
    rebased = pairs.differs("adjusted_close") & ~pairs.differs(*RAW)
    tickers = set(pairs.first.filter(pa.array(rebased))["ticker"].to_pylist())
    found = changes_since(pairs.database, pairs.first_at)
    assert {row["ticker"] for row in found.listed["rebased"]} == tickers
    assert found.counts["rebased"] == len(tickers)
    assert sum(row["bars"] for row in found.listed["rebased"]) == rebased.sum()


def test_nothing_has_changed_since_the_second_delivery(pairs: Pairs) -> None:
    moment = value(pairs.url, "SELECT max(committed_at) FROM sync_log")
    assert set(changes_since(pairs.database, moment).counts.values()) == {0}


def test_storage_grows_by_what_has_changed_only(pairs: Pairs) -> None:
    """A restated bar costs a row and its index entry, a re-based one 16 bytes of one row."""
    count = int(value(pairs.url, "SELECT count(*) FROM market_data"))
    restated = int(value(pairs.url, "SELECT count(*) FROM market_data_revisions"))
    rebased = int(value(pairs.url, "SELECT sum(bars) FROM rebasings"))
    assert count == len(pairs.first)
    assert restated + rebased == pairs.differs(*COLUMNS).sum()
    entry, spare = 30, 128 * 1024
    assert pairs.growth["market_data_revisions"] < restated * (104 + entry) + spare
    assert pairs.growth["rebasings"] < rebased * 16 + spare
    # PostgreSQL keeps the old version of a changed row until it cleans up; no other is touched.
    assert pairs.growth["market_data"] < (restated + rebased) * (92 + entry) + spare
    assert pairs.growth["sync_log"] < len(pairs.symbols) * 200 + spare
