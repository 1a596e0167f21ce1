"""Owns the tables of the vendor's limits as SQLAlchemy models: what it refuses to a key."""

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
