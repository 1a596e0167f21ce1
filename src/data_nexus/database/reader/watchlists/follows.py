"""Choose what an exchange follows, and pause assets: both keep assets out of the queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query


@dataclass(frozen=True, slots=True)
class FollowedExchange:
    """An exchange: the `watchlists` that it follows, or none of them if it follows all assets.

    Of its `assets` some are `followed`; of those, `paused` ones are not loaded either.
    """

    exchange: str
    watchlists: list[str]
    followed: int
    paused: int
    assets: int


@dataclass(frozen=True, slots=True)
class KeptOut:
    """An asset that no run loads: paused, parked, or not in what its exchange `follows`."""

    ticker: str
    is_paused: bool
    is_parked: bool
    follows: list[str]

    def __str__(self) -> str:
        if self.is_paused:
            return f"{self.ticker} is paused and not loaded; run: nexus resume {self.ticker}"
        if self.is_parked:
            return f"{self.ticker} is parked and not loaded; see: nexus dead-letters show"
        exchange, lists = self.ticker.rpartition(".")[2], ", ".join(self.follows)
        return (
            f"{self.ticker} is not followed and not loaded: {exchange} follows {lists} alone; run:"
            f" nexus watchlist add {self.follows[0] if self.follows else 'NAME'} {self.ticker}"
        )


def kept_out(database: PostgresConnection, asset_ids: Sequence[int]) -> list[KeptOut]:
    """Return those of some assets that no run loads, by ticker."""
    return database.rows("kept_out", {"asset_ids": list(asset_ids)}, class_row(KeptOut))


def list_followed(database: PostgresConnection) -> list[FollowedExchange]:
    """Return what each exchange follows, by its code."""
    return database.rows("list_followed", {}, class_row(FollowedExchange))


def follow_watchlist(database: PostgresConnection, name: str, *, only: bool) -> None:
    """Let the exchanges of a watchlist's assets follow it; those that follow all still do.

    With `only` they follow it and nothing else: their other assets, and those that a discovery
    adds, are not due any longer. Nothing is deleted.
    """
    with changed_follows(database) as connection:
        connection.execute(query("follow_only" if only else "follow_too"), {"name": name})


def follow_exchange(database: PostgresConnection, exchange: str) -> None:
    """Let an exchange follow all its assets again."""
    with changed_follows(database) as connection:
        connection.execute(query("follow_all"), {"exchange": exchange})


@contextmanager
def changed_follows(database: PostgresConnection) -> Iterator[psycopg.Connection]:
    """Give a connection that may change what is followed, and mark the assets by it at the end."""
    with database.connect() as connection:
        connection.execute(query("lock_follows"))
        yield connection
        connection.execute(query("mark_followed"), {"exchange": None})


def pause_assets(
    database: PostgresConnection, asset_ids: Sequence[int] | None, exchange: str | None = None
) -> int:
    """Keep some assets, or those of an exchange, out of the queue; return how many were not yet.

    Nothing but `resume_assets` ends that: no discovery does.
    """
    return _set(database, "pause_assets", asset_ids, exchange)


def resume_assets(
    database: PostgresConnection, asset_ids: Sequence[int] | None, exchange: str | None = None
) -> int:
    """End the pauses of some assets, or of those of an exchange; return how many."""
    return _set(database, "resume_assets", asset_ids, exchange)


def _set(
    database: PostgresConnection,
    name: str,
    asset_ids: Sequence[int] | None,
    exchange: str | None,
) -> int:
    chosen = {"asset_ids": None if asset_ids is None else list(asset_ids), "exchange": exchange}
    with database.connect() as connection:
        return connection.execute(query(name), chosen).rowcount
