"""What a power failure leaves is a whole snapshot: the order of writes, syncs and renames."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

import data_nexus as nexus
from data_nexus.database.connection import PostgresConnection
from data_nexus.research.exports.series import one_moment
from tests.support.files.lakes import export
from tests.support.postgres.tables import add_assets, eventually, execute, rows

Step = tuple[str, str]
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# The one that this process listens to; an audit hook cannot be taken back.
_heard: list[Step] | None = None
_hooks: list[object] = []


def _hear(event: str, told: tuple[object, ...]) -> None:
    if _heard is None:
        return
    if event == "os.rename":
        _heard.append(("rename", f"{told[0]} -> {told[1]}"))
    elif event == "os.remove":
        _heard.append(("remove", str(told[0])))
    elif event == "open" and isinstance(told[2], int) and told[2] & _WRITES:
        _heard.append(("write", str(told[0])))


@contextmanager
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Step]]:
    """Note the files that are opened for writing, synced, renamed and removed, in order."""
    global _heard  # noqa: PLW0603
    found: list[Step] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        found.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        sync(descriptor)

    if not _hooks:
        sys.addaudithook(_hear)
        _hooks.append(_hear)
    _heard = found
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", noted)  # there is no audit event for it
        try:
            yield found
        finally:
            _heard = None


@pytest.fixture
def filled(database_url: str) -> str:
    add_assets(database_url, "ONE", *(f"S{n}" for n in range(70)))
    execute(
        database_url,
        "INSERT INTO market_data SELECT id, date '2023-01-02' + n, 1, 2, 1, 2, 2, n"
        " FROM assets, generate_series(0, 500, 100) AS n",
        "UPDATE assets SET last_bar = '2024-05-16'",
    )
    return database_url


def test_each_file_is_on_the_disk_before_its_name_and_all_names_before_the_manifest(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(filled, tmp_path)
    execute(filled, "UPDATE market_data SET open = open / 2")
    export(filled, tmp_path)
    execute(filled, "UPDATE market_data SET open = open / 2")
    with steps(monkeypatch) as found:
        export(filled, tmp_path)
    own = [(kind, told) for kind, told in found if str(tmp_path) in told]
    written = {told for kind, told in own if kind == "write"}
    drafts = {told for told in written if told.endswith(".part")}
    # No file that a reader may have open is opened for writing.
    assert written - drafts == {str(tmp_path / "lake.lock")}
    renames = [told.split(" -> ") for kind, told in own if kind == "rename"]
    assert {draft for draft, _ in renames} == drafts
    assert len(renames) > 4
    for draft, _ in renames:
        synced, renamed = own.index(("sync", draft)), _rename(own, draft)
        assert own.index(("write", draft)) < synced < renamed
    (manifest,) = (draft for draft, file in renames if file == str(tmp_path / "manifest.json"))
    published = _rename(own, manifest)
    for draft, file in renames:
        if draft != manifest:
            # The folder's own entry, and those of the folders above it up to the snapshot's.
            for folder in Path(file).parents[: len(Path(file).relative_to(tmp_path).parts)]:
                after = own.index(("sync", str(folder)), _rename(own, draft))
                assert after < published, folder
    durable = own.index(("sync", str(tmp_path)), published)
    removed = [at for at, (kind, told) in enumerate(own) if kind == "remove" and told not in drafts]
    assert removed
    assert durable < min(removed)


def _rename(own: list[Step], draft: str) -> int:
    return next(
        at for at, (kind, told) in enumerate(own) if kind == "rename" and told.startswith(draft)
    )


def beginning(url: str) -> object:
    """The moment at which the reader's transaction began, by the database's clock."""
    begun = (
        "SELECT xact_start FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'data-nexus reader' AND wait_event_type = 'Lock'"
    )
    eventually(lambda: rows(url, begun))
    return rows(url, begun)[0][0]


def test_the_moment_of_a_snapshot_is_that_of_its_transaction(filled: str, tmp_path: Path) -> None:
    """To the microsecond: the clock of the machine that exports has no part in it."""
    with psycopg.connect(filled) as holder:
        holder.execute("LOCK listings IN ACCESS EXCLUSIVE MODE")
        exporting = threading.Thread(target=export, args=(filled, tmp_path))
        exporting.start()
        moment = beginning(filled)
        holder.rollback()
        exporting.join()
    assert nexus.lake(str(tmp_path)).moment == moment


def test_the_moment_of_an_export_is_that_of_its_transaction(filled: str) -> None:
    with one_moment(PostgresConnection(filled)) as reader:
        (begun,) = rows(
            filled,
            "SELECT xact_start FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'data-nexus reader'",
        )
        assert (reader.moment,) == begun
