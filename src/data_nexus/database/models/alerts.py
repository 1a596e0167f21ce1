"""The tables of what a person is to know: alerts, their messages, silences."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import BigInteger, Identity, Index, Integer, func, text
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables


class Alert(Tables):
    """A condition that held; there is one open alert of a condition and a subject."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index(
            "alerts_open",
            "condition",
            "subject",
            unique=True,
            postgresql_where=text("recovered_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    key: Mapped[uuid.UUID] = mapped_column(
        server_default=func.gen_random_uuid(),
        comment="names it to receivers, with the kind of the message",
    )
    condition: Mapped[str] = mapped_column(comment="not-fresh, late, down, …")
    subject: Mapped[str] = mapped_column(
        comment="an exchange, a job, a machine's folder, or the vendor"
    )
    detail: Mapped[str] = mapped_column(server_default="")
    noticed_at: Mapped[dt.datetime] = mapped_column(comment="since when the condition holds")
    raised_at: Mapped[dt.datetime | None] = mapped_column(
        comment="when patience ended; NULL: not yet"
    )
    announced_at: Mapped[dt.datetime | None] = mapped_column(
        comment="since when its messages are to be sent; NULL: silenced, or no channel"
    )
    recovered_at: Mapped[dt.datetime | None]


class AlertNote(Tables):
    """A message about an alert, for one channel; whoever claims the row sends it."""

    __tablename__ = "alert_messages"
    __table_args__ = (
        Index(
            "alert_messages_unsent",
            "channel",
            "next_at",
            postgresql_where=text("sent_at IS NULL"),
        ),
    )

    alert_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(primary_key=True, comment="raised or recovered")
    channel: Mapped[str] = mapped_column(
        primary_key=True, comment="webhook, slack, email or apprise"
    )
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    next_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(), comment="not sent before this moment"
    )
    sent_at: Mapped[dt.datetime | None]
    owner: Mapped[int | None] = mapped_column(BigInteger, comment="the daemon that is sending it")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    trouble: Mapped[str] = mapped_column(server_default="", comment="why it could not be sent")


class AlertSilence(Tables):
    """That nothing is sent about a condition for a while."""

    __tablename__ = "alert_silences"

    condition: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True, comment="empty: all of the condition")
    until: Mapped[dt.datetime]
