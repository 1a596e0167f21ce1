"""The tables of what was counted for the dashboard: how complete exchanges are."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables


class CoverageYear(Tables):
    """How complete the assets of an exchange are in a year."""

    __tablename__ = "coverage_years"
    __table_args__ = (
        {"comment": "how complete exchanges are by year, as last counted for the dashboard"},
    )

    exchange: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    expected: Mapped[int] = mapped_column(
        BigInteger, comment="sessions of its assets, as `nexus coverage` counts them"
    )
    stored: Mapped[int] = mapped_column(BigInteger)
    absent: Mapped[int] = mapped_column(BigInteger)
    missing: Mapped[int] = mapped_column(BigInteger)
    assets: Mapped[int] = mapped_column(Integer, comment="those with a missing session")
    counted_at: Mapped[dt.datetime]


class CoverageGap(Tables):
    """How many sessions an asset lacks in a year."""

    __tablename__ = "coverage_gaps"
    __table_args__ = (
        Index("coverage_gaps_most", "exchange", "year", text("missing DESC"), "asset_id"),
        {"comment": "the missing sessions of assets by year, as last counted for the dashboard"},
    )

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    exchange: Mapped[str]
    missing: Mapped[int]
