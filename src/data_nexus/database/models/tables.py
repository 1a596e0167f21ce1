"""The registry of all tables, and the PostgreSQL types of Python's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import CheckConstraint, DateTime, Double, Text
from sqlalchemy.orm import DeclarativeBase

Moment = DateTime(timezone=True)


class Tables(DeclarativeBase):
    """The registry of all tables."""

    type_annotation_map = {str: Text, dt.datetime: Moment, float: Double}  # noqa: RUF012


def readable(
    *, dates: Sequence[str] = (), moments: Sequence[str] = ()
) -> tuple[CheckConstraint, ...]:
    """Refuse dates that Python does not have: infinite ones, and those beyond the year 9999."""
    return tuple(
        CheckConstraint(
            f"{_one_of('least', columns)} >= '1000-01-01{midnight}'"
            f" AND {_one_of('greatest', columns)} < '10000-01-01{midnight}'",
            name=f"{kind}_are_readable",
        )
        for kind, columns, midnight in (
            ("dates", dates, ""),
            ("moments", moments, " 00:00:00+00"),
        )
        if columns
    )


def _one_of(function: str, columns: Sequence[str]) -> str:
    return f"{function}({', '.join(columns)})" if len(columns) > 1 else columns[0]
