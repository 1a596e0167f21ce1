"""`pg_terminate_backend` at the statements of an update in bulk: it ends as if undisturbed.

A proxy between the update and its server counts the statements of all its sessions, and ends the
session of one: before the statement is done, or after it is done and before its answer. With
`NEXUS_EVERY_STATEMENT=1` each of them in both ways; otherwise every few, the ways by turns.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import pytest

from tests.support.commands import commands_at
from tests.support.database import Cluster
from tests.support.final_tables import FinalTables
from tests.support.statement_proxy import Cut, proxy_that_cuts
from tests.support.tables import value
from tests.support.update_field import MONDAY, UpdateField, update_field

# Just enough that a session is cheaper in bulk, in two parts.
SYMBOLS, BATCH_ROWS = 320, 80
TAKES_EVERY_ONE = os.environ.get("NEXUS_EVERY_STATEMENT") == "1"
STRIDE = 1 if TAKES_EVERY_ONE else 6
# A run that survives a cut has paid for no answer twice.
BULK_REQUESTS = 3


@pytest.fixture(scope="module")
def field(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdateField]:
    folder = tmp_path_factory.mktemp("field")
    with update_field(cluster, folder, SYMBOLS, through=MONDAY) as field:
        yield field


def figures(url: str) -> dict[str, object]:
    """What the last run said of itself."""
    return dict(value(url, "SELECT figures FROM runs ORDER BY id DESC LIMIT 1"))


def has_cut(field: UpdateField, at: int, cut: Cut, undisturbed: FinalTables, synced: int) -> bool:
    """Cut an update at a statement and judge what it leaves; tell whether it came to it."""
    with field.round() as commands, proxy_that_cuts(field.url, at, cut) as proxy:
        begun = field.requests()
        try:
            behind = commands_at(commands.folder, field.vendor, proxy.url)
            code = field.update(behind, batch_rows=BATCH_ROWS)
            assert code in (0, 7)
            field.assert_sound()
            if code == 0:
                assert figures(field.url)["synced"] == synced
                bulk = [e for e in field.asked(begun) if e["endpoint"] == "eod-bulk-last-day"]
                assert len(bulk) == BULK_REQUESTS
            else:
                assert field.update(commands, batch_rows=BATCH_ROWS) == 0
            field.assert_final(undisturbed)
            field.assert_paid(begun, unused=200)
        except BaseException as error:
            words = proxy.words.decode(errors="backslashreplace")
            error.add_note(f"statement {at}, its session ended {cut.value}: {words!r}")
            raise
    return proxy.has_struck


def test_a_session_ended_at_any_statement_leaves_no_trace(field: UpdateField) -> None:
    with field.round() as commands:
        assert field.update(commands, batch_rows=BATCH_ROWS) == 0
        undisturbed, synced = field.tables(), figures(field.url)["synced"]
        assert isinstance(synced, int)
        parts = "SELECT count(DISTINCT xmin::text) FROM sync_log WHERE calls = 0"
        assert value(field.url, parts) == 2
    for at in count(1, STRIDE):
        ways = list(Cut) if TAKES_EVERY_ONE else [list(Cut)[at // STRIDE % 2]]
        if not all(has_cut(field, at, cut, undisturbed, synced) for cut in ways):
            break
    assert at > 60, "an update has more statements than that"
