"""The table of what bars have shown against the calendars of exchanges."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ARRAY, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables


class LearnedSession(Tables):
    """A day on which an exchange traded, or stayed shut, against its calendar."""

    __tablename__ = "learned_sessions"
    __table_args__ = (
        {
            "comment": "sessions and closures that the calendar lacks,"
            " as the bars of several assets show them",
        },
    )

    exchange: Mapped[str] = mapped_column(primary_key=True)
    date: Mapped[dt.date] = mapped_column(primary_key=True)
    is_open: Mapped[bool] = mapped_column(
        comment="whether it is a session; false: the exchange was shut"
    )
    traded: Mapped[int] = mapped_column(comment="how many assets had a bar of the day")
    asked: Mapped[int] = mapped_column(
        comment="how many assets had answers that reach over the day"
    )
    symbols: Mapped[list[str]] = mapped_column(
        ARRAY(Text), comment="the codes of some assets that had a bar"
    )
    learned_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(), comment="when the evidence was received"
    )
