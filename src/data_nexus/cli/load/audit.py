"""Describe the rolling audit for `nexus status` and `nexus plan`."""

from __future__ import annotations

from collections.abc import Iterator

from data_nexus.cli.render import counted
from data_nexus.domain.planning.audit import RECORD_DAYS, Outlook, Record


def audit_pairs(found: Outlook) -> Iterator[tuple[str, object]]:
    """Return what the audit promises, and the age of the oldest whole reading."""
    yield "audit", _promise(found)
    if found.assets:
        oldest = found.oldest
        yield "oldest whole reading", str(oldest.date()) if oldest else "not known"


def record_pairs(found: Outlook) -> Iterator[tuple[str, object]]:
    """Return what recent audits and samples of actions found, by exchange."""
    for record in found.exchanges:
        changed = f"{record.restated:,} restated, {record.rebased:,} re-based"
        text = f"{counted(record.audited, 'history')} in {RECORD_DAYS} days, {changed}"
        yield f"audits of {record.exchange}", text
        if record.sampled:
            yield f"sampled actions of {record.exchange}", _sampled(record)


def _sampled(record: Record) -> str:
    return (
        f"{counted(record.sampled, 'asset')} in {RECORD_DAYS} days,"
        f" {record.sampled_not_stored:,} with some that were not stored,"
        f" {record.sampled_unexplained:,} unexplained"
    )


def _promise(found: Outlook) -> str:
    if not found.assets:
        return "nothing is loaded"
    if found.calls is None:
        return "nothing promised: the day's limit is not known yet"
    if found.updates is None:
        return "none: its share of a day's calls is less than one"
    days, rest = counted(found.days or 0, "day"), counted(found.rest_days or 0, "day")
    updates, calls = counted(found.updates, "update"), counted(found.calls, "call")
    return (
        f"finds silent restatements within about {days}: {rest} and {updates} with a session,"
        f" {calls} a day at most"
    )
