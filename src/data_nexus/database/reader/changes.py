"""Report what the vendor changed: bars, actions and listings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.domain.texts import html_table

# The statement that lists each kind of change.
KINDS = {
    "restated": "changes_restated",
    "withdrawn": "changes_withdrawn",
    "rebased": "changes_rebased",
    "splits": "changes_splits",
    "dividends": "changes_dividends",
    "appeared": "changes_appeared",
    "vanished": "changes_vanished",
    "renamed": "changes_renamed",
}
_VALUES = ("open", "high", "low", "close", "adjusted_close", "volume")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a moment: counts by kind of `KINDS`, and lists, the latest first.

    `listed` may be cut short, `counts` never are.
    """

    since: datetime
    counts: dict[str, int]
    listed: dict[str, list[Row]]

    def __repr__(self) -> str:
        found = ", ".join(f"{count:,} {kind}" for kind, count in self.counts.items() if count)
        return f"<Changes since {self.since:%Y-%m-%d %H:%M %Z}: {found or 'none'}>"

    def _repr_html_(self) -> str:
        rows = [(kind, count) for kind, count in self.counts.items() if count]
        caption = f"changes since {self.since:%Y-%m-%d %H:%M %Z}"
        return html_table(caption, ("kind", "changes"), rows)


def changes_since(
    database: PostgresConnection,
    since: datetime,
    exchange: str | None = None,
    most: int | None = None,
) -> Changes:
    """Return what the vendor changed after `since` (aware), of one exchange or of all.

    `most` bounds each kind's list. Each row has `ticker` and the `moment` at which the change was
    stored; a restated bar has its values before (`old`) and after it (`new`), whatever became of
    it since. What was withdrawn is a `bar`, a `split` or a `dividend`, with its last close, ratio
    or amount as `value`.
    """
    parameters = {"since": since, "exchange": exchange, "most": most}
    with database.connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        listed = {
            kind: cursor.execute(query(name), parameters).fetchall() for kind, name in KINDS.items()
        }
    counts = {kind: rows[0]["total"] if rows else 0 for kind, rows in listed.items()}
    for row in (row for rows in listed.values() for row in rows):
        del row["total"]
    listed["restated"] = [_restated(row) for row in listed["restated"]]
    return Changes(since, counts, listed)


def _restated(row: Row) -> Row:
    """Split a row into what the bar was and what it became."""
    return {
        **{name: row[name] for name in ("ticker", "date", "moment")},
        "old": {name: row[name] for name in _VALUES},
        "new": {name: row[f"new_{name}"] for name in _VALUES},
    }
