"""Owns the tables as SQLAlchemy models, for ORM work, migrations and the reference page.

The engine itself speaks SQL (`database/sql`); these models describe the same tables. A table that
grows with the bars has a primary key that starts with `asset_id` and no foreign key, so that a
Citus cluster can distribute it (ADR 0005).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

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
from sqlalchemy.dialects.postgresql import DATEMULTIRANGE, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.action_models import (
    Dividend,
    DividendRevision,
    Finding,
    Split,
    SplitRevision,
)
from data_nexus.database.history_models import Rebasing, Revision
from data_nexus.database.limit_models import Refusal, SettledSession
from data_nexus.database.listing_models import Discovery, ListedRange
from data_nexus.database.registry import Tables

__all__ = [
    "BARS_VIEW",
    "Asset",
    "Bar",
    "DeadLetter",
    "Discovery",
    "Dividend",
    "DividendRevision",
    "Finding",
    "ListedRange",
    "Quota",
    "Rebasing",
    "Refusal",
    "RejectedRow",
    "Revision",
    "Run",
    "SettledSession",
    "Split",
    "SplitRevision",
    "Sync",
    "Tables",
    "Worker",
]

_PRICES = ("open", "high", "low", "close", "adjusted_close")
_NEVER = "'-infinity'::timestamptz"
# Assets that can be due. The others are in no dispatch index, so that a claim never steps over
# them, however many dead, paused or absent ones there are.
_IN_QUEUE = (
    "is_active AND ask_after IS NULL AND parked_at IS NULL AND retired_at IS NULL"
    " AND NOT (is_delisted AND last_synced IS NOT NULL)"
)


def _finite(*columns: str) -> tuple[CheckConstraint, ...]:
    """Refuse negative numbers, NaN and infinity: PostgreSQL sorts NaN above infinity."""
    return tuple(
        CheckConstraint(f"{name} >= 0 AND {name} < 'Infinity'", name=f"{name}_is_a_number")
        for name in columns
    )


class Asset(Tables):
    """A listing, and at once the queue's entry that says when to ask the vendor about it."""

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
        server_default=text("true"), comment="whether the queue hands it out; false is a pause"
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
        comment="not to be asked for before, because the vendor had no bars"
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
        comment="from when on its splits and dividends are to be asked for; NULL is not"
    )
    actions_read_at: Mapped[dt.datetime | None] = mapped_column(
        comment="when its splits and dividends were asked for last"
    )
    read_whole_at: Mapped[dt.datetime | None] = mapped_column(
        comment="the last answer that spoke of the whole history"
    )


class Bar(Tables):
    """A daily bar, as the vendor sends it."""

    __tablename__ = "market_data"
    __table_args__ = (
        *_finite(*_PRICES, "volume"),
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


class RejectedRow(Tables):
    """A row that the vendor sent and that cannot be a bar."""

    __tablename__ = "rejected_rows"
    __table_args__ = (
        Index(
            "rejected_rows_once",
            "asset_id",
            "date",
            "rule",
            text("md5(excerpt)"),
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )
    # No primary key in the database: a row is known by what it says, and its date may be NULL.
    __mapper_args__ = {"primary_key": ["asset_id", "date", "rule", "excerpt"]}  # noqa: RUF012

    asset_id: Mapped[int] = mapped_column(Integer)
    date: Mapped[dt.date | None]
    rule: Mapped[str] = mapped_column(comment="the name of the rule that it broke")
    excerpt: Mapped[str] = mapped_column(comment="the vendor's own text, bounded")
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class DeadLetter(Tables):
    """An asset that a person must look at."""

    __tablename__ = "dead_letters"

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    endpoint: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[int | None] = mapped_column(comment="of HTTP, where there was an answer")
    reason: Mapped[str]
    excerpt: Mapped[str] = mapped_column(server_default="", comment="of the body, bounded")
    body_sha256: Mapped[str | None] = mapped_column(comment="of the whole body")
    first_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    last_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    count: Mapped[int] = mapped_column(server_default="1")
    request: Mapped[str] = mapped_column(
        server_default="", comment="path and parameters, without the token"
    )


class Sync(Tables):
    """One settled answer: what came, what became of it and what it cost."""

    __tablename__ = "sync_log"
    __table_args__ = (
        Index("sync_log_audits", "committed_at", postgresql_where=text("cause = 'audit'")),
    )

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    fence: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, comment="the lease it was asked under"
    )
    run_id: Mapped[int | None]
    outcome: Mapped[str] = mapped_column(comment="stored, empty or not listed")
    window_first: Mapped[dt.date]
    window_last: Mapped[dt.date]
    received: Mapped[int]
    inserted: Mapped[int]
    revised: Mapped[int]
    unchanged: Mapped[int]
    rejected: Mapped[int]
    flagged: Mapped[dict[str, Any]] = mapped_column(
        JSONB, server_default=text("'{}'"), comment="odd rows stored as sent, counted by rule"
    )
    calls: Mapped[int] = mapped_column(comment="of the daily quota")
    requests: Mapped[int] = mapped_column(comment="on the wire, retries included")
    body_sha256: Mapped[str | None]
    committed_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    arrived: Mapped[Any | None] = mapped_column(
        DATEMULTIRANGE,
        comment="between which dates its inserted bars lie; a later entry that holds a date wins",
    )
    passed_to: Mapped[dt.date | None] = mapped_column(
        comment="what has no bar up to this session is known absent; NULL: the bars alone count"
    )
    cause: Mapped[str | None] = mapped_column(
        comment="audit: read again although nothing was due; NULL: it was due"
    )


class Quota(Tables):
    """What a token may still ask for: shared by all workers, charged before anything is sent."""

    __tablename__ = "quota_ledger"

    token_id: Mapped[str] = mapped_column(primary_key=True, comment="a keyed hash of the token")
    day: Mapped[dt.date] = mapped_column(comment="the GMT day that `spent` belongs to")
    spent: Mapped[int] = mapped_column(
        server_default="0", comment="calls of the day: charged by us, or more as the vendor counts"
    )
    day_limit: Mapped[int | None] = mapped_column(comment="as the vendor tells; NULL is not yet")
    extra: Mapped[int] = mapped_column(server_default="0", comment="calls beyond the daily ones")
    refused: Mapped[bool] = mapped_column(
        server_default="false",
        comment="the vendor said that the day is spent (402), and has not told otherwise since",
    )
    minute_limit: Mapped[int] = mapped_column(comment="requests a minute, as its headers tell")
    next_slot: Mapped[dt.datetime] = mapped_column(comment="when the next request may go out")
    told_at: Mapped[dt.datetime | None] = mapped_column(
        comment="when the vendor last told the day's count"
    )
    audited: Mapped[int] = mapped_column(
        server_default="0", comment="calls of `spent` that went into the audit"
    )


class Worker(Tables):
    """A process that loads, as it last showed itself."""

    __tablename__ = "workers"

    owner: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    started_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    state: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="in flight, breadth, retry budget, breakers, what it waits for"
    )


class Run(Tables):
    """One command that asked the vendor for something."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    command: Mapped[str]
    started_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[dt.datetime | None]
    outcome: Mapped[str] = mapped_column(server_default="running")
    figures: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    owner: Mapped[int | None] = mapped_column(BigInteger, comment="the worker whose run it is")


BARS_VIEW = """
CREATE VIEW bars AS
SELECT a.symbol || '.' || a.exchange AS ticker, m.date, m.open, m.high, m.low, m.close,
       m.adjusted_close, m.volume, m.asset_id
FROM market_data m JOIN assets a ON a.id = m.asset_id
"""
