"""The embedded server listens where it was asked to, and nothing in a cluster changes that."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_nexus.database.embedded import embedded_server, loopback_server, remove, server_log
from data_nexus.database.embedded.settings import access_text, command_line
from data_nexus.errors import StorageUnavailable
from tests.support.postgres.embedded import answer, command_using, lay_cluster, server_pid

HOSTILE = {
    "listen_addresses": "*",
    "port": "7999",
    "hba_file": "{folder}/hba",
    "ident_file": "{folder}/ident",
    "unix_socket_permissions": "0777",
    "unix_socket_directories": "{folder}",
}


@pytest.fixture
def home(tmp_path: Path, made_cluster: Path) -> Iterator[Path]:
    lay_cluster(tmp_path / "home", made_cluster)
    yield tmp_path / "home"
    remove(tmp_path / "home")


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def test_no_setting_in_a_cluster_makes_it_listen_elsewhere_or_let_others_in(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "hba").write_text("host all all 0.0.0.0/0 trust\nlocal all all trust\n")
    (tmp_path / "ident").write_text("")
    with (server_log(home).with_name("cluster") / "postgresql.conf").open("a") as file:
        for name, text in HOSTILE.items():
            file.write(f"{name} = '{text.format(folder=tmp_path)}'\n")
    with embedded_server(home) as url:
        answer(url, "SELECT 1")
    port = free_port()
    with loopback_server(home, port) as url:
        found = {name: answer(url, f"SHOW {name}") for name in HOSTILE}
        assert (found["listen_addresses"], found["port"]) == ("127.0.0.1", str(port))
        assert found["unix_socket_permissions"] == "0700"
        assert str(tmp_path / "hba") != found["hba_file"]
        rules = "SELECT count(*) FROM pg_hba_file_rules WHERE type LIKE 'host%'"
        assert answer(url, rules) == 1


def test_it_is_used_by_others_at_its_socket_and_ends_with_the_last(home: Path) -> None:
    port = free_port()
    with loopback_server(home, port) as url:
        assert f"port={port}" in url
        pid = server_pid(home)
        with embedded_server(home) as other:
            assert (other, answer(other, "SELECT 1"), server_pid(home)) == (url, 1, pid)
    assert server_pid(home) is None
    with embedded_server(home) as url:
        assert (answer(url, "SHOW listen_addresses"), "port=5432" in url) == ("", True)


def test_one_that_runs_does_not_begin_to_listen_and_its_users_are_named(home: Path) -> None:
    with command_using(home) as other:
        pid = server_pid(home)
        named = f"in use by process {other.pid}, and a server that runs cannot begin"
        with pytest.raises(StorageUnavailable, match=named), loopback_server(home, free_port()):
            pass
        assert server_pid(home) == pid


def test_without_a_port_there_is_no_way_in_but_the_socket() -> None:
    options = command_line(Path("/s"), "cluster", "access", "users")
    assert "listen_addresses=" in options
    assert access_text() == "local all all trust\nlocal replication nexus trust\n"
    assert access_text(5433).splitlines()[2:] == [
        "host nexus nexus_reader 127.0.0.1/32 scram-sha-256"
    ]
