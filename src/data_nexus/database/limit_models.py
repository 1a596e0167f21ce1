"""Owns the tables of bulk answers as SQLAlchemy models: what is refused, and what is settled."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.registry import Tables


class Refusal(Tables):
    """An endpoint that the vendor refuses to a token, for an exchange."""

    __tablename__ = "refusals"
    __table_args__ = ({"comment": "endpoints that a key may not use, until they are tried again"},)

    token_id: Mapped[str] = mapped_column(primary_key=True, comment="a keyed hash of the token")
    exchange: Mapped[str] = mapped_column(primary_key=True)
    endpoint: Mapped[str] = mapped_column(primary_key=True)
    refused_at: Mapped[dt.datetime] = mapped_column(comment="the last time")


class SettledSession(Tables):
    """A session of an exchange whose late bars have come, as far as anyone can tell."""

    __tablename__ = "settled_sessions"
    __table_args__ = (
        {"comment": "sessions that were looked at in bulk after a later one was out"},
    )

    exchange: Mapped[str] = mapped_column(primary_key=True)
    session: Mapped[dt.date] = mapped_column(primary_key=True)
    looked_at: Mapped[dt.datetime] = mapped_column(comment="the last time")
