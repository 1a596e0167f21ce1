"""The tables of the daemon: its jobs, and their runs."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, Identity, Integer, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from data_nexus.database.models.tables import Tables


class Job(Tables):
    """Something that the daemon does by a schedule."""

    __tablename__ = "jobs"

    name: Mapped[str] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(
        comment="update, discover, snapshot, verify, backup or drill"
    )
    exchange: Mapped[str | None] = mapped_column(comment="NULL: all")
    schedule: Mapped[str] = mapped_column(comment="as `nexus jobs add` takes it")
    is_default: Mapped[bool] = mapped_column(server_default="false")
    paused_at: Mapped[dt.datetime | None]
    since: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(), comment="since when it is due"
    )
    target: Mapped[str | None] = mapped_column(comment="where a snapshot or the backups are")


class JobRun(Tables):
    """A run of a job; whoever inserts the row does it."""

    __tablename__ = "job_runs"
    __table_args__ = (UniqueConstraint("job", "due_at"),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    job: Mapped[str]
    due_at: Mapped[dt.datetime] = mapped_column(comment="the moment at which it was to run")
    missed: Mapped[int] = mapped_column(
        Integer, server_default="0", comment="earlier ones that it makes up for"
    )
    attempts: Mapped[int] = mapped_column(Integer, server_default="1")
    owner: Mapped[int] = mapped_column(BigInteger, comment="the worker that runs it")
    started_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[dt.datetime | None]
    outcome: Mapped[str] = mapped_column(
        server_default="running", comment="running, done, late, failed or drained"
    )
    detail: Mapped[str] = mapped_column(server_default="", comment="why, in a sentence")
    retry_at: Mapped[dt.datetime | None] = mapped_column(comment="when it is tried again")
    brought: Mapped[int | None] = mapped_column(
        Integer, comment="assets or rows; NULL: nothing was to be had, or it counts nothing"
    )
    error: Mapped[str] = mapped_column(server_default="", comment="the kind of what failed")
