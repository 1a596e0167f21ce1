"""What is kept for all pages is read once, and never kept beyond a change."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from data_nexus.dashboard.latest import Latest
from data_nexus.dashboard.login import LOGIN_SEC, LoginLimit, Logins, Password
from data_nexus.errors import StorageUnavailable


def counting() -> Callable[[], int]:
    """A read that returns how often it was done."""
    numbers = iter(range(1, 100))
    return lambda: next(numbers)


def test_many_who_ask_at_once_cost_one_read() -> None:
    async def ask() -> list[int]:
        latest = Latest(counting(), 10.0)
        return [*await asyncio.gather(*(latest.get() for _ in range(20))), await latest.get()]

    assert asyncio.run(ask()) == [1] * 21


def test_an_old_value_is_given_while_the_next_is_read_but_not_a_very_old_one() -> None:
    now = 0.0

    async def ask() -> list[int]:
        nonlocal now
        latest, found = Latest(counting(), 10.0, lambda: now), []
        for moment in (0.0, 9.0, 11.0):
            now = moment
            found.append(await latest.get())
        await asyncio.sleep(0.2)
        found.append(await latest.get())
        now = 111.1
        return [*found, await latest.get()]

    assert asyncio.run(ask()) == [1, 1, 1, 2, 3]


def test_an_error_is_raised_and_tried_again() -> None:
    count = counting()

    def read() -> int:
        if (number := count()) == 1:
            raise StorageUnavailable("away")
        return number

    async def ask() -> int:
        latest = Latest(read, 10.0)
        with pytest.raises(StorageUnavailable):
            await latest.get()
        return await latest.get()

    assert asyncio.run(ask()) == 2


def test_what_was_read_before_a_change_is_not_kept() -> None:
    begun, may_end, count = threading.Event(), threading.Event(), counting()

    def read() -> int:
        number = count()
        if number == 1:
            begun.set()
            may_end.wait(10)
        return number

    async def ask() -> tuple[int, int, int]:
        latest = Latest(read, 10.0)
        first = asyncio.create_task(latest.get())
        await asyncio.to_thread(begun.wait, 10)
        latest.forget()
        second = await latest.get()
        may_end.set()
        return await first, second, await latest.get()

    assert asyncio.run(ask()) == (1, 2, 2)


def test_a_login_ends_by_itself() -> None:
    now = 0.0
    logins = Logins(lambda: now)
    name, other = logins.begin(), logins.begin()
    login = logins.find(name)
    assert login
    assert name != other
    assert logins.is_live(login)
    logins.end(other)
    assert logins.find(other) is None
    now = LOGIN_SEC + 1
    assert not logins.is_live(login)
    assert logins.find(name) is None


def test_of_too_many_logins_the_oldest_ends() -> None:
    logins = Logins()
    names = [logins.begin() for _ in range(1001)]
    assert logins.find(names[0]) is None
    assert logins.find(names[1]) is not None


def test_an_address_waits_after_ten_wrong_passwords_and_all_after_many() -> None:
    now = 0.0
    limit = LoginLimit(lambda: now)
    for moment in range(10):
        now = float(moment)
        assert limit.wait_sec("a") == 0.0
        limit.note_failure("a")
    assert (limit.wait_sec("a"), limit.wait_sec("b")) == (891.0, 0.0)
    limit.forgive("a")
    assert limit.wait_sec("a") == 0.0
    for number in range(200):
        limit.note_failure(f"{number}")
    assert limit.wait_sec("b") > 0
    now += 900
    assert limit.wait_sec("b") == 0.0


def test_a_password_is_known_by_its_hash_alone() -> None:
    password = Password.of("a word that opens")
    assert b"word" not in password.digest + password.salt
    assert "opens" not in repr(password)
    assert asyncio.run(password.is_right("a word that opens"))
    assert not asyncio.run(password.is_right("another word here"))
    assert Password.of("a word that opens").digest != password.digest
