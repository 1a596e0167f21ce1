"""The registry of all tables, and the PostgreSQL types of Python's."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import DateTime, Double, Text
from sqlalchemy.orm import DeclarativeBase

Moment = DateTime(timezone=True)


class Tables(DeclarativeBase):
    """The registry of all tables."""

    type_annotation_map = {str: Text, dt.datetime: Moment, float: Double}  # noqa: RUF012
