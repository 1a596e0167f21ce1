"""`pg_terminate_backend` at the statements of an update in bulk: it ends as if undisturbed.

A proxy between the update and its server counts the statements of all its sessions, and ends the
session of one: before the statement is done, or after it is done and before its answer. In every
run of the tests these are COMMITs and some of the statements that write; in the campaign all, in
both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count

import pytest

from tests.support.campaign import sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.final_tables import FinalTables
from tests.support.postgres.statement_proxy import (
    Cut,
    Place,
    firsts_and_lasts,
    is_commit,
    proxy_that_cuts,
)
from tests.support.postgres.tables import value
from tests.support.programs.commands import Commands
from tests.support.vendor.update_field import TUESDAY, UpdateField, update_field

# Just enough that a session is cheaper in bulk, in two parts.
SYMBOLS, BATCH_ROWS = 420, 105
# Of the statements that write, one of so many is cut in every run.
STRIDE = sized(4, 1)
# A run that survives a cut has paid for no answer twice.
BULK_REQUESTS = 4


@pytest.fixture(scope="module")
def field(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdateField]:
    folder = tmp_path_factory.mktemp("field")
    with update_field(cluster, folder, SYMBOLS, through=TUESDAY) as field:
        yield field


def commands_behind(commands: Commands, url: str) -> Commands:
    """The same commands on the database as a proxy gives it."""
    return replace(commands, environment={**commands.environment, "DATABASE_URL": url})


def figures(url: str) -> dict[str, object]:
    """What the last run said of itself."""
    return dict(value(url, "SELECT figures FROM runs ORDER BY id DESC LIMIT 1"))


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What an update leaves that nobody disturbs, and the kinds of the statements that it sent."""

    tables: FinalTables
    synced: int
    kinds: list[str]


@pytest.fixture(scope="module")
def undisturbed(field: UpdateField) -> Undisturbed:
    with field.round() as commands, proxy_that_cuts(field.url) as proxy:
        behind = commands_behind(commands, proxy.url)
        assert field.update(behind, batch_rows=BATCH_ROWS) == 0
        parts = "SELECT count(DISTINCT xmin::text) FROM sync_log WHERE calls = 0"
        assert value(field.url, parts) == 2
        synced = figures(field.url)["synced"]
        assert isinstance(synced, int)
        return Undisturbed(field.tables(), synced, proxy.kinds)


def said_at(commands: Commands) -> str:
    """The end of what the updates printed."""
    return (commands.folder / "forked.log").read_text(encoding="utf-8")[-2000:]


def has_cut(field: UpdateField, place: Place, undisturbed: Undisturbed) -> bool:
    """Cut an update at a statement and judge what it leaves; tell whether it came to it."""
    with field.round() as commands, proxy_that_cuts(field.url, place) as proxy:
        begun = field.requests()
        try:
            behind = commands_behind(commands, proxy.url)
            code = field.update(behind, batch_rows=BATCH_ROWS)
            assert code == 0 or (code == 7 and proxy.has_struck), said_at(commands)
            field.assert_sound()
            if code == 0:
                assert figures(field.url)["synced"] == undisturbed.synced
                assert len(field.bulk_since(begun)) == BULK_REQUESTS
            else:
                assert field.update(commands, batch_rows=BATCH_ROWS) == 0
            field.assert_final(undisturbed.tables)
            field.assert_paid(begun, unused=200)
        except BaseException as error:
            words = proxy.words.decode(errors="backslashreplace")
            error.add_note(f"at {place}: {words!r}")
            raise
    return proxy.has_struck


@pytest.mark.sized(1 / STRIDE, "of all kinds")
def test_a_session_ended_at_statements_that_write_leaves_no_trace(
    field: UpdateField, undisturbed: Undisturbed
) -> None:
    """Inside a transaction both ways come to the same; its COMMIT is cut in both."""
    found = firsts_and_lasts(undisturbed.kinds)
    places = [Place(at, cut, kind) for kind, at in found if is_commit(kind) for cut in Cut]
    others = [Place(at, Cut.AFTER, kind) for kind, at in found if at == 1 and not is_commit(kind)]
    assert len(places) + len(others) > 20, "an update has more statements that write than that"
    for place in places + others[::STRIDE]:
        assert has_cut(field, place, undisturbed), f"it did not come to {place}"


@pytest.mark.campaign
def test_a_session_ended_at_any_statement_leaves_no_trace(
    field: UpdateField, undisturbed: Undisturbed, record_property: Callable[[str, object], None]
) -> None:
    for at in count(1):
        if not all(has_cut(field, Place(at, cut), undisturbed) for cut in Cut):
            break
    record_property("size", f"{at - 1} statements, each in both ways")
    assert at > 60, "an update has more statements than that"
