"""Count what the database holds of each exchange, beside the vendor's last list of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row, tuple_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.domain.listings.exchange_lists import (
    HeldExchange,
    KnownExchange,
    ListedExchange,
    known_exchanges,
)


@dataclass(frozen=True, slots=True)
class ExchangeList:
    """The exchanges with assets here, then the others of the vendor's last list.

    It was `listed_at` a moment, which is `age` ago; None if there was none yet.
    """

    exchanges: list[KnownExchange]
    listed_at: datetime | None
    age: timedelta | None


def held_exchanges(database: PostgresConnection) -> list[HeldExchange]:
    """Return the exchanges with assets, by code."""
    return database.rows("held_exchanges", {}, class_row(HeldExchange))


def exchange_list(database: PostgresConnection) -> ExchangeList:
    """Return every exchange that is known: those with assets here first, then by code."""
    with database.together() as one:
        listed = one.rows("listed_exchanges", {}, class_row(ListedExchange))
        ((moment, age),) = one.rows("exchanges_listed_at", {}, tuple_row)
        return ExchangeList(known_exchanges(listed, held_exchanges(one)), moment, age)
