"""No file of a folder makes the embedded server run, load, listen or connect; none is foreign."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from data_nexus.config import Allowances
from data_nexus.database.embedded import embedded_server, remove, server_log, trust_cluster
from data_nexus.database.embedded.directory import ClusterDirectory, find_directory
from data_nexus.database.embedded.locks import take_lock
from data_nexus.database.embedded.origin import prove_own
from data_nexus.errors import StorageUnavailable, UsageError
from tests.support.postgres.embedded import answer, command_using, lay_cluster, server_pid

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root's homes only")


@pytest.fixture
def home(tmp_path: Path, made_cluster: Path) -> Iterator[Path]:
    """A home whose cluster was made before."""
    lay_cluster(tmp_path / "home", made_cluster)
    yield tmp_path / "home"
    remove(tmp_path / "home")


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The user is one who has made and allowed nothing so far."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "of-a-stranger"))


def cluster_of(home: Path) -> Path:
    return server_log(home).with_name("cluster")


# Each would run a program, load a library, listen, connect, or write elsewhere.
HOSTILE = {
    "archive_mode": "on",
    "archive_command": "touch {mark}",
    "archive_cleanup_command": "touch {mark}",
    "recovery_end_command": "touch {mark}",
    "restore_command": "touch {mark}",
    "ssl_passphrase_command": "touch {mark}",
    "archive_library": "evil",
    "shared_preload_libraries": "{mark}.so",
    "session_preload_libraries": "{mark}.so",
    "local_preload_libraries": "evil",
    "dynamic_library_path": "{mark}",
    "extension_control_path": "{mark}",
    "oauth_validator_libraries": "evil",
    "jit_provider": "evil",
    "listen_addresses": "127.0.0.1",
    "port": "7999",
    "unix_socket_directories": "{folder}",
    "unix_socket_permissions": "0777",
    "hba_file": "{folder}/hba",
    "ident_file": "{folder}/ident",
    "external_pid_file": "{mark}",
    "max_wal_senders": "5",
    "max_logical_replication_workers": "5",
    "primary_conninfo": "host=127.0.0.1",
    "sync_replication_slots": "on",
    "log_destination": "csvlog",
    "logging_collector": "on",
}
UNREACHABLE = {"data_directory": "{folder}/elsewhere"}


def test_no_setting_in_a_cluster_makes_its_server_run_load_listen_or_connect(
    home: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "PWNED"
    (tmp_path / "hba").write_text("host all all 0.0.0.0/0 trust\nlocal all all trust\n")
    (tmp_path / "ident").write_text("")
    settings = {
        name: value.format(mark=mark, folder=tmp_path)
        for name, value in (HOSTILE | UNREACHABLE).items()
    }
    with (cluster_of(home) / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    with embedded_server(home) as url:
        found = {name: answer(url, f"SHOW {name}") for name in settings}
        assert {name: v for name, v in found.items() if v == settings[name]} == {}
        assert (found["listen_addresses"], answer(url, "SHOW ssl")) == ("", "off")
        answer(url, "SELECT pg_switch_wal()")
        with socket.socket() as line:
            assert line.connect_ex(("127.0.0.1", 7999)) != 0
    assert not mark.exists()
    assert "PWNED" not in server_log(home).read_text()


def test_neither_does_what_alter_system_left_behind(home: Path, tmp_path: Path) -> None:
    mark = tmp_path / "PWNED"
    with embedded_server(home) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET archive_mode = on")
        connection.execute("ALTER SYSTEM SET wal_level = replica")
        connection.execute(f"ALTER SYSTEM SET archive_command = 'touch {mark}'")
        connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'no_such_library'")
    with embedded_server(home) as url:
        assert answer(url, "SHOW archive_mode") == "off"
        assert answer(url, "SHOW shared_preload_libraries") == ""
        assert answer(url, "SHOW wal_level") == "replica"
    assert not mark.exists()


@pytest.mark.usefixtures("stranger")
def test_a_cluster_that_was_copied_here_is_refused_until_it_is_allowed(home: Path) -> None:
    foreign = r"not made here by you.*nexus db trust"
    with pytest.raises(UsageError, match=foreign) as refused, embedded_server(home):
        pass
    assert refused.value.exit_code == 2
    assert server_pid(home) is None
    assert trust_cluster(home) == cluster_of(home)
    with embedded_server(home) as url:
        assert answer(url, "SELECT 1") == 1


def test_an_allowance_that_an_archive_brings_along_counts_for_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust_cluster(home)
    # All that was ever written about it lies in the home now, as in an unpacked archive.
    shutil.copytree(os.environ["XDG_CONFIG_HOME"], home / "config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "nothing"))
    with pytest.raises(UsageError, match="not made here by you"), embedded_server(home):
        pass


@pytest.mark.usefixtures("stranger")
def test_a_cluster_made_in_its_place_is_known_without_any_list(tmp_path: Path) -> None:
    """As after an upgrade from a version without a list, or in a container that lost it."""
    home = tmp_path / "new"
    with embedded_server(home):
        pass
    shutil.rmtree(os.environ["XDG_CONFIG_HOME"])
    with embedded_server(home) as url:
        assert answer(url, "SELECT 1") == 1
    remove(home)


@pytest.mark.usefixtures("stranger")
def test_a_new_home_is_known_where_no_list_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/dev/null")
    with embedded_server(tmp_path / "new") as url:
        assert answer(url, "SELECT 1") == 1
    with embedded_server(tmp_path / "new") as url:
        assert answer(url, "SELECT 1") == 1
    remove(tmp_path / "new")


def test_a_copy_of_one_s_own_cluster_is_one_s_own_and_a_stranger_s_is_not(
    home: Path, tmp_path: Path
) -> None:
    directory = find_directory(home)
    assert directory is not None
    shutil.copytree(directory.cluster, tmp_path / "copied" / "cluster")
    copied = ClusterDirectory(tmp_path / "copied", directory.account)
    prove_own(copied)
    with pytest.raises(UsageError, match="not made here by you"):
        prove_own(copied, Allowances(tmp_path / "of-a-stranger"))


def test_a_cluster_without_its_control_file_is_named_as_damaged(home: Path) -> None:
    control = cluster_of(home) / "global" / "pg_control"
    for damage in (lambda: control.write_bytes(b"1234"), control.unlink):
        damage()
        with pytest.raises(StorageUnavailable, match="pg_control"), embedded_server(home):
            pass


@pytest.mark.parametrize("name", ["global/pg_control", "PG_VERSION", "postmaster.pid"])
def test_a_pipe_in_a_home_is_not_waited_for(home: Path, name: str) -> None:
    file = cluster_of(home) / name
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    with pytest.raises(StorageUnavailable, match="not a regular file"), embedded_server(home):
        pass
    file.unlink()


def test_the_locks_of_a_home_are_its_owner_s_alone(home: Path) -> None:
    with command_using(home):
        locks = list((home / "postgres").glob("*.lock"))
        assert len(locks) == 2
        assert {stat.S_IMODE(lock.stat().st_mode) for lock in locks} == {0o600}


def test_a_lock_of_an_earlier_version_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "change.lock"
    path.touch(mode=0o644)
    os.close(take_lock(path, fcntl.LOCK_EX))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@as_root
def test_no_other_user_can_hold_root_s_locks(home: Path) -> None:
    with command_using(home):
        pass
    lock = home / "postgres" / "change.lock"
    hold = (
        "import os, sys, fcntl; os.setgid(65534); os.setuid(65534);"
        "fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)"
    )
    # Passed on as a descriptor of the folder: pytest's own folders let no other user through.
    folder = os.open(lock.parent, os.O_RDONLY)
    held = subprocess.run(
        [sys.executable, "-c", hold, f"/proc/self/fd/{folder}/{lock.name}"],
        pass_fds=(folder,),
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(folder)
    assert "PermissionError" in held.stderr


@as_root
def test_root_leaves_a_user_the_locks_of_the_user_s_home(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    os.close(take_lock(tmp_path / "users.lock", fcntl.LOCK_SH))
    assert (tmp_path / "users.lock").stat().st_uid == 65534


def test_whoever_waits_for_a_lock_reads_what_for_and_who_holds_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "change.lock"
    hold = (
        "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_CREAT), fcntl.LOCK_EX);"
        "print(flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder, caplog.at_level(logging.WARNING, "data_nexus"):
        assert holder.stdout
        holder.stdout.readline()
        waiting = threading.Thread(
            target=lambda: os.close(take_lock(path, fcntl.LOCK_EX, silent_sec=0.1))
        )
        waiting.start()
        deadline = time.monotonic() + 20
        while not caplog.messages and time.monotonic() < deadline:
            time.sleep(0.01)
        holder.communicate()
        waiting.join()
    [said] = caplog.messages
    assert said.startswith(f"waiting for {path}, which is held by process {holder.pid} (python")
