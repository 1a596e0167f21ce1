"""Owns how `nexus status` and `nexus plan` tell of the rolling audit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from data_nexus.domain.planning.audit import RECORD_DAYS


def audit_pairs(found: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Say what the audit promises, and how old the oldest whole reading is in fact."""
    yield "audit", _promise(found)
    if found["assets"]:
        oldest = found["oldest"]
        yield "oldest whole reading", oldest[:10] if oldest else "not known"


def record_pairs(found: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Say what audits found lately, exchange by exchange."""
    for record in found["exchanges"]:
        changed = f"{record['restated']:,} restated, {record['rebased']:,} re-based"
        text = f"{record['audited']:,} histories in {RECORD_DAYS} days, {changed}"
        yield f"audits of {record['exchange']}", text


def _promise(found: dict[str, Any]) -> str:
    if not found["assets"]:
        return "nothing is loaded"
    if found["calls"] is None:
        return "nothing promised: the vendor has not told the day's limit"
    if found["updates"] is None:
        return "none: its share of a day's calls is less than one"
    updates = f"{found['updates']:,} update{'s' * (found['updates'] > 1)}"
    return (
        f"finds silent restatements within about {found['days']:,} days: {found['rest_days']} days"
        f" and {updates} with a session, {found['calls']:,} calls a day at most"
    )
