"""A hot standby is read as its primary is, and what would write to it says where to go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from data_nexus.database.embedded import embedded_server, remove
from data_nexus.database.embedded.cluster import url_of
from data_nexus.database.embedded.directory import ClusterDirectory, known_directory
from data_nexus.database.embedded.os_account import programs_for
from data_nexus.database.upgrade import upgrade
from tests.support.postgres.tables import add_assets, execute, value
from tests.support.programs.commands import Commands

READ = {
    "status": ("status",),
    "bars": ("bars", "AAPL.US"),
    "plan": ("plan",),
    "changes": ("changes", "--since", "2020-01-01T00:00"),
    "listings": ("listings", "AAPL.US"),
    "dead letters": ("dead-letters", "list"),
    "suspicions": ("suspicions", "list"),
    "a snapshot": ("export", "lake", "--to", "lake"),
    "an export": ("export", "csv", "--exchange", "US", "--out", "csv"),
}
WRITE = {
    "discover": ("discover", "--exchange", "US"),
    "backfill": ("backfill",),
    "update": ("update",),
    "dead letters": ("dead-letters", "retry", "--all"),
    "suspicions": ("suspicions", "accept", "AAPL.US"),
    "the schema": ("db", "upgrade"),
}


@contextmanager
def running(site: ClusterDirectory, *settings: str) -> Iterator[str]:
    """Run the server of a cluster with some settings of its own; its URL."""
    pg_ctl, folder = programs_for(site.account) / "pg_ctl", site.folder / "standby"
    folder.mkdir(mode=0o700, exist_ok=True)
    site.account.own(folder)
    asked = ("wal_level=replica", f"unix_socket_directories={folder}", *settings)
    options = " ".join(f"-c {each}" for each in asked)
    place = ("-D", site.cluster.name, "-w", "-s", "-l", site.log.name)
    code, said = site.account.run(pg_ctl, "start", *place, "-o", options, cwd=site.folder)
    assert code == 0, said
    try:
        yield url_of(folder)
    finally:
        site.account.run(pg_ctl, "stop", "-m", "fast", *place[:4], cwd=site.folder)


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Commands on a server that follows another one, of which it has all there is."""
    home = tmp_path_factory.mktemp("standby")
    with embedded_server(home):
        pass
    site = known_directory(home)
    assert site
    with running(site) as url:
        upgrade(url)
        add_assets(url, "AAPL", last_bar="2024-01-02")
        execute(url, "INSERT INTO market_data VALUES (1, '2024-01-02', 1, 1, 1, 1, 1, 1)")
    (site.cluster / "standby.signal").touch()
    site.account.own(site.cluster / "standby.signal")
    with running(site, "hot_standby=on") as url:
        assert value(url, "SELECT pg_is_in_recovery()")
        folder = tmp_path_factory.mktemp("desk")
        places = {"DATABASE_URL": url, "HOME": str(folder), "NEXUS_HOME": str(folder)}
        yield Commands(folder, places | dict.fromkeys(["EODHD_API_KEY"], "of-the-sandbox"))
    (site.cluster / "standby.signal").unlink()
    remove(home)


@pytest.mark.parametrize("arguments", READ.values(), ids=READ)
def test_it_can_be_read(commands: Commands, arguments: tuple[str, ...]) -> None:
    done = commands.run(*arguments, "--json")
    assert (done.code, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", WRITE.values(), ids=WRITE)
def test_what_writes_names_the_primary(commands: Commands, arguments: tuple[str, ...]) -> None:
    done = commands.run(*arguments, "--json")
    assert (done.code, done.answer["exit_code"]) == (7, 7)
    assert "DATABASE_URL must name the primary server" in done.answer["error"]
    assert len(done.stderr.splitlines()) == 1
