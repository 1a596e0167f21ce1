"""Compute the settings of the embedded PostgreSQL. Pure, except for reading the machine's sizes.

They are in `settings.conf` beside the cluster, included by its `postgresql.conf` and written
again at each start. `ALTER SYSTEM` overrides them for good. What could make the server run a
program, load a library, listen or connect somewhere is on its command line instead, which no file
and no `ALTER SYSTEM` overrides.

Durability is never traded for speed: `fsync`, `full_page_writes` and `synchronous_commit` are
on. What is tuned is the size of things, for bulk loads.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

PORT = 5432
LOOPBACK = "127.0.0.1"
# Can read tables and nothing else (`reader/sql_rights.sql`).
READING_USER = "nexus_reader"

_MB = 1 << 20
_GB = 1 << 30
_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the settings depend on, in bytes: usable memory and the size of the cluster's disk."""

    memory: int
    disk: int


def this_machine(folder: Path) -> Machine:
    """The memory that this process may use (a container's limit counts) and the folder's disk."""
    limits = [path.read_text().strip() for path in _CGROUP_LIMITS if path.exists()]
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    memory = min([physical, *(int(limit) for limit in limits if limit.isdigit())])
    return Machine(memory, shutil.disk_usage(folder).total)


def settings_text(machine: Machine, socket_folder: Path) -> str:
    """The whole of `settings.conf`."""
    sizes = {
        # Never over an eighth of the memory: the machine is a desktop, not a server.
        "shared_buffers": _megabytes(machine.memory // 8, 16, 256),
        "wal_buffers": _megabytes(machine.memory // 64, 1, 64),
        "work_mem": _megabytes(machine.memory // 512, 4, 16),
        "maintenance_work_mem": _megabytes(machine.memory // 32, 16, 256),
        "effective_cache_size": _megabytes(machine.memory // 2, 64, 1 << 20),
        # A bulk load has few checkpoints, yet never fills a small disk with log.
        "max_wal_size": _megabytes(machine.disk // 20, 64, 4096),
        "min_wal_size": _megabytes(machine.disk // 100, 32, 512),
    }
    return "".join(
        f"{name} = {value}\n"
        for name, value in (
            *_FIXED,
            ("unix_socket_directories", _quoted(_listed(socket_folder))),
            *sizes.items(),
        )
    )


def command_line(
    socket_folder: Path, cluster: str, access: str, users: str, loopback_port: int | None = None
) -> tuple[str, ...]:
    """The settings of the server's command line, as `name=value`.

    `cluster`, `access` and `users` are the data folder, `pg_hba.conf` and `pg_ident.conf`. With a
    `loopback_port` it listens there on 127.0.0.1, else on its socket alone.
    """
    places = (
        ("data_directory", cluster),
        ("hba_file", access),
        ("ident_file", users),
        ("unix_socket_directories", _listed(socket_folder)),
        # Of a folder that was just made for this server: no link can wait there.
        ("external_pid_file", str(socket_folder / "pid")),
    )
    # Both on the command line, so that no file and no ALTER SYSTEM makes it listen, or elsewhere.
    listening = (
        ("listen_addresses", "" if loopback_port is None else LOOPBACK),
        ("port", str(loopback_port or PORT)),
    )
    return tuple(f"{name}={value}" for name, value in (*places, *listening, *_GUARDED))


def access_text(loopback_port: int | None = None) -> str:
    """The whole of `pg_hba.conf`: the folder of the socket decides who connects (see `cluster`).

    By the loopback address only the reading user enters, by a password, and only our database.
    """
    if loopback_port is None:
        return _SOCKET_ACCESS
    return f"{_SOCKET_ACCESS}host nexus {READING_USER} {LOOPBACK}/32 scram-sha-256\n"


_GUARDED = (
    # Programs that the server would run.
    ("archive_mode", "off"),
    ("archive_command", ""),
    ("archive_cleanup_command", ""),
    ("recovery_end_command", ""),
    ("restore_command", ""),
    ("ssl_passphrase_command", ""),
    # Libraries that it would load.
    ("archive_library", ""),
    ("shared_preload_libraries", ""),
    ("session_preload_libraries", ""),
    ("local_preload_libraries", ""),
    ("oauth_validator_libraries", ""),
    ("dynamic_library_path", "$libdir"),
    ("extension_control_path", "$system"),
    ("jit_provider", "llvmjit"),
    # Who would enter its socket, and to where it would connect.
    ("unix_socket_group", ""),
    ("unix_socket_permissions", "0700"),
    ("bonjour", "off"),
    ("ssl", "off"),
    ("max_logical_replication_workers", "0"),
    ("primary_conninfo", ""),
    ("sync_replication_slots", "off"),
    # Where it would write its messages.
    ("log_destination", "stderr"),
    ("logging_collector", "off"),
    # What backups need: base backups, the stream of the log, and which pages changed since the last
    # backup. They go together, so that no file can keep the server from starting by one of them.
    ("wal_level", "replica"),
    ("max_wal_senders", "4"),
    ("max_replication_slots", "4"),
    ("summarize_wal", "on"),
    # A stream that is read no more must not fill the disk with log.
    ("max_slot_wal_keep_size", "1GB"),
)
_SOCKET_ACCESS = "local all all trust\nlocal replication nexus trust\n"
_FIXED = (
    ("listen_addresses", "''"),
    ("port", str(PORT)),
    ("unix_socket_permissions", "0700"),
    ("max_connections", "100"),
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("max_logical_replication_workers", "0"),
    # The wheel's PostgreSQL has no lz4, and pglz saved a load nothing.
    ("wal_compression", "off"),
    ("checkpoint_timeout", "15min"),
    ("checkpoint_completion_target", "0.9"),
    # POSIX segments vanish when systemd tidies up after a user's last session (RemoveIPC), and
    # a container's /dev/shm has 64 MB: parallel queries get files below the cluster instead.
    ("dynamic_shared_memory_type", "mmap"),
    ("jit", "off"),
    ("autovacuum", "on"),
    ("timezone", "'UTC'"),
    ("log_timezone", "'UTC'"),
    ("datestyle", "'iso, ymd'"),
    ("lc_messages", "'C'"),
    ("lc_monetary", "'C'"),
    ("lc_numeric", "'C'"),
    ("lc_time", "'C'"),
    ("logging_collector", "off"),
    ("log_destination", "'stderr'"),
    ("log_checkpoints", "off"),
    # The client receives a failing statement's error; its text (and values) stay out of the log.
    ("log_min_error_statement", "panic"),
    ("cluster_name", "'data-nexus'"),
)


def _megabytes(wanted: int, least: int, most: int) -> str:
    return f"{min(max(wanted // _MB, least), most)}MB"


def _listed(folder: Path) -> str:
    # The setting is a list: without quotes of its own a comma would split a path in two.
    return '"' + str(folder).replace('"', '""') + '"'


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
