"""The tables of the listing history: what was listed when, and how far that is known."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ARRAY, Identity, Index, Integer, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables


class Discovery(Tables):
    """One symbol list that was compared with the assets."""

    __tablename__ = "discoveries"
    __table_args__ = (
        Index("discoveries_by_exchange", "exchange", "moment"),
        {"comment": "the symbol lists that were compared with the assets"},
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    exchange: Mapped[str]
    moment: Mapped[dt.datetime]
    is_delisted: Mapped[bool] = mapped_column(comment="whether it was the list of the delisted")
    types: Mapped[list[str]] = mapped_column(
        ARRAY(Text), comment="the asset types it was restricted to; empty is all"
    )
    listed: Mapped[int] = mapped_column(comment="how many symbols the list held")
    is_shrunk: Mapped[bool] = mapped_column(
        comment="taken for truncated: what it lacks says nothing"
    )


class ListedRange(Tables):
    """An unbroken range of discoveries that had an asset under one code, name and venue."""

    __tablename__ = "listings"
    __table_args__ = (
        Index(
            "listings_open", "asset_id", unique=True, postgresql_where=text("until_moment IS NULL")
        ),
        Index("listings_by_code", "exchange", "symbol"),
        {"comment": "under which code and name an asset was listed, from discovery to discovery"},
    )

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    from_moment: Mapped[dt.datetime] = mapped_column(
        primary_key=True, comment="the first discovery with these values"
    )
    until_moment: Mapped[dt.datetime | None] = mapped_column(
        comment="the first discovery without them; NULL is none so far"
    )
    symbol: Mapped[str] = mapped_column(comment="the code, AAPL")
    exchange: Mapped[str]
    venue: Mapped[str]
    name: Mapped[str]
    asset_type: Mapped[str]
    isin: Mapped[str | None]
    began: Mapped[str] = mapped_column(comment="listed, changed, returned, or why it was renamed")


class VendorExchange(Tables):
    """An exchange that the vendor has."""

    __tablename__ = "vendor_exchanges"
    __table_args__ = ({"comment": "the exchanges that the vendor has, as last listed"},)

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    country: Mapped[str]
    currency: Mapped[str]
    operating_mic: Mapped[str] = mapped_column(comment="codes of ISO 10383, with commas")
    listed_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
