"""The embedded server is one for all commands of a home, durable, private, and gone after them."""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from data_nexus.database.embedded import embedded_server, remove, server_log, stop_if_unused
from data_nexus.database.embedded.directory import known_directory
from data_nexus.database.embedded.os_account import programs_for
from data_nexus.database.embedded.settings import Machine, settings_text
from data_nexus.errors import StorageUnavailable
from tests.support.postgres.embedded import (
    answer,
    command_using,
    lay_cluster,
    server_pid,
    start_command,
    url_from,
)
from tests.support.postgres.tables import eventually


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Path]:
    """A home without a cluster."""
    yield tmp_path / "home"
    remove(tmp_path / "home")


@pytest.fixture
def home(new_home: Path, made_cluster: Path) -> Path:
    """A home whose cluster was made before."""
    lay_cluster(new_home, made_cluster)
    return new_home


def test_a_server_runs_while_it_is_used_and_its_rows_stay(new_home: Path) -> None:
    with embedded_server(new_home) as url:
        assert server_pid(new_home)
        answer(url, "CREATE TABLE kept AS SELECT 7 AS number")
    assert server_pid(new_home) is None
    with embedded_server(new_home) as url:
        assert answer(url, "SELECT number FROM kept") == 7


def test_the_server_stops_when_the_last_of_its_users_leaves(home: Path) -> None:
    with embedded_server(home) as url:
        first = server_pid(home)
        with command_using(home), embedded_server(home) as same:
            assert same == url
            assert server_pid(home) == first
            assert not stop_if_unused(home)
        assert server_pid(home) == first
        assert answer(url, "SELECT 1") == 1
    assert server_pid(home) is None


def test_a_command_outlives_the_one_that_started_the_server(home: Path) -> None:
    with command_using(home) as starter, embedded_server(home) as url:
        starter.communicate()
        assert answer(url, "SELECT 1") == 1
    assert server_pid(home) is None


def test_commands_that_start_at_the_same_moment_share_one_server(new_home: Path) -> None:
    commands = [start_command(new_home) for _ in range(4)]
    urls = [url_from(command) for command in commands]
    starts = {answer(url, "SELECT pg_postmaster_start_time()") for url in urls}
    for command in commands:
        command.communicate()
    assert [command.returncode for command in commands] == [0, 0, 0, 0]
    assert len(starts) == 1
    assert server_pid(new_home) is None


def test_a_killed_command_leaves_a_server_that_the_next_one_stops(home: Path) -> None:
    with command_using(home) as command:
        command.kill()
        command.wait()
        survivor = server_pid(home)
        with embedded_server(home):
            assert server_pid(home) == survivor is not None
    assert server_pid(home) is None


def test_a_killed_command_holds_no_lock_and_no_pipe(home: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path;"
        "from data_nexus.database.embedded import embedded_server\n"
        "with embedded_server(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    # It returns only when nobody holds the other end of the pipes any more.
    ended = subprocess.run(
        [sys.executable, "-c", script, home],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGKILL, b"", b"")
    assert server_pid(home)
    assert stop_if_unused(home)
    assert server_pid(home) is None


def test_ctrl_c_in_the_starter_s_terminal_spares_the_server(home: Path) -> None:
    starter = start_command(home, new_session=True)
    url_from(starter)
    with embedded_server(home) as url:
        os.killpg(starter.pid, signal.SIGINT)
        starter.communicate()
        assert answer(url, "SELECT 1") == 1


def test_what_was_committed_survives_a_killed_server(home: Path) -> None:
    with embedded_server(home) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
        killed = server_pid(home)
        assert killed
        os.kill(killed, signal.SIGKILL)
        # The next one finds the dead server's files, and for a moment its orphaned sessions.
        with embedded_server(home) as recovered:
            assert answer(recovered, "SELECT sum(number) FROM kept") == 500_500
            assert server_pid(home) != killed
    assert server_pid(home) is None


def test_a_server_that_restarts_its_sessions_is_stopped_all_the_same(home: Path) -> None:
    with embedded_server(home) as url:
        answer(url, "CREATE TABLE kept AS SELECT 7 AS number")
        with psycopg.connect(url) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
    assert server_pid(home) is None
    with embedded_server(home) as url:
        assert answer(url, "SELECT number FROM kept") == 7


def test_a_server_without_its_socket_is_stopped_and_replaced(home: Path) -> None:
    with command_using(home) as command:
        command.kill()
        command.wait()
    lost = server_pid(home)
    shutil.rmtree(server_log(home).with_name("socket").read_text())
    with pytest.raises(StorageUnavailable, match="lost its socket"), embedded_server(home):
        pass
    with embedded_server(home) as url:
        assert answer(url, "SELECT 1") == 1
        assert server_pid(home) != lost


def test_a_server_that_is_being_stopped_is_replaced(home: Path) -> None:
    """By hand, and in no hurry: PostgreSQL waits for a session, and takes no other."""
    site = known_directory(home)
    assert site
    with embedded_server(home) as url, psycopg.connect(url):
        first = server_pid(home)
        ask = (programs_for(site.account) / "pg_ctl", "stop", "-m", "smart", "-W", "-s")
        site.account.run(*ask, "-D", site.cluster.name, cwd=site.folder)
        pid_file = site.cluster / "postmaster.pid"
        eventually(lambda: pid_file.read_text().splitlines()[7].strip() == "stopping")
        with start_command(home) as command:
            try:
                assert command.stdout
                assert select.select([command.stdout], [], [], 30)[0], "it waits for the first one"
                assert answer(url_from(command), "SELECT 1") == 1
                assert server_pid(home) != first
                command.communicate()
            finally:
                command.kill()


@pytest.mark.parametrize("name", ["users.lock", "change.lock"])
def test_a_lock_file_that_is_deleted_meanwhile_is_made_anew(home: Path, name: str) -> None:
    """Else two commands would each hold the only lock."""
    file = home / "postgres" / name
    holder = os.open(file, os.O_RDONLY | os.O_CREAT)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with start_command(home) as command:
        waiting = f"/proc/{command.pid}/fd"
        eventually(lambda: _has_open(waiting, file))
        file.unlink()
        os.close(holder)
        url_from(command)
        assert file.exists()
        if name == "users.lock":
            with file.open() as held, pytest.raises(BlockingIOError):
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        command.communicate()


def _has_open(descriptors: str, file: Path) -> bool:
    """Say whether a process has opened a file."""
    with suppress(OSError):
        return any(link.samefile(file) for link in Path(descriptors).iterdir() if link.exists())
    return False


def test_a_killed_first_start_leaves_nothing_half_made(new_home: Path) -> None:
    starter = start_command(new_home)
    # Wherever the cluster is made, `<home>/postgres` is there first.
    while not (new_home / "postgres" / "users.lock").exists():
        assert starter.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)
    starter.kill()
    starter.communicate()
    with embedded_server(new_home) as url:
        assert answer(url, "SELECT current_database()") == "nexus"
    assert list(server_log(new_home).parent.glob("draft-*")) == []


def test_a_foreign_process_with_the_dead_server_s_number_is_no_server(home: Path) -> None:
    with embedded_server(home):
        cluster = server_log(home).with_name("cluster")
        pid_file = (cluster / "postmaster.pid").read_text()
    _, _, rest = pid_file.partition("\n")
    stale = cluster / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{rest}")
    os.chown(stale, cluster.stat().st_uid, cluster.stat().st_gid)
    with embedded_server(home) as url:
        assert answer(url, "SELECT 1") == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
        ("lc_messages", "C"),
        ("max_wal_size", "4GB"),
        ("jit", "off"),
        ("autovacuum", "on"),
    ],
)
def test_the_server_is_durable_private_and_tuned_for_loading(
    shared_url: str, setting: str, value: str
) -> None:
    assert answer(shared_url, f"SHOW {setting}") == value


@pytest.fixture(scope="module")
def shared_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("shared")
    with embedded_server(home) as url:
        yield url
    remove(home)


def test_text_sorts_by_code_point_and_knows_letters_beyond_ascii(shared_url: str) -> None:
    assert answer(shared_url, "SELECT upper('é') || ('Z' < 'a')::text") == "Étrue"


def test_only_its_owner_enters_the_folder_of_the_socket(shared_url: str) -> None:
    folder = psycopg.conninfo.conninfo_to_dict(shared_url)["host"]
    assert Path(str(folder)).stat().st_mode & 0o777 == 0o700


def test_a_port_in_the_environment_misleads_nobody(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    assert answer(shared_url, "SELECT 1") == 1


def test_the_server_knows_nothing_of_its_starter_s_environment(home: Path) -> None:
    with command_using(home, env={"EODHD_API_KEY": "canary-in-the-environment"}):
        environment = Path(f"/proc/{server_pid(home)}/environ").read_bytes()
    assert b"PATH=" in environment
    assert b"canary" not in environment


def test_shared_memory_and_log_stay_small_on_a_small_machine() -> None:
    text = settings_text(Machine(memory=1 << 30, disk=10 << 30), Path("/run"))
    assert "shared_buffers = 128MB\n" in text
    assert "max_wal_size = 512MB\n" in text


def test_settings_that_somebody_changed_by_hand_win(home: Path) -> None:
    with embedded_server(home) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET work_mem = '33MB'")
    with embedded_server(home) as url:
        assert answer(url, "SHOW work_mem") == "33MB"


def test_a_failed_start_names_its_cause_and_a_remedy(home: Path) -> None:
    with embedded_server(home) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET superuser_reserved_connections = 100")
    with pytest.raises(StorageUnavailable) as failure, embedded_server(home):
        pass
    assert "superuser_reserved_connections" in str(failure.value)
    assert "set DATABASE_URL" in str(failure.value)
    assert server_pid(home) is None


def test_the_log_keeps_its_newer_half_when_it_grows(home: Path) -> None:
    with embedded_server(home):
        log = server_log(home)
        with log.open("a") as grown:
            grown.write("old\n" * (3 << 20))
        with embedded_server(home) as url:
            assert answer(url, "SELECT 1") == 1
            assert log.stat().st_size <= 4 << 20
    assert "database system is shut down" in log.read_text()
