"""A monitor is answered over HTTP, whether the database is there or not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from data_nexus.config import Settings, load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.measures.measures import measure
from data_nexus.errors import UsageError
from data_nexus.events import Failed, ignore
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.observe.gauges import Reading
from data_nexus.observe.metrics import EventMetrics
from data_nexus.service.metrics_listener import answering_monitors, is_loopback
from data_nexus.service.operations import CONTENT_TYPE, Operations, renewed_after_sec
from data_nexus.service.rounds import Rounds
from tests.support.postgres.tables import add_assets, execute
from tests.support.vendor.sandbox import TOKEN

WORD = "hunter2secret"
AWAY = f"postgresql://nexus:{WORD}@127.0.0.1:1/nexus"


def settings_at(home: Path) -> Settings:
    return load_settings(environ={"NEXUS_HOME": str(home), "EODHD_API_KEY": TOKEN}, folder=home)


@asynccontextmanager
async def monitored(operations: Operations) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """A client, and the address at which the operations are answered."""
    async with (
        answering_monitors(operations, "127.0.0.1", 0) as port,
        aiohttp.ClientSession() as client,
    ):
        yield client, f"http://127.0.0.1:{port}"


def answers(operations: Operations, *paths: str, host: str = "") -> list[tuple[int, str]]:
    """The status and body of each path, asked one after the other."""

    async def ask() -> list[tuple[int, str]]:
        async with monitored(operations) as (client, address):
            headers = {"Host": host} if host else {}
            found = []
            for path in paths:
                async with client.get(address + path, headers=headers) as answer:
                    found.append((answer.status, await answer.text()))
            return found

    return asyncio.run(ask())


def values(text: str) -> dict[str, float]:
    """The samples without their labels' names: `nexus_assets US`."""
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@contextmanager
def silent_server() -> Iterator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql://nexus@127.0.0.1:{server.getsockname()[1]}/nexus"


def test_a_monitor_is_told_of_the_process_and_of_the_database(
    tmp_path: Path, database_url: str
) -> None:
    add_assets(database_url, "ONE", "TWO")
    operations = Operations(settings_at(tmp_path), database_url, EventMetrics("1.2.3"))
    operations.metrics.note(Failed("ONE.US", "cut"))
    metrics, health, ready, missing = answers(
        operations, "/metrics", "/health", "/ready", "/nowhere"
    )
    found = values(metrics[1])
    assert metrics[0] == 200
    assert (found["nexus_database_up"], found["nexus_assets US"]) == (1, 2)
    assert found["nexus_asset_outcomes_total failed"] == 1
    assert found["nexus_disk_size_bytes"] > found["nexus_disk_free_bytes"] > 0
    assert found["process_open_fds"] > 0
    assert health == (200, '{"alive": true}')
    assert ready == (200, '{"ready": true}')
    assert missing[0] == 404


def test_the_format_is_the_one_that_every_prometheus_reads(
    tmp_path: Path, database_url: str
) -> None:
    async def ask() -> None:
        operations = Operations(settings_at(tmp_path), database_url, EventMetrics("1"))
        async with (
            monitored(operations) as (client, address),
            client.get(f"{address}/metrics") as a,
        ):
            assert a.headers["Content-Type"] == CONTENT_TYPE
            assert a.headers["Cache-Control"] == "no-store"

    asyncio.run(ask())


def test_without_a_database_the_process_still_answers(tmp_path: Path) -> None:
    operations = Operations(settings_at(tmp_path), AWAY, EventMetrics("1"))
    operations.metrics.note(Failed("ONE.US", "cut"))
    metrics, health, ready = answers(operations, "/metrics", "/health", "/ready")
    found = values(metrics[1])
    assert (metrics[0], found["nexus_database_up"]) == (200, 0)
    assert found["nexus_asset_outcomes_total failed"] == 1
    assert not [name for name in found if name.startswith("nexus_assets")]
    assert health[0] == 200, "to restart it would not bring the database back"
    assert ready[0] == 503
    assert "PostgreSQL" in ready[1]
    assert "check that the server runs" in ready[1]
    assert WORD not in metrics[1] + ready[1]


def test_a_database_that_says_nothing_delays_an_answer_for_a_moment_only(tmp_path: Path) -> None:
    async def ask() -> None:
        with silent_server() as url:
            operations = Operations(
                settings_at(tmp_path),
                f"{url}?connect_timeout=2",
                EventMetrics("1"),
                patience_sec=0.3,
            )
            async with monitored(operations) as (client, address), asyncio.timeout(2):
                asked = [client.get(f"{address}{path}") for path in ("/metrics", "/ready") * 10]
                found = await asyncio.gather(*asked)
                texts = [await each.text() for each in found]
        assert [each.status for each in found] == [200, 503] * 10
        assert {values(text)["nexus_database_up"] for text in texts[::2]} == {0}
        assert "has not answered within 0.3 s" in texts[1]

    asyncio.run(ask())


def test_a_database_that_comes_back_is_seen(tmp_path: Path, database_url: str) -> None:
    operations = Operations(settings_at(tmp_path), AWAY, EventMetrics("1"))
    assert values(answers(operations, "/metrics")[0][1])["nexus_database_up"] == 0
    operations.url, operations._due_at = database_url, 0.0  # noqa: SLF001 - some seconds later
    assert values(answers(operations, "/metrics")[0][1])["nexus_database_up"] == 1


def test_who_asks_often_gets_what_was_read_last(tmp_path: Path, database_url: str) -> None:
    """At most every five seconds, and for at most a hundredth of the time, the database is read."""
    operations = Operations(settings_at(tmp_path), database_url, EventMetrics("1"))
    first, *others = (values(text) for _, text in answers(operations, *["/metrics"] * 20))
    stamp = "nexus_measured_timestamp_seconds"
    assert {other[stamp] for other in others} == {first[stamp]}


@pytest.mark.parametrize(
    ("seconds", "is_there", "age"),
    [(0.01, True, 5), (0.2, True, 20), (60.0, True, 300), (60.0, False, 5)],
)
def test_reading_takes_a_hundredth_of_the_time_at_most(
    database_url: str, tmp_path: Path, seconds: float, age: float, *, is_there: bool
) -> None:
    database = PostgresConnection(database_url)
    found = measure(database, settings_at(tmp_path)) if is_there else None
    assert renewed_after_sec(Reading(measures=found, seconds=seconds)) == age


def test_tables_of_another_version_are_not_ready(tmp_path: Path, database_url: str) -> None:
    execute(database_url, "UPDATE alembic_version SET version_num = '0001'")
    operations = Operations(settings_at(tmp_path), database_url, EventMetrics("1"))
    ((code, text),) = answers(operations, "/ready")
    assert code == 503
    assert "nexus db upgrade" in text


def test_a_loop_that_has_stopped_is_not_healthy(tmp_path: Path) -> None:
    moment = [1000.0]
    rounds = Rounds(clock=lambda: moment[0])
    operations = Operations(settings_at(tmp_path), AWAY, EventMetrics("1"), rounds)
    assert answers(operations, "/health") == [(200, '{"alive": true}')]
    rounds.note()
    moment[0] += 299
    assert answers(operations, "/health") == [(200, '{"alive": true, "last_round_sec": 299.0}')]
    moment[0] += 2
    ((code, text),) = answers(operations, "/health")
    assert (code, "no round for 301 s" in text) == (503, True)


def test_who_drains_takes_no_more_work(tmp_path: Path, database_url: str) -> None:
    async def ask() -> tuple[int, str]:
        drain = Drain(ignore)
        drain.request("SIGTERM")
        operations = Operations(settings_at(tmp_path), database_url, EventMetrics("1"), drain=drain)
        async with monitored(operations) as (client, address), client.get(f"{address}/ready") as a:
            return a.status, await a.text()

    code, text = asyncio.run(ask())
    assert (code, "draining: SIGTERM" in text) == (503, True)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:9477"])
def test_a_page_of_the_web_cannot_read_it_by_another_name(tmp_path: Path, host: str) -> None:
    operations = Operations(settings_at(tmp_path), AWAY, EventMetrics("1"))
    assert [code for code, _ in answers(operations, "/metrics", "/health", host=host)] == [403] * 2


def test_a_port_that_is_taken_says_what_to_do(tmp_path: Path) -> None:
    async def listen_twice() -> None:
        operations = Operations(settings_at(tmp_path), AWAY, EventMetrics("1"))
        async with answering_monitors(operations, "127.0.0.1", 0) as port:
            with pytest.raises(
                UsageError, match=f"port {port}: .*; name another by --metrics-port"
            ):
                await answering_monitors(
                    Operations(settings_at(tmp_path), AWAY, EventMetrics("1")), "127.0.0.1", port
                ).__aenter__()

    asyncio.run(listen_twice())


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("", False)],  # noqa: S104
)
def test_loopback_is_this_machine_s_own_address(host: str, *, own: bool) -> None:
    assert is_loopback(host) is own
