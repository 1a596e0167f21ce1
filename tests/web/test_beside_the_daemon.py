"""`nexus run` serves the dashboard as well, unless the address is taken."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus

import pytest

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import eventually, execute
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.dashboards import Visitor
from tests.support.vendor.sandbox import sandbox

END_READERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'data-nexus dashboard'"
)


@pytest.fixture
def commands(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Commands, str]]:
    with cluster.fresh_database() as url, sandbox(symbols=1, bars_per_symbol=2) as vendor:
        yield commands_at(tmp_path_factory.mktemp("home"), vendor, url), url


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def is_served(visitor: Visitor) -> bool:
    """Whether the overview is there."""
    with suppress(ConnectionRefusedError):
        return visitor.get("/").status == HTTPStatus.OK
    return False


def test_a_daemon_serves_it_and_a_second_one_does_without(
    commands: tuple[Commands, str],
) -> None:
    nexus, url = commands
    port = free_port()
    visitor = Visitor(f"http://127.0.0.1:{port}/")
    with nexus.running("run", http_port=port) as first:
        eventually(lambda: is_served(visitor))
        execute(url, END_READERS)
        eventually(lambda: is_served(visitor), 10.0)
        with nexus.running("run", http_port=port) as second:
            second.says("choose another: NEXUS_HTTP_ADDRESS, NEXUS_HTTP_PORT")
            second.signal(signal.SIGTERM)
            assert second.end().code == 0
        assert is_served(visitor)
        first.signal(signal.SIGTERM)
        assert first.end().code == 0
    assert not is_served(visitor)


def test_a_daemon_that_others_could_reach_does_not_start(
    commands: tuple[Commands, str],
) -> None:
    nexus, _ = commands
    ended = nexus.run("run", http_address="0.0.0.0")  # noqa: S104 - refused
    assert (ended.code, "NEXUS_DASHBOARD_PASSWORD_FILE" in ended.stderr) == (2, True)
