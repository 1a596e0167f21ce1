"""Report what is odd about assets: findings, and suspicions, which a person may accept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg.rows import dict_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.database.reader.assets import asset_ids_of
from data_nexus.domain.planning.suspicion import ACCEPTABLE, Reason
from data_nexus.domain.symbol import Symbol


def read_findings(
    database: PostgresConnection, exchange: str | None = None
) -> list[dict[str, Any]]:
    """Return the findings of one exchange or of all, by ticker and rule."""
    return database.rows("read_findings", {"exchange": exchange}, dict_row)


def list_suspicions(
    database: PostgresConnection, exchange: str | None = None, *, accepted: bool = False
) -> list[dict[str, Any]]:
    """Return what is suspected and open, or what was accepted, of one exchange or of all.

    `read_after` is None where an asset is not read again because of it.
    """
    asked = {"exchange": exchange, "accepted": accepted}
    return database.rows("list_suspicions", asked, dict_row)


def accept_suspicions(
    database: PostgresConnection, symbols: Sequence[Symbol], reason: Reason | None = None
) -> int:
    """Accept what is suspected of assets, for one reason or for all that can be accepted.

    Returns how many it was. Raises `UsageError` for a symbol that no asset has.
    """
    reasons = [reason] if reason else list(ACCEPTABLE)
    chosen = {"asset_ids": asset_ids_of(database, symbols), "reasons": reasons}
    with database.connect() as connection:
        return connection.execute(query("accept_suspicions"), chosen).rowcount
