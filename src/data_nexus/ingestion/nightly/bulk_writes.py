"""Write a session in parts, some at once; a refused part is divided until one row is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from data_nexus.errors import RowsRefused
from data_nexus.ingestion.wiring import foreseen

Result = TypeVar("Result")
# A range of ids, first and last.
Part = tuple[int, int]


async def in_parts(
    parts: Sequence[Part], write: Callable[[Part], Awaitable[Result]], writers: int
) -> list[Result]:
    """Write each part; return what was written.

    Fewer and fewer assets are tried together where PostgreSQL refuses a row: one must not hold the
    others back. What is left in the end is not written.
    """
    left, done = [*reversed(parts)], list[Result]()

    async def work() -> None:
        while left:
            first, last = part = left.pop()
            try:
                done.append(await write(part))
            except RowsRefused:
                middle = (first + last) // 2
                left.extend([(first, middle), (middle + 1, last)] if first < last else [])

    try:
        async with asyncio.TaskGroup() as tasks:
            for n in range(writers):
                tasks.create_task(work(), name=f"bulk writer {n}")
    except BaseExceptionGroup as group:
        raise foreseen(group) from None
    return done
