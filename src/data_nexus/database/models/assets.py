"""The tables of assets and their daily bars, and the view that joins them."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Identity,
    Index,
    Integer,
    SmallInteger,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables

_PRICES = ("open", "high", "low", "close", "adjusted_close")
_NEVER = "'-infinity'::timestamptz"
# Assets that can be due. The others are in no dispatch index, so that a claim never steps over
# them, however many delisted, paused or absent ones there are.
_IN_QUEUE = (
    "is_active AND is_followed AND paused_at IS NULL"
    " AND ask_after IS NULL AND parked_at IS NULL AND retired_at IS NULL"
    " AND NOT (is_delisted AND last_synced IS NOT NULL)"
)


def _finite(*columns: str) -> tuple[CheckConstraint, ...]:
    """Refuse NaN and infinity: PostgreSQL sorts NaN above infinity."""
    return tuple(
        CheckConstraint(f"{name} > '-Infinity' AND {name} < 'Infinity'", name=f"{name}_is_a_number")
        for name in columns
    )


class Asset(Tables):
    """A listing, and at once the queue's entry that says when to fetch it."""

    __tablename__ = "assets"
    __table_args__ = (
        Index(
            "assets_code",
            "exchange",
            "symbol",
            unique=True,
            postgresql_where=text("retired_at IS NULL"),
        ),
        Index(
            "assets_dispatch",
            text(f"coalesce(last_synced, {_NEVER})"),
            "id",
            postgresql_where=text(_IN_QUEUE),
        ),
        Index(
            "assets_dispatch_by_exchange",
            "exchange",
            text(f"coalesce(last_synced, {_NEVER})"),
            "id",
            postgresql_where=text(_IN_QUEUE),
        ),
        Index("assets_absent", "ask_after", postgresql_where=text("ask_after IS NOT NULL")),
        Index("assets_leased", "lease_owner", postgresql_where=text("lease_owner IS NOT NULL")),
        Index(
            "assets_suspects",
            text(f"coalesce(last_synced, {_NEVER})"),
            "id",
            postgresql_where=text("times_rescued > 0"),
        ),
        Index(
            "assets_damaged",
            "repair_wanted_at",
            "id",
            postgresql_where=text("repair_wanted_at IS NOT NULL"),
        ),
        {"comment": "every listing ever seen; the table is the dispatch queue"},
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    symbol: Mapped[str] = mapped_column(comment="the code, AAPL")
    exchange: Mapped[str] = mapped_column(comment="the code in vendor paths, US")
    venue: Mapped[str] = mapped_column(server_default="", comment="where it trades, NASDAQ")
    name: Mapped[str] = mapped_column(server_default="")
    asset_type: Mapped[str] = mapped_column(server_default="", comment="Common Stock, ETF, …")
    country: Mapped[str] = mapped_column(server_default="")
    currency: Mapped[str] = mapped_column(server_default="")
    isin: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(
        server_default=text("true"), comment="whether the symbol list names it"
    )
    is_delisted: Mapped[bool] = mapped_column(server_default=text("false"))
    retired_at: Mapped[dt.datetime | None] = mapped_column(
        comment="since when its code belongs to another asset"
    )
    last_synced: Mapped[dt.datetime | None] = mapped_column(
        comment="the vendor's last complete answer; NULL is never"
    )
    synced_through: Mapped[dt.date | None] = mapped_column(
        comment="the cursor: every session up to it is stored or known absent"
    )
    ask_after: Mapped[dt.datetime | None] = mapped_column(
        comment="not fetched before this moment, because the vendor had no bars"
    )
    times_empty: Mapped[int] = mapped_column(
        SmallInteger, server_default="0", comment="answers without a new bar in a row"
    )
    times_failed: Mapped[int] = mapped_column(
        SmallInteger, server_default="0", comment="runs in a row without a usable answer"
    )
    lease_owner: Mapped[int | None] = mapped_column(BigInteger, comment="the worker that holds it")
    lease_until: Mapped[dt.datetime | None]
    fence: Mapped[int] = mapped_column(
        BigInteger, server_default="0", comment="rises with each claim; a stale one writes nothing"
    )
    times_rescued: Mapped[int] = mapped_column(
        SmallInteger, server_default="0", comment="leases in a row that their worker lost"
    )
    parked_at: Mapped[dt.datetime | None] = mapped_column(comment="waits for a person")
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    last_bar: Mapped[dt.date | None] = mapped_column(
        comment="the date of the last stored bar; NULL is none"
    )
    actions_wanted_at: Mapped[dt.datetime | None] = mapped_column(
        comment="from when on its splits and dividends are to be fetched; NULL is not"
    )
    actions_read_at: Mapped[dt.datetime | None] = mapped_column(
        comment="when its splits and dividends were last fetched"
    )
    read_whole_at: Mapped[dt.datetime | None] = mapped_column(
        comment="the last answer with the whole history"
    )
    repair_wanted_at: Mapped[dt.datetime | None] = mapped_column(
        comment="since when its whole history is to be read again by `nexus repair`; NULL is not"
    )
    settled_through: Mapped[dt.date | None] = mapped_column(
        comment="up to which session values were compared after the next one's publication"
    )
    paused_at: Mapped[dt.datetime | None] = mapped_column(
        comment="since when a person has paused it; no discovery ends that"
    )
    is_followed: Mapped[bool] = mapped_column(
        server_default=text("true"),
        comment="false: its exchange follows watchlists, and none of them holds it",
    )


class Bar(Tables):
    """A daily bar, as the vendor sends it."""

    __tablename__ = "market_data"
    __table_args__ = (
        # Which assets may have a price below zero, the rules for bars say (ADR 33).
        *_finite(*_PRICES),
        CheckConstraint("volume >= 0 AND volume < 'Infinity'", name="volume_is_a_number"),
        {"comment": "daily bars as the vendor sends them; prices raw, volume split-adjusted"},
    )

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    date: Mapped[dt.date] = mapped_column(primary_key=True, comment="the session")
    open: Mapped[float]
    high: Mapped[float]
    low: Mapped[float]
    close: Mapped[float]
    adjusted_close: Mapped[float] = mapped_column(comment="for splits and dividends, by the vendor")
    volume: Mapped[float]


# The views, in the order in which they are made. A new column of `assets` is in the last two only
# after a migration has made them again.
VIEWS = {
    "bars": """
        CREATE VIEW bars AS
        SELECT a.symbol || '.' || a.exchange AS ticker, m.date, m.open, m.high, m.low, m.close,
               m.adjusted_close, m.volume, m.asset_id
        FROM market_data m JOIN assets a ON a.id = m.asset_id""",
    "active_assets": """
        CREATE VIEW active_assets AS
        SELECT * FROM assets
        WHERE is_active AND is_followed AND paused_at IS NULL AND parked_at IS NULL
          AND retired_at IS NULL""",
    "queued_assets": """
        CREATE VIEW queued_assets AS
        SELECT * FROM active_assets WHERE NOT (is_delisted AND last_synced IS NOT NULL)""",
}
