"""How complete a history is, of sessions stored, absent, missing and rejected."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.store.batch import RejectedRow
from data_nexus.domain.bars import days
from data_nexus.research.coverage import read_coverage
from tests.support.postgres.tables import add_assets, execute
from tests.support.postgres.workers import Worker, bars_from, batch_for

FIRST = date(2024, 1, 2)


def test_coverage_tells_stored_absent_and_missing_sessions(
    worker: Worker, database_url: str
) -> None:
    """Tuesday 2 to Saturday 6 January 2024, without the Thursday; the cursor stands on Friday."""
    add_assets(database_url, "A", "DEAD", "NONE", currency="USD")
    leases = {lease.symbol.code: lease for lease in worker.claim()}
    week = bars_from(FIRST, 1, 2, 3, 4, 5).take(np.array([0, 1, 3, 4]))
    worker.commit(batch_for(leases["A"], week), batch_for(leases["DEAD"], week))
    execute(
        database_url,
        "UPDATE assets SET synced_through = '2024-01-05', settled_through = '2024-01-04'"
        " WHERE symbol <> 'NONE'",
        "UPDATE assets SET is_delisted = true WHERE symbol = 'DEAD'",
    )
    # Monday and Tuesday are out, Wednesday is not.
    moment = datetime(2024, 1, 10, 15, tzinfo=UTC)
    wanted = ["A.US", "DEAD.US", "NONE.US"]
    table = read_coverage(PostgresConnection(database_url), wanted, moment)
    columns = (
        *("expected", "stored", "provisional", "absent", "missing", "unexpected"),
        "is_exact",
    )
    found = {row["ticker"]: tuple(row[name] for name in columns) for row in table.to_pylist()}
    assert found == {
        # Friday's bar may still be corrected, of what is dead no more.
        "A.US": (6, 3, 1, 1, 2, 1, True),
        "DEAD.US": (4, 3, 0, 1, 0, 1, True),
        "NONE.US": (0, 0, 0, 0, 0, 0, None),
    }
    first = table.to_pylist()[0]
    assert (first["first_bar"], first["last_bar"]) == (FIRST, date(2024, 1, 6))
    assert first["synced_through"] == date(2024, 1, 5)
    assert first["settled_through"] == date(2024, 1, 4)


def test_a_session_whose_row_was_rejected_is_missing_before_the_first_bar_too(
    worker: Worker, database_url: str
) -> None:
    """Bars from Tuesday on; rows of the Friday before, of a holiday and of Wednesday rejected."""
    add_assets(database_url, "A", "NONE", currency="USD", is_delisted=True)
    leases = {lease.symbol.code: lease for lease in worker.claim()}
    week = bars_from(FIRST, 1, 2, 3, 4).take(np.array([0, 2, 3]))
    dates = ("2023-12-29", "2024-01-01", "2024-01-02", "2024-01-03")
    rejects = tuple(
        RejectedRow(days(date.fromisoformat(day)), "close is above zero", "{}") for day in dates
    )
    worker.commit(
        replace(batch_for(leases["A"], week), rejects=rejects),
        replace(batch_for(leases["NONE"], week.take(np.array([], np.intp))), rejects=rejects),
    )
    moment = datetime(2024, 1, 10, 15, tzinfo=UTC)
    table = read_coverage(PostgresConnection(database_url), ["A.US", "NONE.US"], moment)
    columns = ("first_bar", "expected", "stored", "absent", "missing")
    assert [tuple(row[name] for name in columns) for row in table.to_pylist()] == [
        (FIRST, 5, 3, 0, 2),
        (None, 3, 0, 0, 3),
    ]
