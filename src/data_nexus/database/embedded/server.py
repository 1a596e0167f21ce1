"""Run the embedded PostgreSQL: one server per home, shared by the commands that need it.

A command that uses the server holds a shared lock on `<home>/postgres/users.lock`. It is started
and stopped under a second, exclusive lock, `change.lock`. A command that leaves and can make the
first lock exclusive was the last one, and stops the server. The server of a killed command stays up
until the next command leaves.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from data_nexus.database.embedded.cluster import ensure_running, make_cluster, recover, stop
from data_nexus.database.embedded.directory import (
    ClusterDirectory,
    cluster_folder,
    drop_directory,
    find_directory,
    known_directory,
    make_directory,
    make_postgres_folder,
    postgres_folder,
    record_directory,
    sync_folder,
    write_whole,
)
from data_nexus.database.embedded.locks import holders, take_lock
from data_nexus.database.embedded.origin import prove_own, remember
from data_nexus.database.embedded.os_account import account_of
from data_nexus.database.embedded.settings import settings_text, this_machine
from data_nexus.errors import NexusError, StorageUnavailable, UsageError

_CHANGE = "change.lock"
_USERS = "users.lock"
_UNFINISHED = "restored-"


@contextmanager
def embedded_server(home: Path) -> Iterator[str]:
    """Yield the URL of the home's database, whose server runs while any command uses it.

    The first use makes the cluster. Blocking: a second or two, except for recovery after a crash.
    The URL suits psycopg: `postgresql://nexus@/nexus?host=…&port=…`, where `host` is a folder
    that only its owner can enter. Raises `StorageUnavailable` with the cause and the remedy, and
    `UsageError` for a cluster that is not this user's own.
    """
    with _foreseen(home):
        users = _lock(home, _USERS, fcntl.LOCK_SH)
    try:
        with _foreseen(home), _changing(home):
            url = ensure_running(_own_directory(home) or _new_directory(home))
        yield url
    finally:
        os.close(users)
        stop_if_unused(home)


@contextmanager
def loopback_server(home: Path, port: int) -> Iterator[str]:
    """Yield the same URL of a server that listens on a port of 127.0.0.1 as well.

    Only the reading user enters there, by its password. A server that runs cannot begin to listen:
    raises `StorageUnavailable` while another command uses it. When the block ends while other
    commands use it, it goes on until the last of them leaves.
    """
    with _foreseen(home), _changing(home):
        users = _first_user(home)
        try:
            _stop(home)  # it may have outlived a killed command
            url = ensure_running(_own_directory(home) or _new_directory(home), port)
            # From now on others may use it, too; none can come between, as they wait for this lock.
            fcntl.flock(users, fcntl.LOCK_SH)
        except BaseException:
            os.close(users)
            raise
    try:
        yield url
    finally:
        os.close(users)
        stop_if_unused(home)


def stop_if_unused(home: Path) -> bool:
    """Stop the home's server unless a command uses it; return whether it is stopped now."""
    if not postgres_folder(home).exists():
        return True
    with _foreseen(home), _changing(home), _alone(home) as is_alone:
        if is_alone:
            _stop(home)
        return is_alone


def remove(home: Path) -> None:
    """Delete the home's database for good; refuse while a command uses it."""
    if not postgres_folder(home).exists():
        return
    with _foreseen(home), _changing(home), _alone(home) as is_alone:
        if not is_alone:
            message = f"the database of {home} is in use: end the commands that use it first"
            raise StorageUnavailable(message)
        _stop(home)
        _drop_unfinished(cluster_folder(home))
        drop_directory(home)


def lay_cluster_down(
    home: Path,
    fill: Callable[[Path], Sequence[str]],
    *,
    trusts: bool = False,
    replaces: bool = False,
) -> Path | None:
    """Give a home the cluster that `fill` writes into an empty folder, whole or not at all.

    `fill` returns the settings of its recovery, which then runs. A cluster that the home has
    already is refused, unless it `replaces` that: it is kept beside, and its folder returned. One
    that this user has not made is refused, unless this user `trusts` it. Raises `UsageError`, and
    `StorageUnavailable` while a command uses the old one.
    """
    with _foreseen(home), _changing(home), _alone(home) as is_alone:
        old = known_directory(home)
        if old is not None and not (is_alone and replaces):
            raise _occupied(home, is_alone=is_alone)
        directory = old or make_directory(home)
        _drop_unfinished(directory.folder)
        draft = ClusterDirectory(_draft_folder(directory), directory.account)
        try:
            draft.cluster.mkdir(mode=0o700)
            target = fill(draft.cluster)
            _own_all(draft)
            (remember if trusts else prove_own)(draft)
            recover(draft, target)
            return _exchange(home, directory, draft)
        finally:
            _drop_unfinished(directory.folder)
            if old is None and not directory.cluster.exists():
                _drop_vacant(home, directory)


def server_log(home: Path) -> Path:
    """The file with the server's own messages; it is there after the first start."""
    return cluster_folder(home) / "server.log"


def names_file(home: Path) -> Path:
    """The file with the names that the home's database knows; it goes with the database."""
    return postgres_folder(home) / "names.json"


def has_cluster(home: Path) -> bool:
    """Whether the home has a database, sound or not; nothing is made or started."""
    return (cluster_folder(home) / "cluster").exists()


def private_places(home: Path) -> list[Path]:
    """The folders and files of the home's database that are its owner's alone, as far as there."""
    locks = [postgres_folder(home) / name for name in (_CHANGE, _USERS)]
    return [each for each in (cluster_folder(home) / "cluster", *locks) if each.exists()]


def _occupied(home: Path, *, is_alone: bool) -> NexusError:
    if not is_alone:
        return StorageUnavailable(
            f"the database of {home} is in use: end the commands that use it first"
        )
    return UsageError(
        f"{home} has a database already: restore --into another folder, or let it be kept beside"
        " the restored one by --replace"
    )


def _draft_folder(directory: ClusterDirectory) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=directory.folder))
    folder.chmod(0o700 if directory.account.is_caller else 0o711)
    return folder


def _drop_unfinished(folder: Path) -> None:
    """Drop what restores left that were killed, with their servers."""
    for leftover in folder.glob(f"{_UNFINISHED}*"):
        cluster = leftover / "cluster"
        if cluster.exists() and cluster.lstat().st_uid != 0:  # root never serves one
            stop(ClusterDirectory(leftover, account_of(cluster)))
        shutil.rmtree(leftover, ignore_errors=True)


def _drop_vacant(home: Path, directory: ClusterDirectory) -> None:
    if directory.folder != postgres_folder(home):
        shutil.rmtree(directory.folder, ignore_errors=True)


def _own_all(draft: ClusterDirectory) -> None:
    """Hand the files of a cluster to the server's account alone."""
    for folder, _, files in os.walk(draft.cluster):
        draft.account.own(Path(folder))
        Path(folder).chmod(0o700)
        for file in files:
            draft.account.own(Path(folder, file))
            Path(folder, file).chmod(0o600)


def _exchange(home: Path, directory: ClusterDirectory, draft: ClusterDirectory) -> Path | None:
    """Put a complete cluster in its place; return where the one that was there is kept."""
    kept = None
    if directory.cluster.exists():
        stop(directory)
        kept = directory.folder / f"cluster-replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        directory.cluster.rename(kept)
    write_whole(
        directory.settings, settings_text(this_machine(directory.folder), directory.folder / "run")
    )
    draft.cluster.rename(directory.cluster)
    sync_folder(directory.folder)
    remember(directory)
    record_directory(home, directory)
    return kept


def _own_directory(home: Path) -> ClusterDirectory | None:
    directory = find_directory(home)
    if directory is not None:
        prove_own(directory)
    return directory


def _new_directory(home: Path) -> ClusterDirectory:
    directory = make_directory(home)
    try:
        make_cluster(directory)
    except BaseException:
        if directory.folder != postgres_folder(home):
            shutil.rmtree(directory.folder, ignore_errors=True)
        raise
    remember(directory)
    record_directory(home, directory)
    return directory


def _stop(home: Path) -> None:
    directory = known_directory(home)
    if directory is not None:
        stop(directory)


@contextmanager
def _changing(home: Path) -> Iterator[None]:
    """Hold the right to start and stop the server."""
    lock = _lock(home, _CHANGE, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def _alone(home: Path) -> Iterator[bool]:
    """Say whether no command uses the server, and keep it so."""
    try:
        lock = _lock(home, _USERS, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        os.close(lock)


def _first_user(home: Path) -> int:
    """Take the users' lock alone; raise `StorageUnavailable` that names who uses the server."""
    try:
        return _lock(home, _USERS, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        shared = _lock(home, _USERS, fcntl.LOCK_SH)
        try:
            named = ", ".join(f"process {pid}" for pid in holders(shared))
        finally:
            os.close(shared)
        raise StorageUnavailable(
            f"the database of {home} is in use by {named or 'another command'}, and a server that"
            " runs cannot begin to listen; end the commands that use it first"
        ) from None


def _lock(home: Path, name: str, operation: int) -> int:
    return take_lock(make_postgres_folder(home) / name, operation)


@contextmanager
def _foreseen(home: Path) -> Iterator[None]:
    """Translate a refusal of the file system, such as a full disk."""
    try:
        yield
    except OSError as exc:
        message = (
            f"embedded PostgreSQL: {exc.strerror}: {exc.filename or home}; set NEXUS_HOME to a"
            " folder of your own that has space left"
        )
        raise StorageUnavailable(message) from exc
