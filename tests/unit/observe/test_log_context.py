"""A log line says to which command, job and run it belongs, and is one line whatever is sent."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import fields

import pytest

from data_nexus.events import Event
from data_nexus.observe.context import CONTEXT, current_facts, in_command, in_job, in_run
from data_nexus.observe.logs import LEVELS, LineFormatter
from tests.support.vendor.hostile import TEXTS, hostile_events

AS_JSON = LineFormatter(as_json=True, token=None)
AS_TEXT = LineFormatter(as_json=False, token=None)


def line_of(lines: LineFormatter, event: Event) -> str:
    """The line of an event, as `log_event` hands it on."""
    facts = {name: getattr(event, name) for name in event.__slots__}
    record = {"msg": type(event).__name__, "levelname": "INFO", "facts": facts}
    return lines.format(logging.makeLogRecord(record))


def test_jobs_at_once_do_not_take_each_other_s_context() -> None:
    seen: dict[str, list[dict[str, object]]] = {}

    async def run(job: str, run_id: int) -> None:
        with in_job(job), in_run(run_id):
            for _ in range(3):
                await asyncio.sleep(0)
                inherited = asyncio.create_task(note(job))
                await inherited
        await note(job)

    async def note(job: str) -> None:
        seen.setdefault(job, []).append(dict(current_facts()))

    async def both() -> None:
        with in_command("run"):
            async with asyncio.TaskGroup() as group:
                group.create_task(run("update-US", 7))
                group.create_task(run("update-LSE", 8))
            assert current_facts() == {"command": "run"}

    asyncio.run(both())
    for job, run_id in (("update-US", 7), ("update-LSE", 8)):
        within = {"command": "run", "job": job, "run_id": run_id}
        assert seen[job] == [within] * 3 + [{"command": "run"}]
    assert current_facts() == {}


def test_a_line_has_the_context_with_its_facts() -> None:
    with in_job("update-US"), in_run(7):
        record = {"msg": "Parked", "levelname": "INFO", "created": 0.0, "facts": {"symbol": "A.US"}}
        line = AS_TEXT.format(logging.makeLogRecord(record))
        told = json.loads(AS_JSON.format(logging.makeLogRecord(record)))
    assert line.endswith("Parked symbol=A.US job=update-US run_id=7")
    assert list(told) == ["time", "level", "event", "job", "run_id", "symbol"]
    library = logging.makeLogRecord({"msg": "closed", "levelname": "WARNING", "name": "aiohttp"})
    with in_run(9):
        assert json.loads(AS_JSON.format(library))["run_id"] == 9


@pytest.mark.parametrize("text", TEXTS)
def test_a_hostile_text_is_one_line_and_forges_none(text: str) -> None:
    for event in hostile_events(text):
        for lines in (AS_JSON, AS_TEXT):
            line = line_of(lines, event)
            assert line.isprintable(), "no line's end, no order to a terminal"
            assert len(line.splitlines()) == 1
        told = json.loads(line_of(AS_JSON, event))
        assert told["event"] == type(event).__name__
        texts = [value for value in told.values() if isinstance(value, str) and text in value]
        assert all(value == text for value in texts), "nothing of it is lost"


def test_no_fact_of_an_event_hides_what_a_line_begins_with() -> None:
    for event in LEVELS:
        assert not {"time", "level", "event", "run_id"} & {each.name for each in fields(event)}
    assert set(CONTEXT) == {"command", "job", "run_id"}
