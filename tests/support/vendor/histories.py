"""What a database holds of histories, and whether it is what the vendor sends."""

from __future__ import annotations

from typing import Any

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from tests.support.postgres.tables import rows, value
from tests.support.vendor.sandbox import Sandbox
from tests.support.vendor.truth import differences, truth


def day(url: str, asset_id: int, number: int) -> str:
    """The date of an asset's bar by its number."""
    query = "SELECT date::text FROM market_data WHERE asset_id = %s ORDER BY date OFFSET %s LIMIT 1"
    return str(value(url, query, asset_id, number))


def bars_of(url: str) -> list[tuple[Any, ...]]:
    return rows(url, "SELECT * FROM market_data ORDER BY asset_id, date")


def is_true(url: str, vendor: Sandbox) -> bool:
    """Whether all bars are the vendor's, and nothing that is said of them is broken."""
    found = differences(url, truth(vendor))
    is_sound = not any(broken_invariants(PostgresConnection(url)).values())
    return is_sound and (found["lost"], found["invented"]) == (0, 0)
