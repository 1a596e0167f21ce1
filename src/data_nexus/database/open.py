"""Open *the* database, ready for use: the one that a URL names, or the embedded one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from data_nexus.database.embedded import embedded_server
from data_nexus.database.upgrade import check_schema, upgrade
from data_nexus.errors import UsageError


@contextmanager
def open_database(
    url: str | None, home: Path, schema: str, *, writes: bool = True
) -> Iterator[str]:
    """Give the URL of a database with this version's tables.

    Without a URL the embedded PostgreSQL under `home` runs while the block does, and its tables
    are brought to this version; a server's tables are only checked (their owner runs
    `nexus db upgrade`). A server that only reads, as a hot standby does, and a role that may not
    write are refused unless nothing `writes`. Raises `StorageUnavailable`, `StorageUnfit` or
    `SchemaMismatch`.
    """
    if url is not None:
        check_schema(url, schema, writes=writes)
        yield url
        return
    with embedded_server(home) as own:
        upgrade(own, schema)
        yield own


def database_url(db_config: str | Mapping[str, object] | None) -> str | None:
    """Return the URL of a `db_config` of the specification; None is the embedded database.

    A mapping holds `host`, `port`, `user`, `password` and `database` (or `dbname`).
    """
    if db_config is None or isinstance(db_config, str):
        return db_config
    parts = {key: quote(str(value), safe="") for key, value in db_config.items()}
    name = parts.get("database") or parts.get("dbname")
    if not name:
        raise UsageError("db_config names no database")
    password = f":{parts['password']}" if "password" in parts else ""
    user = f"{parts['user']}{password}@" if "user" in parts else ""
    return f"postgresql://{user}{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{name}"
