"""A vendor that cannot be reached is named with its cause; a database is waited for by workers."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from data_nexus.config import Secret, Settings, load_settings
from data_nexus.eodhd.client import VendorClient, Wire
from data_nexus.eodhd.requests import Request, symbol_changes_request, user_request
from data_nexus.errors import NotSent, StorageUnavailable
from data_nexus.events import Event, Waiting, ignore
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.history_loader import BackfillScope, backfill
from data_nexus.ingestion.nightly.worker import work
from data_nexus.ingestion.reports.run_report import RunReport
from data_nexus.ingestion.wiring import WAIT
from tests.support.postgres.postgres_proxy import proxy_before
from tests.support.postgres.tables import add_assets
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.nights import settings_of
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes

TOKEN = "canary5f3a9c01e7.28841620"  # noqa: S105 - of no worth anywhere


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process may open no file and no connection."""
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_process_that_may_open_no_more_files_says_so_at_once() -> None:
    async def ask() -> None:
        wire = Wire("http://127.0.0.1:9/api", 1, 1.0, 1.0, 1000)
        async with VendorClient(wire, Secret(TOKEN), ignore) as client:
            with no_more_files(), pytest.raises(StorageUnavailable, match=r"\(ulimit -n\)"):
                await client.fetch(user_request())

    asyncio.run(ask())


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def listener(greet: Callable[[socket.socket], object]) -> Iterator[int]:
    """Take connections on a port of this machine, each greeted so."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    with client, suppress(OSError):
                        greet(client)

        threading.Thread(target=serve, daemon=True).start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port of this machine where no connection comes about: its queue is full."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listening.getsockname())
        yield int(listening.getsockname()[1])


def refusal(base_url: str, request: Request, connect_sec: float = 5) -> str:
    """What is said when a request cannot be sent."""
    wire = Wire(base_url, 1, connect_sec=connect_sec, answer_sec=5, answer_cap=1000)

    async def send() -> None:
        async with VendorClient(wire, Secret(TOKEN), ignore) as client:
            await client.fetch(request)

    with pytest.raises(NotSent) as refused:
        asyncio.run(send())
    assert TOKEN not in str(refused.value)
    return str(refused.value)


def test_a_refused_connection_is_named_with_its_subject() -> None:
    said = refusal(f"http://127.0.0.1:{closed_port()}/api", user_request())
    assert said.startswith("user: no connection: the host refuses it or cannot be reached; is ")
    assert "EODHD_BASE_URL" in said


def test_a_host_that_does_not_answer_is_named_with_its_remedy() -> None:
    with deaf_port() as port:
        said = refusal(f"http://127.0.0.1:{port}/api", user_request(), connect_sec=0.2)
    assert said.startswith(
        "user: no connection: nothing answered in time; is a firewall in the way"
    )


def test_a_name_that_is_not_known_is_named_with_its_remedy() -> None:
    said = refusal("https://no-such-host.invalid/api", symbol_changes_request())
    assert said.startswith("symbol-change-history: no connection: the host's name is not known")
    assert "EODHD_BASE_URL" in said


def test_a_port_without_tls_is_named_with_its_remedy() -> None:
    with listener(lambda client: client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        said = refusal(f"https://127.0.0.1:{port}/api", user_request())
    assert said.startswith("user: no connection: no TLS; is EODHD_BASE_URL right")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes the certificate")
def test_a_certificate_that_is_not_trusted_is_named_with_its_remedy(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    named = ("-keyout", key, "-out", certificate, "-subj", "/CN=127.0.0.1")
    subprocess.run([*made, *named], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with listener(lambda client: context.wrap_socket(client, server_side=True).recv(1)) as port:
        said = refusal(f"https://127.0.0.1:{port}/api", user_request())
    assert said.startswith("user: no connection: the certificate is not trusted")
    assert "SSL_CERT_FILE" in said


REFUSED = "the host refuses it or cannot be reached"
UNKNOWN = "the host's name is not known"
SILENT = "nothing answered in time"


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    """Roots of the vendor's API that cannot be reached, by the cause."""
    with deaf_port() as silent:
        yield {
            REFUSED: f"http://127.0.0.1:{closed_port()}/api",
            UNKNOWN: "https://no-such-host.invalid/api",
            SILENT: f"http://127.0.0.1:{silent}/api",
        }


@pytest.fixture
def stranded(database_url: str, tmp_path: Path) -> Commands:
    """Commands that know assets and hear of no vendor."""
    add_assets(database_url, *(f"S{n}" for n in range(40)))
    nowhere = Sandbox("http://127.0.0.1:1/api", "", 0, TOKEN)
    commands = commands_at(tmp_path, nowhere, database_url)
    # The waits between attempts as they are for a user.
    defaults = {k: v for k, v in commands.environment.items() if k != "NEXUS_BACKOFF_SECONDS"}
    return replace(commands, environment=defaults)


BACKFILL, UPDATE, DISCOVER = ("backfill",), ("update",), ("discover", "--exchange", "US")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        *((BACKFILL, cause) for cause in (REFUSED, UNKNOWN, SILENT)),
        (UPDATE, REFUSED),
        (DISCOVER, SILENT),
    ],
    ids=str,
)
def test_a_vendor_out_of_reach_ends_a_command_within_ten_seconds_with_the_cause(
    stranded: Commands, addresses: dict[str, str], arguments: tuple[str, ...], cause: str
) -> None:
    environment = {**stranded.environment, "EODHD_BASE_URL": addresses[cause]}
    begun = time.monotonic()
    done = replace(stranded, environment=environment).run(*arguments)
    assert time.monotonic() - begun < 10
    assert done.code == 6, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert cause in last
    assert "://" not in done.stderr


def test_a_run_that_waits_goes_on_without_the_vendor(
    stranded: Commands, addresses: dict[str, str]
) -> None:
    variables = {**stranded.environment, "EODHD_BASE_URL": addresses[REFUSED]}
    settings = load_settings({"breaker_seconds": 0.2}, variables)
    begun = time.monotonic()

    async def run() -> RunReport:
        drain = Drain(ignore)

        def watch(event: Event) -> None:
            # Longer than a run that does not wait would have gone on.
            if isinstance(event, Waiting) and time.monotonic() - begun > 6:
                drain.request("test")

        async with asyncio.timeout(60):
            url = settings.database_url or ""
            return await backfill(settings, url, BackfillScope(), watch, drain, WAIT)

    report = asyncio.run(run())
    assert (report.ended_by, report.drained_by) == (None, "test")


def run_worker(
    settings: Settings, observe: Callable[[Event, Drain], None], until: Callable[[Drain], None]
) -> RunReport:
    """Run a worker in this process; `until` is called once it waits for the database."""

    async def run() -> RunReport:
        drain = Drain(ignore)

        def watch(event: Event) -> None:
            if isinstance(event, Waiting) and event.reason.startswith("the database ("):
                until(drain)
            observe(event, drain)

        async with asyncio.timeout(60):
            return await work(settings, None, watch, drain)

    return asyncio.run(run())


def test_a_worker_that_starts_before_its_database_waits_for_it(database_url: str) -> None:
    """As compose and systemd start both together."""
    port, waited = closed_port(), list[str]()
    target = conninfo_to_dict(database_url)

    async def run() -> RunReport:
        with sandbox(symbols=3, bars_per_symbol=5, clean=True) as vendor:
            add_assets(database_url, *codes(vendor))
            url = f"postgresql://{target['user']}@127.0.0.1:{port}/{target['dbname']}"
            settings = replace(settings_of(vendor, url), poll_seconds=0.1)
            is_up, drain = asyncio.Event(), Drain(ignore)

            def watch(event: Event) -> None:
                if isinstance(event, Waiting):
                    waited.append(event.reason)
                    is_up.set()
                if type(event).__name__ == "TransactionCommitted":
                    drain.request("test")

            async def serve_later() -> None:
                await is_up.wait()
                async with proxy_before(database_url, port):
                    await drain.requested.wait()
                    await worker

            worker = asyncio.create_task(work(settings, None, watch, drain))
            async with asyncio.timeout(60):
                await serve_later()
            return worker.result()

    report = asyncio.run(run())
    assert (report.ended_by, report.synced > 0) == (None, True)
    assert "Connection refused" in waited[0]


def test_a_worker_that_waits_for_its_database_can_be_drained() -> None:
    url = f"postgresql://nobody@127.0.0.1:{closed_port()}/none"
    settings = load_settings({"database_url": url, "poll_seconds": 30}, {"EODHD_API_KEY": TOKEN})
    report = run_worker(settings, lambda *_: None, lambda drain: drain.request("SIGTERM"))
    assert (report.drained_by, report.total_assets) == ("SIGTERM", 0)


def test_a_worker_of_a_folder_that_it_cannot_write_ends_at_once(tmp_path: Path) -> None:
    """Nothing else would ever start the embedded database."""
    home = tmp_path / "file"
    home.write_text("no folder")
    with sandbox(symbols=1, bars_per_symbol=1) as vendor:
        commands = commands_at(tmp_path, vendor)
        environment = {**commands.environment, "NEXUS_HOME": str(home / "home")}
        done = replace(commands, environment=environment).run("worker")
    assert done.code == 7, done.stderr


def test_one_shot_commands_do_not_wait(database_url: str, tmp_path: Path) -> None:
    del database_url
    with sandbox(symbols=1, bars_per_symbol=1) as vendor:
        url = f"postgresql://nobody@127.0.0.1:{closed_port()}/none"
        assert commands_at(tmp_path, vendor, url).run("backfill").code == 7
