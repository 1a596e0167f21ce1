"""The tables of a person's own choice: watchlists, and the exchanges that follow only some."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables


class Watchlist(Tables):
    """A named set of assets."""

    __tablename__ = "watchlists"

    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class WatchedAsset(Tables):
    """An asset that a watchlist holds: it stays when its symbol changes."""

    __tablename__ = "watched_assets"
    __table_args__ = ({"comment": "the assets of the watchlists"},)

    watchlist: Mapped[str] = mapped_column(primary_key=True)
    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    added_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Follow(Tables):
    """A watchlist whose assets an exchange follows, and no others."""

    __tablename__ = "follows"
    __table_args__ = (
        {"comment": "exchanges of which only some watchlists are followed; without a row, all is"},
    )

    exchange: Mapped[str] = mapped_column(primary_key=True)
    watchlist: Mapped[str] = mapped_column(primary_key=True)
