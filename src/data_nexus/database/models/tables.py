"""The registry of all tables, and the PostgreSQL types of Python's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import CheckConstraint, Column, Date, DateTime, Double, Text
from sqlalchemy.orm import DeclarativeBase

Moment = DateTime(timezone=True)
MAY_BE_INFINITE = "may be infinite"


class Tables(DeclarativeBase):
    """The registry of all tables.

    None of them takes a date or moment that Python does not have: an infinite one, or one beyond
    the year 9999. A column that may be infinite says so in its `info`.
    """

    type_annotation_map = {str: Text, dt.datetime: Moment, float: Double}  # noqa: RUF012

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        for constraint in _readable([*cls.__table__.columns]):
            cls.metadata.tables[cls.__tablename__].append_constraint(constraint)


def _readable(columns: Sequence[Column[Any]]) -> Iterator[CheckConstraint]:
    for kind, of_type, midnight in (("dates", Date, ""), ("moments", DateTime, " 00:00:00+00")):
        names = [
            each.name
            for each in columns
            if isinstance(each.type, of_type) and not each.info.get(MAY_BE_INFINITE)
        ]
        if names:
            yield CheckConstraint(
                f"{_one_of('least', names)} >= '0001-01-01{midnight}'"
                f" AND {_one_of('greatest', names)} < '10000-01-01{midnight}'",
                name=f"{kind}_are_readable",
            )


def _one_of(function: str, columns: Sequence[str]) -> str:
    return f"{function}({', '.join(columns)})" if len(columns) > 1 else columns[0]
