"""In an update, too, a trouble of the way to the vendor parks nobody and settles nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from data_nexus.cli.exit_codes import exit_code_of
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import rows, snapshot, value
from tests.support.vendor.actions import SUNDAY_NOON, vendor_on_friday, wanted
from tests.support.vendor.nights import update_at
from tests.support.vendor.sandbox import Sandbox
from tests.support.vendor.update_field import TUESDAY, UpdateField, update_field

NULL = {"kind": "json_null"}
NOT_FOUND = {"kind": "status", "status": 404}
KEPT = ("market_data", "sync_log", "dead_letters", "refusals")
# Of these three are read before the rest.
AT_MOST = 40 + 10 + 3 + 3


@pytest.fixture(scope="module")
def module_field(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[UpdateField]:
    with update_field(cluster, tmp_path_factory.mktemp("field"), 120, through=TUESDAY) as field:
        yield field


@pytest.fixture
def field(module_field: UpdateField) -> Iterator[UpdateField]:
    with module_field.round():
        yield module_field


def histories(vendor: Sandbox, since: int) -> int:
    return sum(entry["endpoint"] == "eod" for entry in vendor.log()[since:])


def test_an_address_that_knows_nothing_refuses_bulk_to_nobody(field: UpdateField) -> None:
    """Where all is *not found*, the plan is not what lacks the bulk endpoint."""
    before, since = snapshot(field.url, *KEPT), len(field.vendor.log())
    for endpoint in ("eod", "eod-bulk-last-day"):
        field.vendor.post("/faults", {**NOT_FOUND, "endpoint": endpoint})
    report = update_at(field.now, field.vendor, field.url)
    assert exit_code_of(report) == 6
    assert (report.absent, report.parked, report.synced) == (0, 0, 0)
    assert histories(field.vendor, since) <= AT_MOST
    assert snapshot(field.url, *KEPT) == before
    moved = "SELECT count(*) FROM assets WHERE ask_after IS NOT NULL OR parked_at IS NOT NULL"
    assert value(field.url, moved) == 0
    field.vendor.delete("/faults")
    assert update_at(field.now, field.vendor, field.url).ended_by is None
    field.assert_sound()


def test_unfit_answers_for_all_histories_end_an_update(field: UpdateField) -> None:
    before, since = snapshot(field.url, *KEPT), len(field.vendor.log())
    field.vendor.post("/faults", {**NULL, "endpoint": "eod"})
    field.vendor.post("/faults", {"kind": "status", "status": 423, "endpoint": "eod-bulk-last-day"})
    report = update_at(field.now, field.vendor, field.url)
    assert (exit_code_of(report), report.parked) == (6, 0)
    assert histories(field.vendor, since) <= AT_MOST
    assert snapshot(field.url, "market_data", "dead_letters") == {
        table: before[table] for table in ("market_data", "dead_letters")
    }


@pytest.mark.parametrize("fault", [NULL, NOT_FOUND], ids=str)
def test_actions_that_cannot_be_had_for_anybody_stay_wanted(
    unread: str, fault: dict[str, Any]
) -> None:
    """One by one they would be put off for a week, or count as read and none."""
    with vendor_on_friday() as vendor:
        due = wanted(unread)
        findings = snapshot(unread, "findings", "splits", "dividends")
        for endpoint in ("splits", "div"):
            vendor.post("/faults", {**fault, "endpoint": endpoint})
        report = update_at(SUNDAY_NOON, vendor, unread, "US")
        assert (exit_code_of(report), report.actions) == (6, 0)
        assert wanted(unread) == due
        assert snapshot(unread, "findings", "splits", "dividends") == findings
        held = "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL"
        assert rows(unread, held) == [(0,)]
        vendor.delete("/faults")
        assert update_at(SUNDAY_NOON, vendor, unread).actions == due
