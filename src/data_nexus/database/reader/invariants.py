"""Check the invariants: what is true of a database at any moment, as queries for breaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg.rows import scalar_row, tuple_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.database.reader.stored_history import known_actions, stored_bars
from data_nexus.database.reader.table_reads import (
    Damage,
    bars_apart_from_log,
    damage_noted,
    read_other_tables,
)
from data_nexus.domain.adjustment.findings import ADJUSTED_CLOSE_IS_EXPLAINED, findings_of
from data_nexus.errors import StorageUnavailable

REPAIR = "nexus repair"
RESTORE = "restore a backup: the log of the answers was changed"


# Of what the queries for breaches read, the tables themselves have been read by then.
_INDEX = "an index"


@dataclass(frozen=True, slots=True)
class Invariant:
    """A promise, the query for the assets of which it is broken, and what mends it."""

    name: str
    query: str
    remedy: str


INVARIANTS = (
    Invariant("no cursor is ahead of its rows", "broken_cursors", REPAIR),
    Invariant("every received row is accounted for", "broken_sums", RESTORE),
    Invariant("every answer recorded is in the sync log", "broken_log", REPAIR),
    Invariant("no fence of the log is ahead of its asset", "broken_fences", RESTORE),
)
BARS_ARE_LOGGED = "stored bars are those of the sync log"
SAMPLE_IS_EXPLAINED = "adjusted closes of a sample are explained"
NONE_WAITS = "no history waits for a repair"
REMEDIES = {each.name: each.remedy for each in INVARIANTS} | {
    BARS_ARE_LOGGED: REPAIR,
    SAMPLE_IS_EXPLAINED: REPAIR,
    NONE_WAITS: REPAIR,
}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in a database.

    `broken` has the ids of the assets that break an invariant, by its name; an invariant that could
    not be checked, because a table is damaged, is left out. `damaged` has what PostgreSQL says of
    tables that cannot be read, by their names.
    """

    broken: dict[str, tuple[int, ...]] = field(default_factory=dict)
    damaged: Damage = field(default_factory=dict)

    @property
    def to_repair(self) -> list[int]:
        """The assets whose histories are to be read whole again."""
        found = (ids for name, ids in self.broken.items() if REMEDIES[name] == REPAIR)
        return sorted({asset_id for ids in found for asset_id in ids})


def broken_invariants(database: PostgresConnection) -> dict[str, int]:
    """Return each invariant with the number of assets of which it is broken.

    Raises `StorageUnavailable` if a table is damaged.
    """
    found = Inspection()
    _check(database, found)
    for table, cause in found.damaged.items():
        raise StorageUnavailable(f"{table} is damaged: {cause}")
    return {name: len(ids) for name, ids in found.broken.items()}


def inspect_database(database: PostgresConnection, *, sample: int = 0) -> Inspection:
    """Read all tables in full and check the invariants; of `sample` assets the adjustment, too.

    Nothing is written. It costs one sequential read of each table, and for each asset one look into
    the index of the bars and one into that of the log.
    """
    found = Inspection()
    _check(database, found, sample)
    read_other_tables(database, found.damaged)
    return found


def note_damaged(database: PostgresConnection, asset_ids: Sequence[int]) -> bool:
    """Mark assets for `nexus repair`; False if this role or server cannot write."""
    if not asset_ids:
        return True
    with database.connect() as connection:
        try:
            connection.execute(query("want_repair"), {"asset_ids": list(asset_ids)})
        except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege):
            return False
    return True


def tickers_of(database: PostgresConnection, asset_ids: Sequence[int]) -> dict[int, str]:
    """Return the tickers of assets, by id; one whose asset is gone is left out."""
    return dict(database.rows("asset_tickers", {"asset_ids": list(asset_ids)}, tuple_row))


def _check(database: PostgresConnection, found: Inspection, sample: int = 0) -> None:
    """Check the invariants until a table turns out to be damaged."""
    apart = bars_apart_from_log(database, found.damaged)
    if apart is not None:
        found.broken[BARS_ARE_LOGGED] = apart
    with database.reading() as connection:
        connection.execute(query("without_time_limit"))
        for invariant in INVARIANTS:
            if found.damaged:
                return
            with damage_noted(found.damaged, _INDEX):
                rows = connection.cursor(row_factory=scalar_row).execute(query(invariant.query))
                found.broken[invariant.name] = tuple(rows.fetchall())
        if sample and not found.damaged:
            with damage_noted(found.damaged, _INDEX):
                found.broken[SAMPLE_IS_EXPLAINED] = _unexplained(connection, sample)
                cursor = connection.cursor(row_factory=scalar_row)
                waiting = cursor.execute(query("waiting_for_repair")).fetchall()
                found.broken[NONE_WAITS] = tuple(waiting)


def _unexplained(connection: psycopg.Connection, most: int) -> tuple[int, ...]:
    """Return which of some assets have adjusted closes that nothing explains, and no finding."""
    cursor = connection.cursor(row_factory=tuple_row)
    chosen = cursor.execute(query("sampled_assets"), {"most": most}).fetchall()
    return tuple(
        sorted(
            asset_id
            for asset_id, currency in chosen
            if not _is_explained(connection, asset_id, currency)
        )
    )


def _is_explained(connection: psycopg.Connection, asset_id: int, currency: str) -> bool:
    known = known_actions(connection, asset_id, currency)
    found = findings_of(stored_bars(connection, asset_id), known)
    if all(each.rule != ADJUSTED_CLOSE_IS_EXPLAINED for each in found):
        return True
    asked = {"asset_id": asset_id, "rule": ADJUSTED_CLOSE_IS_EXPLAINED}
    return connection.execute(query("read_finding"), asked).fetchone() is not None
