"""The tables of what could not be stored: rejected rows and dead letters."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    Index,
    Integer,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables


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
    __table_args__ = (
        Index(
            "dead_letters_latest",
            text("last_at DESC"),
            text("asset_id DESC"),
            text("endpoint DESC"),
        ),
    )

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
