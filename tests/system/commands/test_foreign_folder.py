"""A command in an unpacked folder runs nothing of it, and takes no key and no database there."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from data_nexus.app.vendor import sandbox_vendor
from data_nexus.config import Settings
from data_nexus.database.embedded import embedded_server, remove
from data_nexus.database.embedded.directory import cluster_folder, known_directory
from tests.support.postgres.embedded import lay_cluster, server_pid
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=3, bars_per_symbol=20, clean=True) as running:
        yield running


@pytest.fixture
def commands(vendor: Sandbox, tmp_path: Path) -> Commands:
    """Commands whose environment names a key, and neither a host, a home nor a database."""
    placed = commands_at(tmp_path, vendor)
    kept = {
        name: text
        for name, text in placed.environment.items()
        if name not in ("EODHD_BASE_URL", "NEXUS_HOME")
    }
    return replace(placed, environment=kept)


@pytest.mark.parametrize("key", ["eodhd_base_url", "database_url"])
def test_neither_key_nor_password_goes_to_a_host_of_the_folder_s_choice(
    commands: Commands, key: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        scheme = "http" if key == "eodhd_base_url" else "postgresql"
        (commands.folder / "nexus.toml").write_text(f'{key} = "{scheme}://127.0.0.1:{port}/api"\n')
        hostile = replace(commands, environment={**commands.environment, "PGPASSWORD": "canary"})
        for arguments in (("discover", "--exchange", "US"), ("status",), ("config",)):
            done = hostile.run(*arguments)
            assert done.code == 2, done.stderr
            assert f"nexus.toml: {key} cannot be set" in done.stderr
            assert "nexus config --trust" in done.stderr
        listener.settimeout(0.05)
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.fixture
def hostile_home(tmp_path: Path) -> Iterator[Path]:
    """A ready cluster beside a `nexus.toml` that names it, as unpacked from an archive."""
    made, home, mark = tmp_path / "made", tmp_path / "nx", tmp_path / "PWNED"
    with embedded_server(made):
        pass
    lay_cluster(home, cluster_folder(made) / "cluster")
    remove(made)
    shutil.rmtree(made)
    directory = known_directory(home)
    assert directory
    with (directory.cluster / "postgresql.auto.conf").open("a") as file:
        file.write("archive_mode = on\nwal_level = replica\n")
        file.write(f"archive_command = 'touch {mark}'\narchive_timeout = 1\n")
    (tmp_path / "nexus.toml").write_text('home = "nx"\n')
    yield home
    remove(home)


def test_a_cluster_of_the_folder_runs_only_after_two_allowances_and_then_without_its_settings(
    commands: Commands, hostile_home: Path, tmp_path: Path
) -> None:
    refused = commands.run("status")
    assert (refused.code, server_pid(hostile_home)) == (2, None)
    assert "home cannot be set" in refused.stderr

    shown = commands.run("config", "--trust", "--json")
    [row] = [each for each in shown.answer["settings"] if each["variable"] == "NEXUS_HOME"]
    assert (row["value"], row["is_trusted"]) == ("nx", True)
    assert row["source"].endswith("nexus.toml")

    refused = commands.run("status")
    assert (refused.code, server_pid(hostile_home)) == (2, None)
    assert "was not made here by you" in refused.stderr
    assert "nexus db trust" in refused.stderr

    assert commands.run("db", "trust", "--json").answer["trusted"].endswith("cluster")
    assert commands.run("status", "--json").code == 0
    assert not (tmp_path / "PWNED").exists()


def test_no_module_of_the_working_folder_is_loaded_and_no_proxy_asked_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for name in ("click", "aiohttp", "data_nexus"):
        (tmp_path / f"{name}.py").write_text("open('PWNED', 'w')\n")
    with sandbox_vendor(Settings(), ["--symbols", "3", "--clean"]) as vendor:
        assert b'"symbols": 3' in vendor.ask("/stats")
    assert not (tmp_path / "PWNED").exists()
