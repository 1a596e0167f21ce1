"""The tables of the vendor's limits: quota, refusals, what was requested of whole exchanges."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables


class Quota(Tables):
    """What a token may still request: shared by all workers, charged before anything is sent."""

    __tablename__ = "quota_ledger"

    token_id: Mapped[str] = mapped_column(primary_key=True, comment="a keyed hash of the token")
    day: Mapped[dt.date] = mapped_column(comment="the GMT day that `spent` belongs to")
    spent: Mapped[int] = mapped_column(
        server_default="0", comment="calls of the day: charged by us, or more as the vendor counts"
    )
    day_limit: Mapped[int | None] = mapped_column(
        comment="as the vendor reports it; NULL is not yet"
    )
    extra: Mapped[int] = mapped_column(server_default="0", comment="calls beyond the daily ones")
    refused: Mapped[bool] = mapped_column(
        server_default="false",
        comment="the vendor said that the day is spent (402), and has not reported otherwise since",
    )
    minute_limit: Mapped[int] = mapped_column(comment="requests a minute, as its headers say")
    next_slot: Mapped[dt.datetime] = mapped_column(comment="when the next request may go out")
    reported_at: Mapped[dt.datetime | None] = mapped_column(
        comment="when the vendor last reported the day's count"
    )
    audited: Mapped[int] = mapped_column(
        server_default="0", comment="calls of `spent` that went into the audit"
    )


class Refusal(Tables):
    """An endpoint that the vendor refuses to a token, for an exchange."""

    __tablename__ = "refusals"
    __table_args__ = ({"comment": "endpoints that a key may not use, until they are tried again"},)

    token_id: Mapped[str] = mapped_column(primary_key=True, comment="a keyed hash of the token")
    exchange: Mapped[str] = mapped_column(primary_key=True)
    endpoint: Mapped[str] = mapped_column(primary_key=True)
    refused_at: Mapped[dt.datetime] = mapped_column(comment="the last time")


class RecheckedSession(Tables):
    """A session of an exchange that was read again, so that its late bars have come."""

    __tablename__ = "rechecked_sessions"
    __table_args__ = (
        {"comment": "sessions that were read again in bulk after a later one was out"},
    )

    exchange: Mapped[str] = mapped_column(primary_key=True)
    session: Mapped[dt.date] = mapped_column(primary_key=True)
    rechecked_at: Mapped[dt.datetime] = mapped_column(comment="the last time")


class ExchangeRequest(Tables):
    """What a run last requested of a whole exchange, so that no worker does so again too soon."""

    __tablename__ = "exchange_requests"
    __table_args__ = (
        {
            "comment": "what runs last requested of whole exchanges,"
            " so that no worker requests it again too soon",
        },
    )

    exchange: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str] = mapped_column(
        primary_key=True,
        comment="list: its symbol lists; bulk: sessions in bulk; late: a session that was not out",
    )
    through: Mapped[dt.date | None] = mapped_column(
        comment="bulk: the last session that was fetched; late: the last one that is out"
    )
    requested_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(), comment="the last time"
    )
