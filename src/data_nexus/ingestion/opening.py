"""Owns what every run opens: the settings of a caller, the database, the way to the vendor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager

from data_nexus.config import Secret, Settings, load_settings
from data_nexus.database.opening import database_url, open_database
from data_nexus.domain.backoff import Backoff
from data_nexus.eodhd.client import VendorClient, Wire
from data_nexus.events import Observer
from data_nexus.ingestion.attempts import Attempts, Gate


def settings_for(
    api_key: str, db_config: str | Mapping[str, object] | None, **values: object
) -> Settings:
    """Return settings for a caller that brings its own key and perhaps its own database."""
    settings = load_settings({"database_url": database_url(db_config), **values})
    return settings.with_token(Secret(api_key))


@asynccontextmanager
async def open_database_async(settings: Settings) -> AsyncIterator[str]:
    """Open the settings' database without blocking the event loop while a server starts."""
    with ExitStack() as stack:
        opening = open_database(settings.database_url, settings.home, settings.schema)
        yield await asyncio.to_thread(stack.enter_context, opening)


@asynccontextmanager
async def open_attempts(
    settings: Settings, token: Secret, observe: Observer
) -> AsyncIterator[Attempts]:
    """Open the way to the vendor, with retries as the settings say."""
    wire = Wire(
        base_url=settings.eodhd_base_url,
        concurrency=settings.concurrency,
        connect_sec=settings.connect_seconds,
        answer_sec=settings.answer_seconds,
        answer_cap=settings.answer_cap,
    )
    async with VendorClient(wire, token, observe) as client:
        backoff = Backoff(settings.attempts, settings.backoff_seconds)
        yield Attempts(client, Gate(observe), backoff, observe)
