"""A history loader as the specification describes it, nothing better and nothing worse.

A program: `python as_specified.py`, with DATABASE_URL, EODHD_BASE_URL and EODHD_API_KEY. The due
assets wait in an `asyncio.Queue`; five workers fetch with aiohttp, decode with `json`, hold prices
as `Decimal`, and save objects of the ORM in batches of 5,000; `last_synced` is the cursor.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import sys
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
from sqlalchemy import BigInteger, Numeric, create_engine, or_, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

CONCURRENCY = 5
BATCH_ROWS = 5000
LIMIT = 100
DAYS_OLD = 1
ATTEMPTS = 3


class Tables(DeclarativeBase):
    """The registry of the tables."""


class Asset(Tables):
    """A row of the dispatch queue."""

    __tablename__ = "assets"

    id: Mapped[int] = mapped_column(primary_key=True)
    symbol: Mapped[str]
    exchange: Mapped[str]
    is_active: Mapped[bool]
    last_synced: Mapped[dt.datetime | None]


class Bar(Tables):
    """A daily bar."""

    __tablename__ = "market_data"

    asset_id: Mapped[int] = mapped_column(primary_key=True)
    date: Mapped[dt.date] = mapped_column(primary_key=True)
    open: Mapped[Decimal] = mapped_column(Numeric(20, 6))
    high: Mapped[Decimal] = mapped_column(Numeric(20, 6))
    low: Mapped[Decimal] = mapped_column(Numeric(20, 6))
    close: Mapped[Decimal] = mapped_column(Numeric(20, 6))
    adjusted_close: Mapped[Decimal] = mapped_column(Numeric(20, 6))
    volume: Mapped[int] = mapped_column(BigInteger)


@dataclass
class EODHistoryLoader:
    """Loads the histories of due assets."""

    api_key: str
    root: str
    sessions: sessionmaker[Session]
    total_rows: int = 0
    failed: int = 0
    commits: int = 0
    _waiting: list[Bar] = field(default_factory=list)
    _fetched: list[int] = field(default_factory=list)

    async def run_cycle(self) -> dict[str, Any]:
        """Load up to `LIMIT` due assets and return the figures."""
        started = time.perf_counter()
        queue: asyncio.Queue[Asset] = asyncio.Queue()
        assets = self._due()
        for asset in assets:
            queue.put_nowait(asset)
        async with aiohttp.ClientSession() as http:
            await asyncio.gather(*(self._work(queue, http) for _ in range(CONCURRENCY)))
        self._flush()
        return {
            "total_assets": len(assets),
            "total_rows": self.total_rows,
            "failed": self.failed,
            "commits": self.commits,
            "duration_sec": time.perf_counter() - started,
        }

    def _due(self) -> list[Asset]:
        cutoff = dt.datetime.now(dt.UTC) - dt.timedelta(days=DAYS_OLD)
        query = (
            select(Asset)
            .where(Asset.is_active)
            .where(or_(Asset.last_synced.is_(None), Asset.last_synced < cutoff))
            .order_by(Asset.last_synced.asc().nulls_first())
            .limit(LIMIT)
        )
        with self.sessions() as session:
            return list(session.scalars(query))

    async def _work(self, queue: asyncio.Queue[Asset], http: aiohttp.ClientSession) -> None:
        while not queue.empty():
            asset = queue.get_nowait()
            try:
                rows = await self._fetch(http, asset)
            except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError):
                self.failed += 1
                continue
            self._waiting += [_as_object(asset.id, row) for row in rows]
            self._fetched.append(asset.id)
            self.total_rows += len(rows)
            if len(self._waiting) >= BATCH_ROWS:
                self._flush()

    async def _fetch(self, http: aiohttp.ClientSession, asset: Asset) -> list[dict[str, Any]]:
        url = f"{self.root}/eod/{asset.symbol}.{asset.exchange}"
        params = {"api_token": self.api_key, "fmt": "json", "period": "d", "order": "a"}
        for attempt in range(ATTEMPTS):
            async with http.get(url, params=params) as answer:
                if answer.status == 429:
                    await asyncio.sleep(2**attempt)
                    continue
                answer.raise_for_status()
                rows: list[dict[str, Any]] = json.loads(await answer.text())
                return rows
        raise TimeoutError

    def _flush(self) -> None:
        if not self._waiting:
            return
        now = dt.datetime.now(dt.UTC)
        with self.sessions() as session:
            for start in range(0, len(self._waiting), BATCH_ROWS):
                session.bulk_save_objects(self._waiting[start : start + BATCH_ROWS])
            session.execute(
                update(Asset).where(Asset.id.in_(self._fetched)).values(last_synced=now)
            )
            session.commit()
        self.commits += 1
        self._waiting, self._fetched = [], []


def _as_object(asset_id: int, row: dict[str, Any]) -> Bar:
    return Bar(
        asset_id=asset_id,
        date=dt.date.fromisoformat(row["date"]),
        open=Decimal(str(row["open"])),
        high=Decimal(str(row["high"])),
        low=Decimal(str(row["low"])),
        close=Decimal(str(row["close"])),
        adjusted_close=Decimal(str(row["adjusted_close"])),
        volume=int(row["volume"]),
    )


def main() -> None:
    """Run one cycle and print its figures."""
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
    loader = EODHistoryLoader(
        api_key=os.environ["EODHD_API_KEY"],
        root=os.environ["EODHD_BASE_URL"],
        sessions=sessionmaker(create_engine(url), expire_on_commit=False),
    )
    sys.stdout.write(json.dumps(asyncio.run(loader.run_cycle())))


if __name__ == "__main__":
    main()
