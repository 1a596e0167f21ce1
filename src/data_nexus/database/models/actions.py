"""The tables of corporate actions, and of what they leave unexplained."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables

# Columns of a mixin come last by default; a table of actions has them in this order.
_KEY, _VALUE, _VALID, _TERMS, _MOMENTS = range(-5, 0)


class _Action:
    """The key of an action: of an asset, on a day."""

    asset_id: Mapped[int] = mapped_column(
        Integer, primary_key=True, autoincrement=False, sort_order=_KEY
    )
    date: Mapped[dt.date] = mapped_column(primary_key=True, sort_order=_KEY, comment="ex-date")


class _SplitTerms(_Action):
    """What a split says."""

    numerator: Mapped[float] = mapped_column(sort_order=_TERMS)
    denominator: Mapped[float] = mapped_column(sort_order=_TERMS)


class _DividendTerms(_Action):
    """What a dividend says; two of one day differ by their value."""

    value: Mapped[float] = mapped_column(
        primary_key=True,
        autoincrement=False,
        sort_order=_VALUE,
        comment="as the vendor adjusts it for splits",
    )
    unadjusted_value: Mapped[float | None] = mapped_column(sort_order=_TERMS)
    currency: Mapped[str | None] = mapped_column(sort_order=_TERMS)
    declaration_date: Mapped[dt.date | None] = mapped_column(sort_order=_TERMS)
    record_date: Mapped[dt.date | None] = mapped_column(sort_order=_TERMS)
    payment_date: Mapped[dt.date | None] = mapped_column(sort_order=_TERMS)
    period: Mapped[str | None] = mapped_column(sort_order=_TERMS)


class _Current:
    """Since when an action is known."""

    stored_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(), sort_order=_MOMENTS, comment="since when it is known"
    )
    reported_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(),
        sort_order=_MOMENTS,
        comment="since when the vendor reports it with these values",
    )


class _Revised:
    """Until when an action had these values, and since when it was known."""

    valid_until: Mapped[dt.datetime] = mapped_column(
        primary_key=True,
        sort_order=_VALID,
        comment="when this stopped being what the vendor says",
    )
    stored_at: Mapped[dt.datetime] = mapped_column(
        sort_order=_MOMENTS, comment="since when it was known"
    )
    reported_at: Mapped[dt.datetime] = mapped_column(
        sort_order=_MOMENTS, comment="since when the vendor reported it with these values"
    )


class Split(_SplitTerms, _Current, Tables):
    """A split: `numerator` new shares for `denominator` old ones."""

    __tablename__ = "splits"


class SplitRevision(_SplitTerms, _Revised, Tables):
    """What a split said before the vendor changed or withdrew it."""

    __tablename__ = "split_revisions"
    __table_args__ = ({"comment": "old values of splits that the vendor changed or withdrew"},)


class Dividend(_DividendTerms, _Current, Tables):
    """A cash dividend."""

    __tablename__ = "dividends"


class DividendRevision(_DividendTerms, _Revised, Tables):
    """What a dividend said before the vendor changed or withdrew it."""

    __tablename__ = "dividend_revisions"
    __table_args__ = ({"comment": "old values of dividends that the vendor changed or withdrew"},)


class Finding(Tables):
    """A rule that an asset's bars break, by themselves or together with its actions."""

    __tablename__ = "findings"
    __table_args__ = (
        {
            "comment": "where stored actions do not explain the vendor's adjusted closes,"
            " or stored bars are not sent"
        },
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


class ActionSample(Tables):
    """An asset drawn by chance, whose actions are read although nothing asks for it."""

    __tablename__ = "action_samples"
    __table_args__ = (
        {
            "comment": "assets drawn by chance, whose splits and dividends are read although"
            " nothing asks for it"
        },
    )

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    drawn_at: Mapped[dt.datetime] = mapped_column(primary_key=True, server_default=func.now())
    read_at: Mapped[dt.datetime | None] = mapped_column(
        comment="when they were read; NULL: not yet, and a week after the draw not any more"
    )
    not_stored: Mapped[int | None] = mapped_column(
        comment="on how many days between its bars a split or dividend was sent and none was stored"
    )
    is_unexplained: Mapped[bool | None] = mapped_column(
        comment="whether they leave its adjusted closes unexplained"
    )
