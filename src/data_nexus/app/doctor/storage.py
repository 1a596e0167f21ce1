"""Examine the database: reachable, fit, its version and settings, its room, its clock."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from data_nexus.app.doctor.account import clock_line
from data_nexus.app.doctor.diagnosis import (
    Diagnosis,
    attempted,
    doubtful,
    failed,
    tried,
    well,
    wrong,
)
from data_nexus.config import Secret, Settings, without_password
from data_nexus.database import queries
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import embedded_server, has_cluster
from data_nexus.database.embedded.os_account import MAJOR_VERSION, programs
from data_nexus.database.reader.server.facts import (
    BarsToCome,
    ServerFacts,
    bars_to_come,
    server_facts,
)
from data_nexus.database.upgrade import check_schema
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.planning.due import PROBED_AFTER
from data_nexus.errors import SchemaMismatch

FreeSpace = Callable[[Path], int]
_GB = 1 << 30
# Under this PostgreSQL's own log may fill the disk in mid-load, and under that it may not start.
_LITTLE, _LEAST = 2 * _GB, _GB // 4
# Beside the engine's pool: the leases' connection, and a person's own.
_BESIDE_WRITERS = 8
_OPTIONAL = (Endpoint.BULK, Endpoint.SPLITS, Endpoint.DIVIDENDS)


def free_space(folder: Path) -> int:
    """Return the free bytes of the disk that a folder is on, or will be on."""
    there = folder.expanduser().absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    return shutil.disk_usage(there).free


def database_lines(
    settings: Settings, clock: Callable[[], datetime], free: FreeSpace
) -> Iterator[Diagnosis]:
    """Give the lines about the database in use.

    A running check starts the embedded server and stops it again; none that is not there is made.
    """
    if settings.database_url is None and not has_cluster(settings.home):
        yield from _unmade(settings, free)
        return
    with ExitStack() as stack:
        found = tried("database", lambda: _opened(stack, settings))
        if isinstance(found, Diagnosis):
            yield found
            yield from _room_of_home(settings, free)
            return
        url, facts = found
        yield _server(settings, facts)
        yield from attempted("tables", lambda: [_tables(url, settings)])
        yield _settings(facts, settings)
        database = PostgresConnection(url, settings.schema)
        waiting = tried("tables", lambda: bars_to_come(database))
        # Where they cannot be read the line about the tables says it.
        to_come = None if isinstance(waiting, Diagnosis) else waiting
        yield from attempted("disk", lambda: [_room(settings, facts, to_come, free)])
        yield clock_line("clock and database", clock(), facts.moment, "the database")
        if settings.token is not None and to_come is not None:
            yield from attempted("refusals", lambda: _refusals(database, settings, facts.moment))


def _opened(stack: ExitStack, settings: Settings) -> tuple[str, ServerFacts]:
    url = settings.database_url or stack.enter_context(embedded_server(settings.home))
    return url, server_facts(PostgresConnection(url, settings.schema))


def _unmade(settings: Settings, free: FreeSpace) -> Iterator[Diagnosis]:
    programs()  # raises if the wheel with PostgreSQL is not installed
    place = settings.home.expanduser().absolute()
    yield well("database", f"PostgreSQL {MAJOR_VERSION}, to be made below {place} when needed")
    yield from _room_of_home(settings, free)


def _room_of_home(settings: Settings, free: FreeSpace) -> Iterator[Diagnosis]:
    if settings.database_url is None:
        yield from attempted("disk", lambda: [_judged(free(settings.home), 0, settings.home)])


def _server(settings: Settings, facts: ServerFacts) -> Diagnosis:
    kind = "embedded" if settings.database_url is None else without_password(settings.database_url)
    extras = [*facts.extensions, *(f"{each} (not in use)" for each in facts.available)]
    named = ", ".join(extras) or "no extensions"
    return well("database", f"PostgreSQL {facts.version} ({kind}), {_size(facts.bytes)}, {named}")


def _tables(url: str, settings: Settings) -> Diagnosis:
    try:
        check_schema(url, settings.schema)
    except SchemaMismatch as error:
        line = failed("tables", error)
        is_made_anyway = settings.database_url is None and "nexus db upgrade" in line.remedy
        if not is_made_anyway:
            return line
        return doubtful("tables", line.seen, "nothing to do: the next command brings them up")
    return well("tables", "they are this version's, and this role may write to them")


def _settings(facts: ServerFacts, settings: Settings) -> Diagnosis:
    name, free = "server settings", facts.max_connections - facts.connections
    if not facts.is_durable:
        remedy = "ALTER SYSTEM SET fsync = on; the same for full_page_writes; then restart it"
        return doubtful(name, "fsync or full_page_writes is off: a power cut may damage it", remedy)
    if not facts.is_vacuumed:
        remedy = "ALTER SYSTEM SET autovacuum = on, then SELECT pg_reload_conf()"
        return doubtful(name, "autovacuum is off: tables grow and queries slow down", remedy)
    if free < settings.writers + _BESIDE_WRITERS:
        seen = f"{facts.connections} of {facts.max_connections} connections are taken"
        return doubtful(name, seen, "raise max_connections, or lower NEXUS_WRITERS")
    return well(name, f"durable, autovacuum on, {free} of {facts.max_connections} connections free")


def _room(
    settings: Settings, facts: ServerFacts, to_come: BarsToCome | None, free: FreeSpace
) -> Diagnosis:
    is_own = settings.database_url is None
    folder = Path(facts.folder) if facts.folder else settings.home
    needed = to_come.bytes if to_come else None
    if is_own or (facts.folder and facts.is_here and folder.exists()):
        left = free(folder if folder.exists() else settings.home)
        return _judged(left, needed and needed + facts.wal_bytes, folder)
    seen = f"of the server, which cannot be seen from here; {_need(needed)}"
    if not needed:
        return well("disk", seen)
    return doubtful("disk", seen, f"look there: df -h {facts.folder or '(its data_directory)'}")


def _judged(left: int, bytes_to_come: int | None, folder: Path) -> Diagnosis:
    needed = bytes_to_come or 0
    seen = f"{_size(left)} free for {folder}; {_need(bytes_to_come)}"
    remedy = "free space, or move the database (NEXUS_HOME, or DATABASE_URL with a server)"
    if left < max(needed, _LEAST):
        return wrong("disk", seen, remedy)
    if left < max(needed + needed // 4, _LITTLE):
        return doubtful("disk", seen, remedy)
    return well("disk", seen)


def _need(needed: int | None) -> str:
    if needed is None:
        return "what the plan needs is not known"
    return f"the plan needs {_size(needed)}" if needed else "no asset waits for its first bars"


def _refusals(
    database: PostgresConnection, settings: Settings, moment: datetime
) -> Iterator[Diagnosis]:
    token: Secret = settings.require_token()
    since = moment - PROBED_AFTER
    for endpoint in _OPTIONAL:
        named = queries.refused_exchanges(queries.token_id(token), endpoint, since)
        if exchanges := sorted(database.rows(*named)):
            yield doubtful(
                "refusals",
                f"the plan does not include {endpoint} for {', '.join(exchanges)}",
                f"nothing to do if so bought; it is tried again after {PROBED_AFTER.days} days",
            )


def _size(size: int) -> str:
    """Return bytes as a person reads them."""
    if size < _GB:
        return f"{size / (1 << 20):,.0f} MB"
    return f"{size / _GB:,.1f} GB"
