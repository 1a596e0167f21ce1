"""Owns the tables of corporate actions, and of what they leave unexplained."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables


class Split(Tables):
    """A split: `numerator` new shares for `denominator` old ones."""

    __tablename__ = "splits"

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    date: Mapped[dt.date] = mapped_column(primary_key=True, comment="ex-date")
    numerator: Mapped[float]
    denominator: Mapped[float]
    stored_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(), comment="since when the split is known"
    )
    reported_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(), comment="since when it is told in these very words"
    )


class SplitRevision(Tables):
    """What a split said before the vendor changed or withdrew it."""

    __tablename__ = "split_revisions"
    __table_args__ = ({"comment": "old values of splits that the vendor changed or withdrew"},)

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    date: Mapped[dt.date] = mapped_column(primary_key=True, comment="ex-date")
    valid_until: Mapped[dt.datetime] = mapped_column(
        primary_key=True, comment="when this stopped being what the vendor says"
    )
    numerator: Mapped[float]
    denominator: Mapped[float]
    stored_at: Mapped[dt.datetime]
    reported_at: Mapped[dt.datetime] = mapped_column(comment="since when it was told so")


class Dividend(Tables):
    """A cash dividend."""

    __tablename__ = "dividends"

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    date: Mapped[dt.date] = mapped_column(primary_key=True, comment="ex-date")
    value: Mapped[float] = mapped_column(
        primary_key=True, autoincrement=False, comment="as the vendor adjusts it for splits"
    )
    unadjusted_value: Mapped[float | None]
    currency: Mapped[str | None]
    declaration_date: Mapped[dt.date | None]
    record_date: Mapped[dt.date | None]
    payment_date: Mapped[dt.date | None]
    period: Mapped[str | None]
    stored_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(), comment="since when the dividend is known"
    )
    reported_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(), comment="since when it is told in these very words"
    )


class DividendRevision(Tables):
    """What a dividend said before the vendor changed or withdrew it."""

    __tablename__ = "dividend_revisions"
    __table_args__ = ({"comment": "old values of dividends that the vendor changed or withdrew"},)

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    date: Mapped[dt.date] = mapped_column(primary_key=True, comment="ex-date")
    value: Mapped[float] = mapped_column(primary_key=True, autoincrement=False)
    valid_until: Mapped[dt.datetime] = mapped_column(
        primary_key=True, comment="when this stopped being what the vendor says"
    )
    unadjusted_value: Mapped[float | None]
    currency: Mapped[str | None]
    declaration_date: Mapped[dt.date | None]
    record_date: Mapped[dt.date | None]
    payment_date: Mapped[dt.date | None]
    period: Mapped[str | None]
    stored_at: Mapped[dt.datetime]
    reported_at: Mapped[dt.datetime] = mapped_column(comment="since when it was told so")


class Finding(Tables):
    """A rule that an asset's bars and actions break together."""

    __tablename__ = "findings"
    __table_args__ = (
        {"comment": "where stored actions do not explain the vendor's adjusted closes"},
    )

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    rule: Mapped[str] = mapped_column(primary_key=True, comment="the name of the rule")
    first_date: Mapped[dt.date]
    last_date: Mapped[dt.date] = mapped_column(
        comment="the last bar that disagrees, or the last action that is left out"
    )
    count: Mapped[int] = mapped_column(comment="bars that disagree, or actions that are left out")
    worst: Mapped[float | None] = mapped_column(
        comment="adjusted close / what the actions give - 1, where it is farthest from 0"
    )
    detail: Mapped[str]
    found_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(), comment="since when the rule is broken"
    )
