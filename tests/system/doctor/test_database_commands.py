"""The database for other programs: served, copied to a server, begun anew."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from data_nexus.database.embedded import embedded_server, remove, server_log
from tests.support.postgres.database import Cluster
from tests.support.postgres.embedded import answer, command_using, server_pid
from tests.support.postgres.tables import rows, value
from tests.support.programs.commands import Commands, Running, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=3, bars_per_symbol=20, clean=True) as running:
        yield running


@pytest.fixture(scope="module")
def commands(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Commands on an embedded database that holds three histories; it is only read."""
    placed = commands_at(tmp_path_factory.mktemp("served"), vendor)
    assert placed.run("discover", "--exchange", "US").code == 0
    assert placed.run("backfill").code == 0
    yield placed
    remove(home_of(placed))


def home_of(commands: Commands) -> Path:
    return Path(commands.environment["NEXUS_HOME"])


@contextmanager
def serving(commands: Commands, *options: str) -> Iterator[tuple[Running, dict[str, Any]]]:
    """A running `nexus db serve` and the document that it has printed."""
    with commands.running("db", "serve", "--json", *options) as command:
        text = ""
        assert command.child.stdout
        while not text.endswith("}\n"):
            line = command.child.stdout.readline()
            assert line, command.end().stderr
            text += line
        yield command, json.loads(text)


def test_other_programs_read_and_only_read_until_ctrl_c(commands: Commands) -> None:
    with serving(commands) as (command, access):
        url = access["url"]
        assert url.startswith(f"postgresql://nexus_reader:{access['password']}@127.0.0.1:")
        assert answer(url, "SELECT count(*) FROM bars") == 60
        assert answer(url, "SHOW transaction_read_only") == "on"
        assert answer(access["socket_url"], "SELECT current_user") == "nexus_reader"
        for statement in (
            "DELETE FROM assets",
            "SET transaction_read_only = off; DELETE FROM assets",
            "SET transaction_read_only = off; CREATE TABLE mine (a int)",
            "SELECT * FROM pg_authid",
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SELECT pg_read_file('/etc/passwd')",
            "SET ROLE nexus",
        ):
            with pytest.raises(psycopg.Error), psycopg.connect(url) as connection:
                connection.execute(statement.encode())
        command.signal(signal.SIGINT)
        done = command.end()
    assert done.code == 0, done.stderr
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    assert server_pid(home_of(commands)) is None


@pytest.mark.parametrize(
    ("user", "password", "base"),
    [
        ("nexus_reader", "wrong", "nexus"),
        ("nexus_reader", "", "nexus"),
        ("nexus", "", "nexus"),
        ("nexus", "wrong", "nexus"),
        ("nexus_reader", None, "postgres"),
    ],
)
def test_nothing_else_enters_by_the_port(
    commands: Commands, user: str, password: str | None, base: str
) -> None:
    with serving(commands) as (_, access):
        known = access["password"] if password is None else password
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(
                host="127.0.0.1", port=access["port"], user=user, password=known, dbname=base
            )


def test_it_listens_on_the_loopback_address_alone(commands: Commands) -> None:
    with serving(commands) as (_, access):
        with psycopg.connect(access["socket_url"]) as connection:
            shown = connection.execute("SHOW listen_addresses").fetchone()
        assert shown == ("127.0.0.1",)
        others = {str(each[4][0]) for each in socket.getaddrinfo(socket.gethostname(), None)}
        for address in others - {"127.0.0.1", "::1"}:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family) as line:
                assert line.connect_ex((address, access["port"])) != 0


def test_a_port_may_be_named_and_one_that_is_taken_is_refused(commands: Commands) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = commands.run("db", "serve", "--port", str(port))
        assert done.code == 2
        assert f"--port {port}: Address already in use" in done.stderr
    with serving(commands, "--port", str(port)) as (_, access):
        assert (access["port"], answer(access["url"], "SELECT 1")) == (port, 1)


def test_other_commands_work_beside_it_and_keep_the_server_without_its_guests(
    commands: Commands,
) -> None:
    home = home_of(commands)
    with serving(commands) as (command, access):
        assert commands.run("status", "--json").answer["rows"] == 60
        assert answer(access["url"], "SELECT 1") == 1
        pid = server_pid(home)
        with command_using(home), psycopg.connect(access["url"], autocommit=True) as guest:
            command.signal(signal.SIGTERM)
            assert command.end().code == 0
            assert server_pid(home) == pid
            with pytest.raises(psycopg.OperationalError):
                guest.execute("SELECT 1")
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(access["url"])
            assert commands.run("status", "--json").answer["rows"] == 60
    assert server_pid(home) is None
    with embedded_server(home) as url:
        assert answer(url, "SHOW listen_addresses") == ""
        assert answer(url, "SHOW port") == "5432"


def test_a_server_that_runs_cannot_begin_to_listen(commands: Commands) -> None:
    with command_using(home_of(commands)) as other:
        done = commands.run("db", "serve")
    assert done.code == 7
    assert f"in use by process {other.pid}" in done.stderr


def test_a_killed_one_leaves_a_server_that_the_next_command_stops(commands: Commands) -> None:
    with serving(commands) as (command, access):
        command.signal(signal.SIGKILL)
        command.child.wait()
    assert answer(access["url"], "SELECT 1") == 1
    assert commands.run("status").code == 0
    assert server_pid(home_of(commands)) is None
    with serving(commands) as (_, again):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(access["url"], connect_timeout=3)
        assert answer(again["url"], "SELECT 1") == 1


def test_the_password_is_nowhere_but_in_the_answer(commands: Commands) -> None:
    home = home_of(commands)
    with serving(commands) as (command, access):
        assert answer(access["url"], "SELECT 1") == 1
        secret, read = access["password"].encode(), 0
        # Where the home cannot be entered by the server's account, its folder is elsewhere.
        for path in (*home.rglob("*"), *server_log(home).parent.rglob("*")):
            with suppress(FileNotFoundError):
                if path.is_file():
                    read += 1
                    assert secret not in path.read_bytes(), path
        assert read > 100
        command.signal(signal.SIGINT)
        assert access["password"] not in command.end().stderr


def test_it_says_that_the_server_has_ended(commands: Commands) -> None:
    with serving(commands) as (command, _):
        pid = server_pid(home_of(commands))
        assert pid
        time.sleep(0.1)
        os.kill(pid, signal.SIGQUIT)
        done = command.end()
    assert done.code == 7
    assert "server has ended" in done.stderr


def test_serve_and_reset_are_for_the_embedded_database(
    vendor: Sandbox, tmp_path: Path, database_url: str
) -> None:
    placed = commands_at(tmp_path, vendor, database_url)
    for arguments in (("db", "serve"), ("db", "reset", "--yes", str(tmp_path))):
        done = placed.run(*arguments)
        assert (done.code, "DATABASE_URL is set" in done.stderr) == (2, True)


def test_everything_is_copied_to_a_server_and_compared(
    commands: Commands, cluster: Cluster, vendor: Sandbox, tmp_path: Path
) -> None:
    with cluster.fresh_database() as url:
        done = commands.run("db", "copy", "--to", url, "--json")
        assert done.code == 0, done.stderr
        tables = done.answer["tables"]
        assert (tables["assets"]["rows"], tables["market_data"]["rows"]) == (3, 60)
        assert done.answer["left_out"] == []
        moved = commands_at(tmp_path / "other", vendor, url)
        mine, theirs = (
            each.run("bars", symbol(url), "--json").answer for each in (commands, moved)
        )
        assert mine == theirs
        assert moved.run("verify", "--json").answer["broken"] == {}
        again = commands.run("db", "copy", "--to", url)
        assert (again.code, again.stdout) == (2, "")
        assert "nothing was copied" in again.stderr
        assert value(url, "SELECT count(*) FROM market_data") == 60


def symbol(url: str) -> str:
    ((ticker,),) = rows(url, "SELECT min(symbol || '.US') FROM assets")
    return str(ticker)


def test_a_copy_is_shown_with_its_figures_and_without_the_password(
    commands: Commands, cluster: Cluster
) -> None:
    with cluster.fresh_database() as url:
        done = commands.run("db", "copy", "--to", url.replace("//nexus@", "//nexus:hidden@"))
    assert done.code == 0, done.stderr
    last = done.stdout.splitlines()
    assert "equal by count and checksum" in last[-2]
    # As a shell reads it: the URL holds an ampersand.
    assert last[-1].startswith("Use it from now on: export DATABASE_URL='postgresql://nexus:***@")
    assert "hidden" not in done.stdout + done.stderr


@pytest.mark.parametrize("to", ["nonsense", "postgresql://127.0.0.1:1/name"])
def test_a_target_that_is_none_is_named_by_its_option(commands: Commands, to: str) -> None:
    done = commands.run("db", "copy", "--to", to)
    assert done.code in (2, 7)
    assert "--to" in done.stderr
    assert "DATABASE_URL" not in done.stderr


def test_a_new_start_needs_the_path_and_deletes_no_more_than_the_database(
    vendor: Sandbox, tmp_path: Path
) -> None:
    commands = commands_at(tmp_path, vendor)
    home = home_of(commands)
    assert commands.run("discover", "--exchange", "US").code == 0
    (home / "nexus.toml").write_text("")
    for wrong in ([], ["--yes", "yes"], ["--yes", str(home.parent)]):
        done = commands.run("db", "reset", *wrong)
        assert (done.code, "nothing was deleted" in done.stderr) == (2, True)
    assert commands.run("status", "--json").answer["assets"]["total"] == 3
    with command_using(home):
        done = commands.run("db", "reset", "--yes", str(home))
        assert (done.code, "in use" in done.stderr) == (7, True)
    assert commands.run("db", "reset", "--yes", str(home)).code == 0
    assert (home / "nexus.toml").exists()
    assert not (home / "postgres").exists()
    assert commands.run("status", "--json").answer["assets"]["total"] == 0
    assert commands.run("db", "reset", "--yes", str(home)).code == 0
    done = commands.run("db", "reset", "--yes", str(home))
    assert (done.code, "has no database" in done.stderr) == (2, True)
