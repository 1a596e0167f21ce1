"""The tables of what the vendor said before: restated and withdrawn bars, re-based histories."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ARRAY, Date, Double, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables


class Revision(Tables):
    """What a stored bar said before the vendor changed or withdrew it."""

    __tablename__ = "market_data_revisions"
    __table_args__ = (
        Index("market_data_revisions_by_moment", "valid_until", postgresql_using="brin"),
        {"comment": "old values of bars that the vendor restated or withdrew"},
    )

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    date: Mapped[dt.date] = mapped_column(primary_key=True)
    valid_until: Mapped[dt.datetime] = mapped_column(
        primary_key=True, comment="when these values stopped being what the vendor says"
    )
    open: Mapped[float]
    high: Mapped[float]
    low: Mapped[float]
    close: Mapped[float]
    adjusted_close: Mapped[float]
    volume: Mapped[float]
    is_withdrawn: Mapped[bool] = mapped_column(
        server_default="false", comment="the vendor sent the bar no more; otherwise it was restated"
    )


class Rebasing(Tables):
    """What a history's adjusted closes, and with a split its volumes, were before they changed."""

    __tablename__ = "rebasings"
    __table_args__ = (
        Index("rebasings_by_moment", "valid_until", postgresql_using="brin"),
        {
            "comment": "old adjusted closes of histories that the vendor re-based,"
            " one row a re-basing"
        },
    )

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    valid_until: Mapped[dt.datetime] = mapped_column(
        primary_key=True, comment="when the old values stopped being what the vendor says"
    )
    bars: Mapped[int] = mapped_column(comment="how many bars changed, from first_date to last_date")
    first_date: Mapped[dt.date]
    last_date: Mapped[dt.date]
    old_factor: Mapped[float | None] = mapped_column(
        comment="adjusted_close / close of the oldest of them, before"
    )
    new_factor: Mapped[float | None] = mapped_column(
        comment="adjusted_close / close of the oldest of them, after"
    )
    volume_ratio: Mapped[float | None] = mapped_column(
        comment="what the volumes were multiplied by; NULL if they stayed"
    )
    dates: Mapped[list[dt.date]] = mapped_column(ARRAY(Date), comment="the changed bars, ascending")
    adjusted_closes: Mapped[list[float]] = mapped_column(
        ARRAY(Double), comment="their old values, in the order of dates"
    )
    volumes: Mapped[list[float] | None] = mapped_column(
        ARRAY(Double), comment="their old values, in the order of dates; NULL if they stayed"
    )
