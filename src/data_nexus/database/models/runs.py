"""The tables of what was done: the sync log, runs and workers."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    BigInteger,
    Identity,
    Index,
    Integer,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import DATEMULTIRANGE, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables


class Sync(Tables):
    """One settled answer: what came, what became of it and what it cost."""

    __tablename__ = "sync_log"
    __table_args__ = (
        Index("sync_log_audits", "committed_at", postgresql_where=text("cause = 'audit'")),
        Index("sync_log_by_moment", "committed_at", postgresql_using="brin"),
    )

    asset_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    fence: Mapped[int] = mapped_column(
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="of the lease under which it was fetched",
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
        comment="the date ranges of its inserted bars; a later entry with the same date wins",
    )
    passed_to: Mapped[dt.date | None] = mapped_column(
        comment="what has no bar up to this session is known absent; NULL: the bars alone count"
    )
    cause: Mapped[str | None] = mapped_column(
        comment="audit or repair: read again although nothing was due; NULL: it was due"
    )
    lost: Mapped[int] = mapped_column(
        server_default="0",
        comment="bars that earlier entries had inserted and that were not stored any more",
    )
    withdrawn: Mapped[int] = mapped_column(
        server_default="0",
        comment="stored bars that the vendor sends no more and that left the table",
    )


class Run(Tables):
    """One command that sent requests to the vendor."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    command: Mapped[str]
    started_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[dt.datetime | None]
    outcome: Mapped[str] = mapped_column(server_default="running")
    figures: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    owner: Mapped[int | None] = mapped_column(BigInteger, comment="the worker whose run it is")


class Worker(Tables):
    """A process that loads, as it last showed itself."""

    __tablename__ = "workers"

    owner: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    started_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    state: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="in flight, concurrency limit, retry budget, breakers, what it waits for"
    )
