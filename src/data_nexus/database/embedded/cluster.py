"""Make one cluster, whole or not at all; start it, wait for it, stop it.

Every function here runs under the lock of `data_nexus.database.embedded`.

Authentication is `trust`: the socket is in a folder of mode 0700, so that only the server's
account and root can connect, and both may read the files anyway. `peer` would
add nothing but a map of user names that breaks when the home moves to another account.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from psycopg import pq

from data_nexus.database.embedded.directory import (
    ClusterDirectory,
    content_of,
    drop_socket_folder,
    make_socket_folder,
    socket_folder,
    sync_folder,
    write_whole,
)
from data_nexus.database.embedded.os_account import programs_for
from data_nexus.database.embedded.settings import (
    PORT,
    access_text,
    command_line,
    settings_text,
    this_machine,
)
from data_nexus.errors import StorageUnavailable

_NAME = "nexus"
_PATIENCE_SEC = 600  # Recovery after a crash reads up to `max_wal_size` of log.
_SOON_SEC = 3
_ORPHANS_SEC = 30
_POLL_SEC = 0.02
_LOG_LIMIT = 8 << 20
_LOG_TAIL = 2000
# The log lies in the cluster already; without a command that brings it a recovery is refused.
_RECOVERY = (
    *("restore_command=false", "hot_standby=off"),
    *("recovery_target_action=promote", "recovery_target_timeline=current"),
)
_REMEDY = "Remove the cause named there, or set DATABASE_URL to a PostgreSQL server."


def url_of(folder: Path, port: int = PORT) -> str:
    """The URL of the database behind the socket in a folder.

    It names the port, by which the socket is named, so that a `PGPORT` in the caller's environment
    does not.
    """
    return f"postgresql://{_NAME}@/{_NAME}?host={quote(os.fsencode(folder), safe='')}&port={port}"


def make_cluster(directory: ClusterDirectory) -> None:
    """Make the cluster with its database, all or nothing.

    Everything happens in a draft beside the final place, is synced once, then renamed. Drafts of
    killed commands are dropped last, when an `initdb` that outlived its command has ended too.
    """
    write_whole(
        directory.settings, settings_text(this_machine(directory.folder), directory.folder / "run")
    )
    try:
        _fill_draft(directory).rename(directory.cluster)
        sync_folder(directory.folder)
    finally:
        for leftover in directory.folder.glob("draft-*"):
            shutil.rmtree(leftover, ignore_errors=True)


def ensure_running(directory: ClusterDirectory, loopback_port: int | None = None) -> str:
    """Start the server unless it runs, wait until it takes connections, and return its URL.

    One that is started listens on a `loopback_port`, if given; one that runs already is left as it
    is.
    """
    _prepare_log(directory)
    if _state(directory) == "stopping":
        stop(directory)
    folder = _answering(directory) or _start(directory, loopback_port)
    return url_of(folder, _port(directory))


def recover(directory: ClusterDirectory, target: Sequence[str]) -> None:
    """Replay the log that lies in a restored cluster up to a target, then stop its server.

    `target` are settings as `name=value`; without any, all of the log is replayed. Raises
    `StorageUnavailable` with the end of the server's log.
    """
    _prepare_log(directory)
    try:
        _start(directory, None, (*_RECOVERY, *target))
    finally:
        stop(directory)


def stop(directory: ClusterDirectory) -> None:
    """Stop the server, if it runs, with a checkpoint where that is possible.

    A fast stop that meets PostgreSQL 18 while it restarts its sessions after a crash (as with a
    full disk) never ends. One that works soon logs that the server is *shutting down*, and is
    given all the time it needs; else an immediate stop follows, from which the next start recovers.
    """
    if _is_alive(directory):
        _prepare_log(directory)
        said_before = directory.log.stat().st_size
        _ask_to_stop(directory, "fast", _SOON_SEC)
        if _is_alive(directory) and "LOG:  shutting down" in _tail(directory, since=said_before):
            _ask_to_stop(directory, "fast", _PATIENCE_SEC)
        if _is_alive(directory):
            _ask_to_stop(directory, "immediate", _PATIENCE_SEC)
        if _is_alive(directory):
            raise _unavailable(directory, "does not stop")
    drop_socket_folder(directory)


def _ask_to_stop(directory: ClusterDirectory, mode: str, patience_sec: int) -> None:
    options = ("-D", directory.cluster.name, "-m", mode, "-w", "-t", str(patience_sec), "-s")
    _run(directory, programs_for(directory.account) / "pg_ctl", "stop", *options)


def _fill_draft(directory: ClusterDirectory) -> Path:
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=directory.folder))
    directory.account.own(draft)
    folder = programs_for(directory.account)
    initdb = (folder / "initdb", "-D", draft.name)
    _require(
        directory,
        *(*initdb, "-U", _NAME, "--auth-local=trust", "--auth-host=reject", "--no-sync"),
        *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
        *("--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions"),
    )
    include = f"echo \"include '../{directory.settings.name}'\" >> {draft.name}/postgresql.conf"
    _require(directory, "/bin/sh", "-c", include)
    single = (folder / "postgres", "--single", "-D", draft.name, "-c", "fsync=off", "template1")
    _require(directory, *single, stdin=f"CREATE DATABASE {_NAME};\n")
    _require(directory, *initdb, "--sync-only")
    return draft


def _start(
    directory: ClusterDirectory, loopback_port: int | None, recovery: Sequence[str] = ()
) -> Path:
    folder = make_socket_folder(directory)
    write_whole(directory.settings, settings_text(this_machine(directory.folder), folder))
    write_whole(directory.access, access_text(loopback_port))
    write_whole(directory.users, "")
    _drop_stale_pid(directory)
    pg_ctl = programs_for(directory.account) / "pg_ctl"
    options = (
        *("-D", directory.cluster.name, "-l", directory.log.name),
        *(
            "-o",
            _guarded(directory, folder, loopback_port, recovery),
            "-w",
            "-t",
            str(_PATIENCE_SEC),
            "-s",
        ),
    )
    deadline = time.monotonic() + _ORPHANS_SEC
    while True:
        said_before = directory.log.stat().st_size
        _, output = _run(directory, pg_ctl, "start", *options)
        if (found := _answering(directory)) is not None:
            return found
        # Sessions of a killed server end a moment after it; until then it cannot come back.
        has_orphans = "still in use" in _tail(directory, since=said_before)
        if not has_orphans or time.monotonic() > deadline:
            raise _unavailable(directory, "does not start", output)
        time.sleep(0.2)


def _guarded(
    directory: ClusterDirectory,
    socket_folder: Path,
    loopback_port: int | None,
    recovery: Sequence[str],
) -> str:
    """The server's own options, quoted for the shell through which pg_ctl passes them."""
    names = (directory.cluster.name, directory.access.name, directory.users.name)
    options = command_line(socket_folder, *names, loopback_port)
    return " ".join(f"-c {shlex.quote(each)}" for each in (*options, *recovery))


def _answering(directory: ClusterDirectory) -> Path | None:
    """The socket's folder once the server takes connections; None if no server is alive."""
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < _PATIENCE_SEC:
        folder = socket_folder(directory)
        ping = _ping(folder, _port(directory)) if folder else pq.Ping.NO_RESPONSE
        if not _is_alive(directory):
            return None
        if ping == pq.Ping.OK:
            return folder
        if ping == pq.Ping.NO_RESPONSE and _state(directory) == "ready" and waited > _SOON_SEC:
            message = "has lost its socket: end the commands that use it, then try again"
            raise _unavailable(directory, message)
        time.sleep(_POLL_SEC)
    raise _unavailable(directory, f"takes no connections after {_PATIENCE_SEC} s")


def _ping(folder: Path, port: int) -> pq.Ping:
    return pq.Ping(pq.PGconn.ping(url_of(folder, port).encode()))


def _pid_lines(directory: ClusterDirectory) -> list[str]:
    path = directory.cluster / "postmaster.pid"
    return os.fsdecode(content_of(path)).splitlines() if path.exists() else []


def _state(directory: ClusterDirectory) -> str:
    """The state that the server recorded: starting, ready, stopping (line 8 of postmaster.pid)."""
    return "".join(_pid_lines(directory)[7:8]).strip()


def _port(directory: ClusterDirectory) -> int:
    """The port that the server recorded when it started (line 4 of postmaster.pid)."""
    text = "".join(_pid_lines(directory)[3:4]).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else PORT


def _is_alive(directory: ClusterDirectory) -> bool:
    """Whether a server runs on this cluster, which is then its working folder."""
    lines = _pid_lines(directory)
    if not lines or not lines[0].isdigit():
        return False
    if not Path("/proc/self/cwd").exists():
        return _exists(int(lines[0]))
    try:
        return Path(f"/proc/{lines[0]}/cwd").samefile(directory.cluster)
    except OSError:
        return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _drop_stale_pid(directory: ClusterDirectory) -> None:
    # PostgreSQL drops the file of a server that is gone itself, unless the number now belongs to
    # another process of the same user, as happens when a container starts again.
    lines = _pid_lines(directory)
    if lines and not _is_alive(directory):
        (directory.cluster / "postmaster.pid").unlink(missing_ok=True)


def _prepare_log(directory: ClusterDirectory) -> None:
    """Make the log; of one that has grown too long keep the newer half of what is allowed.

    The server appends, so the file can be cut beneath it.
    """
    if not directory.log.exists():
        directory.log.touch(mode=0o600)
        directory.account.own(directory.log)
    if directory.log.stat().st_size > _LOG_LIMIT:
        kept = directory.log.read_bytes()[-_LOG_LIMIT // 2 :]
        directory.log.write_bytes(kept)


def _run(directory: ClusterDirectory, *command: str | Path, stdin: str = "") -> tuple[int, str]:
    # Relative paths: pg_ctl passes its own to a shell, where a `$` in the home would be read.
    return directory.account.run(*command, cwd=directory.folder, stdin=stdin)


def _require(directory: ClusterDirectory, *command: str | Path, stdin: str = "") -> None:
    code, output = _run(directory, *command, stdin=stdin)
    # `postgres --single` ends with 0 after a failed statement too.
    if code != 0 or "ERROR:" in output:
        said = "\n".join(output.strip().splitlines()[-6:])
        message = (
            f"embedded PostgreSQL: {Path(command[0]).name} failed in {directory.folder}:\n{said}"
        )
        raise StorageUnavailable(f"{message}\n{_REMEDY}")


def _tail(directory: ClusterDirectory, *, since: int = 0) -> str:
    with directory.log.open("rb") as log:
        end = log.seek(0, os.SEEK_END)
        log.seek(max(since, end - _LOG_TAIL, 0))
        return log.read().decode(errors="replace").strip()


def _unavailable(directory: ClusterDirectory, what: str, output: str = "") -> StorageUnavailable:
    said = f"{output.strip()}\n{_tail(directory)}".strip()
    return StorageUnavailable(
        f"embedded PostgreSQL in {directory.folder} {what}; its log, {directory.log}, ends"
        f" with:\n{said}\n" + _REMEDY
    )
