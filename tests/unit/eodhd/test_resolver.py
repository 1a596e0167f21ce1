"""Names are looked up where nothing waits for a name server that does not answer."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress

import pytest

from data_nexus.eodhd.connection.resolver import ThreadResolver


def test_a_name_is_resolved_to_its_addresses() -> None:
    found = asyncio.run(ThreadResolver().resolve("localhost", 80))
    assert {(each["host"], each["port"], each["hostname"]) for each in found} >= {
        ("127.0.0.1", 80, "localhost")
    }


def test_addresses_of_one_link_alone_are_left_out() -> None:
    local, world = ("fe80::1", 80, 0, 2), ("2001:db8::1", 80, 0, 0)

    def look_up(*_: object, **__: object) -> list[object]:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", each) for each in (local, world)]

    found = asyncio.run(ThreadResolver(look_up).resolve("host", 80))
    assert [each["host"] for each in found] == ["2001:db8::1"]


def test_a_name_that_is_not_known_is_an_error() -> None:
    with pytest.raises(OSError, match="known"):
        asyncio.run(ThreadResolver().resolve("no-such-host.invalid", 80))


def test_a_look_up_without_an_answer_does_not_hold_the_end_of_a_command() -> None:
    answers, begun = threading.Event(), time.monotonic()

    def look_up(*_: object, **__: object) -> list[object]:
        answers.wait(60)
        return []

    async def ask() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await ThreadResolver(look_up).resolve("host", 80)

    asyncio.run(ask())
    assert time.monotonic() - begun < 30
    answers.set()
