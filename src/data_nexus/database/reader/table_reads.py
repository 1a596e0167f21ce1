"""Read tables in full, so that each damaged page is met, and count their bars.

Each table is read once, from its first page to its last. That is what it costs: about as long as
the disk needs for the size of the tables (PostgreSQL reads with several processes), and memory for
two numbers an asset.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.errors import StorageDamaged

# Of the SQLSTATEs: corrupted data, and what the system could not read.
_DAMAGE = ("XX", "58")
_COUNT = "SELECT count(*) FROM {}"
# As text, a row is read with its values that are stored out of line; a count alone leaves them out.
_COUNT_LONG = "SELECT count(t::text) FROM {} AS t"
Damage = dict[str, str]
# What `bars_apart_from_log` reads.
_COMPARED = frozenset({"sync_log", "market_data"})


@contextmanager
def damage_noted(damaged: Damage, table: str) -> Iterator[None]:
    """Note in `damaged` what PostgreSQL says if it cannot read a table."""
    try:
        yield
    except psycopg.Error as error:
        if (error.sqlstate or "")[:2] not in _DAMAGE:
            raise
        damaged.setdefault(table, str(error).strip().splitlines()[0])


def bars_apart_from_log(database: PostgresConnection, damaged: Damage) -> tuple[int, ...] | None:
    """Return the assets that have not as many bars as the sync log says, as of one moment.

    None if one of the two tables is damaged, which is noted in `damaged`.
    """
    counts: list[dict[int, int]] = []
    with database.reading() as connection:
        _read_in_full(connection)
        for table, name in (("sync_log", "logged_by_asset"), ("market_data", "stored_by_asset")):
            with damage_noted(damaged, table):
                rows = connection.cursor(row_factory=tuple_row).execute(query(name))
                counts.append({asset_id: int(bars) for asset_id, bars in rows})
            if damaged:
                return None
    logged, stored = counts
    differ = {each for each in logged.keys() | stored if logged.get(each, 0) != stored.get(each, 0)}
    return tuple(sorted(differ))


def read_other_tables(database: PostgresConnection, damaged: Damage) -> None:
    """Read the tables that `bars_apart_from_log` has not read, with what is stored out of line."""
    _read_tables(database, damaged, frozenset() if damaged else _COMPARED)


def require_readable(database: PostgresConnection) -> None:
    """Read all tables in full; raise `StorageDamaged` for one that cannot be read."""
    damaged: Damage = {}
    _read_tables(database, damaged, frozenset())
    for table, cause in damaged.items():
        raise StorageDamaged(f"the table {table} is damaged: {cause}; restore a backup")


def _read_tables(database: PostgresConnection, damaged: Damage, but: AbstractSet[str]) -> None:
    with database.reading() as connection:
        cursor = connection.cursor(row_factory=tuple_row)
        for table, has_long_values in cursor.execute(query("own_tables")).fetchall():
            if table not in but:
                counted = sql.SQL(_COUNT_LONG if has_long_values else _COUNT)
                with damage_noted(damaged, table):
                    _read_in_full(connection)
                    connection.execute(counted.format(sql.Identifier(table)))
                connection.rollback()


def _read_in_full(connection: psycopg.Connection) -> None:
    """Have the rest of a transaction read tables in full, however long that takes."""
    connection.execute(query("without_time_limit"))
    connection.execute(query("without_indexes"))
