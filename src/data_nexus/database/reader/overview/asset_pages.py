"""Read assets a page at a time, and what is known of one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from psycopg.rows import class_row, dict_row, scalar_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.database.reader.planning import known_calendars
from data_nexus.database.reader.status import state_parameters

Published: TypeAlias = Mapping[str, Any]
_PATTERN = re.compile(r"([%_\\])")


@dataclass(frozen=True, slots=True)
class AssetFilter:
    """Which assets to show: each of its fields is None or empty where it filters nothing.

    `search` begins the symbol, in capitals or not; where none does, its words are in the name.
    """

    exchange: str | None = None
    search: str = ""
    state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PagedAsset:
    """An asset on a page: how far it is read and settled, and its state in a word."""

    asset_id: int
    code: str
    exchange: str
    name: str
    asset_type: str
    last_bar: date | None
    synced_through: date | None
    settled_through: date | None
    state: str

    @property
    def symbol(self) -> str:
        """Its symbol: `AAPL.US`."""
        return f"{self.code}.{self.exchange}"


def read_published(database: PostgresConnection) -> Published:
    """Return the last sessions that are out now, by market segment: it takes all assets to say."""
    with database.together() as one, one.connect() as connection:
        (moment,) = one.rows("days_ago", {"days": 0}, scalar_row)
        return state_parameters(connection, moment, known_calendars(one))


def read_assets_page(
    database: PostgresConnection,
    chosen: AssetFilter,
    published: Published,
    *,
    exchanges: Sequence[str],
    after: tuple[str, str] = ("", ""),
    most: int = 100,
) -> list[PagedAsset]:
    """Return assets of some exchanges by exchange and symbol, those after an exchange and a code.

    `published` is what `read_published` has returned, a little while ago.
    """
    only = [each for each in exchanges if chosen.exchange in (None, each)]
    asked = {
        **published,
        "asset_ids": None,
        "only": only,
        **_latest(published, only),
        "state": chosen.state,
        "after_exchange": after[0],
        "after": after[1],
        "most": most,
    }
    with database.together() as one:
        for by in _searches(chosen.search):
            if found := one.rows("asset_page", asked | by, class_row(PagedAsset)):
                return found
    return []


def read_asset(
    database: PostgresConnection, asset_id: int, published: Published
) -> dict[str, Any] | None:
    """Return what is known of an asset, by the names of its columns, with its state."""
    asked = {**published, "asset_ids": [asset_id]}
    found = database.rows("asset_facts", asked, dict_row)
    return found[0] if found else None


def read_last_bars(
    database: PostgresConnection, asset_id: int, until: date = date.max, most: int = 250
) -> list[dict[str, Any]]:
    """Return an asset's last bars up to a date, the newest first."""
    asked = {"asset_id": asset_id, "until": until, "most": most}
    return database.rows("last_bars", asked, dict_row)


def read_revisions(
    database: PostgresConnection, asset_id: int, most: int = 50
) -> list[dict[str, Any]]:
    """Return the last revisions of an asset's bars, the newest first."""
    return database.rows("last_revisions", {"asset_id": asset_id, "most": most}, dict_row)


def read_syncs(database: PostgresConnection, asset_id: int, most: int = 50) -> list[dict[str, Any]]:
    """Return the last answers of the vendor's for an asset, the newest first."""
    return database.rows("last_syncs", {"asset_id": asset_id, "most": most}, dict_row)


def read_known_days(database: PostgresConnection, asset_id: int, most: int = 250) -> list[date]:
    """Return the last days (UTC) on which bars of an asset came or changed, the oldest first."""
    return database.rows("known_days", {"asset_id": asset_id, "most": most}, scalar_row)


def ask_for_repair(database: PostgresConnection, asset_ids: Sequence[int]) -> int:
    """Let the whole histories of assets be read again by `nexus repair`; return how many."""
    with database.connect() as connection:
        return connection.execute(query("want_repair"), {"asset_ids": [*asset_ids]}).rowcount


def _latest(published: Published, exchanges: Sequence[str]) -> dict[str, date | None]:
    """Return the latest sessions that any segment of some exchanges has published, and settled."""
    names = published["exchanges"]
    return {
        f"latest_{kind}": max(
            (at for name, at in zip(names, published[kind], strict=True) if name in exchanges),
            default=None,
        )
        for kind in ("published", "settled")
    }


def _searches(search: str) -> Iterator[dict[str, str | list[str] | None]]:
    """Give what to look for, one after the other: beginnings of symbols, words of names."""
    nothing = {"beginning": None, "words": None, "ascii_words": None}
    # No name has a NUL, which PostgreSQL's texts cannot hold.
    text = search.strip().replace("\0", "\N{REPLACEMENT CHARACTER}")
    if not text:
        yield {**nothing}
        return
    code = text.upper().partition(".")[0] if "." in text else text.upper()
    yield {**nothing, "beginning": f"{_literal(code)}%"}
    words = [f"%{_literal(word)}%" for word in text.lower().split()]
    yield {**nothing, "ascii_words" if text.isascii() else "words": words}


def _literal(text: str) -> str:
    """Return the pattern of LIKE that means a text itself."""
    return _PATTERN.sub(r"\\\1", text)
