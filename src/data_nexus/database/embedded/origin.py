"""Prove that a cluster is this user's own before its server is started.

Whoever made a cluster decides what runs in it: functions, triggers and event triggers of its
superuser start programs under the name of the account that serves it, whatever the settings are.
So a cluster is served only if this user has made or allowed it: its system identifier (64 bits,
drawn by `initdb`) is in the user's own list, which no archive can bring along. A moved or copied
home keeps the identifier, and stays known.

Homes that are older than the list, or whose list was lost (a container without a home of its
user), prove themselves: the identifier begins with the second in which `initdb` drew it, just after
it wrote `PG_VERSION`, which nothing touches ever after, and just before the control file. When a
file was last touched cannot be set; of one that was unpacked it is the time of the unpacking.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from data_nexus.config import Allowances, read_regular, user_allowances
from data_nexus.database.embedded.directory import ClusterDirectory, known_directory
from data_nexus.errors import StorageUnavailable, UsageError

_KIND = "cluster"
_INITDB_SEC = 120


def prove_own(directory: ClusterDirectory, allowances: Allowances | None = None) -> None:
    """Raise `UsageError` for a cluster that this user has neither made nor allowed."""
    allowances = allowances or user_allowances()
    number = _system_identifier(directory.cluster)
    if allowances.has(_KIND, str(number)):
        return
    if not _was_made_in_place(directory.cluster, number):
        raise UsageError(
            f"{directory.cluster} was not made here by you: it was copied from another machine or"
            " account, or unpacked. A database can run programs under your name; if you know who"
            " made this one, allow it once: nexus db trust"
        )
    remember(directory, allowances)


def remember(directory: ClusterDirectory, allowances: Allowances | None = None) -> None:
    """Enter a cluster in the user's list, where that can be written."""
    with suppress(UsageError):
        _allow(directory, allowances or user_allowances())


def trust_cluster(home: Path) -> Path:
    """Allow the cluster of a home although this user did not make it; return its folder."""
    directory = known_directory(home)
    if directory is None:
        raise UsageError(f"{home} has no database yet: nothing to allow")
    _allow(directory, user_allowances())
    return directory.cluster


def _allow(directory: ClusterDirectory, allowances: Allowances) -> None:
    allowances.add(_KIND, str(_system_identifier(directory.cluster)), directory.cluster)


def _system_identifier(cluster: Path) -> int:
    """The number that `initdb` drew; it is the first in the control file."""
    control = cluster / "global" / "pg_control"
    try:
        head = read_regular(control)[:8]
    except OSError as error:
        raise StorageUnavailable(
            f"embedded PostgreSQL: {control}: {error.strerror}; restore a backup into a new"
            " NEXUS_HOME"
        ) from None
    if len(head) < 8:
        message = f"embedded PostgreSQL: {control} is cut; restore a backup into a new NEXUS_HOME"
        raise StorageUnavailable(message)
    return int.from_bytes(head, sys.byteorder)


def _was_made_in_place(cluster: Path, number: int) -> bool:
    drawn = number >> 32
    version = (cluster / "PG_VERSION").lstat().st_ctime
    control = (cluster / "global" / "pg_control").lstat().st_ctime
    return drawn - _INITDB_SEC <= version < drawn + 1 and control >= drawn
