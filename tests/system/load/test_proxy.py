"""Where only a proxy leads out, the token goes through it inside TLS, and never to it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from data_nexus.config import Secret
from data_nexus.eodhd.client import VendorClient, Wire
from data_nexus.eodhd.requests import user_request
from data_nexus.errors import NotSent
from tests.support.programs.commands import Commands
from tests.support.vendor.canary import disguises
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.tls import Certificates, certificates_for, connect_proxy, tls_front
from tests.system.conftest import Placed

HOST = "vendor.invalid"  # a name that no server of names knows: only the proxy leads there
TOKEN = "canary5f3a9c01e7.28841620"  # noqa: S105 - nobody's


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=3, bars_per_symbol=20, clean=True) as running:
        yield running


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates_for(HOST, tmp_path_factory.mktemp("certificates"))


def through(commands: Commands, certificates: Certificates, **environ: str) -> Commands:
    """The same commands with another way to the vendor."""
    way = {"EODHD_BASE_URL": f"https://{HOST}/api", "SSL_CERT_FILE": str(certificates.authority)}
    return replace(commands, environment={**commands.environment, **way, **environ})


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_a_load_goes_through_the_proxy_which_sees_no_token(
    vendor: Sandbox, commands_for: Placed, certificates: Certificates, variable: str
) -> None:
    with (
        tls_front(urlsplit(vendor.url).port or 0, certificates) as front,
        connect_proxy(front) as proxy,
    ):
        way = {variable: f"http://127.0.0.1:{proxy.port}"}
        commands = through(commands_for(vendor), certificates, **way)
        done = commands.run_process("discover", "--exchange", "US", "--json")
    assert (done.code, done.stderr) == (0, "")
    assert done.answer["exchanges"][0]["added"] == 3
    assert set(proxy.asked) == {f"CONNECT {HOST}:443 HTTP/1.1"}
    assert len(proxy.seen) > 1000
    assert disguises(bytes(proxy.seen), vendor.token) == []
    assert b"api_token" not in proxy.seen


def test_a_certificate_that_the_system_does_not_know_is_refused_through_a_proxy_too(
    vendor: Sandbox, commands_for: Placed, certificates: Certificates, tmp_path: Path
) -> None:
    other = certificates_for(HOST, tmp_path)
    since = len(vendor.log())
    with (
        tls_front(urlsplit(vendor.url).port or 0, certificates) as front,
        connect_proxy(front) as proxy,
    ):
        way = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
        commands = through(commands_for(vendor), other, **way)
        done = commands.run_process("discover", "--exchange", "US", attempts=1)
    assert done.code == 6
    assert f"through the proxy 127.0.0.1:{proxy.port} (HTTPS_PROXY)" in done.stderr
    assert len(vendor.log()) == since


def wire(base_url: str, proxy: str | None = None) -> Wire:
    return Wire(base_url, concurrency=1, connect_sec=5, answer_sec=5, answer_cap=1000, proxy=proxy)


def fetch(way: Wire, times: int = 1) -> list[bytes]:
    """Ask for the account over one session."""

    async def ask() -> list[bytes]:
        async with VendorClient(way, Secret(TOKEN), lambda _: None) as client:
            return [await client.fetch(user_request()) for _ in range(times)]

    return asyncio.run(ask())


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden"])
def test_a_proxy_that_refuses_is_named_with_its_answer_and_without_its_password(
    status: str,
) -> None:
    with connect_proxy(0, status) as proxy:
        named = f"127.0.0.1:{proxy.port}"
        with pytest.raises(NotSent) as refused:
            fetch(wire(f"https://{HOST}/api", f"http://me:hidden@{named}"))
    said = str(refused.value)
    assert said.startswith(f"user: no connection: the proxy {named} (HTTPS_PROXY) ")
    assert f"({status[:3]}); " in said
    assert "hidden" not in str(refused.value)
    assert b"Proxy-Authorization: Basic" in proxy.seen
    assert disguises(bytes(proxy.seen), TOKEN) == []


def test_a_proxy_that_is_not_there_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        named = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(NotSent, match=rf"the proxy {named} \(HTTPS_PROXY\) refuses it"):
            fetch(wire(f"https://{HOST}/api", f"http://{named}"))


def test_a_proxy_whose_name_is_not_known_is_named() -> None:
    way = wire(f"https://{HOST}/api", "http://me:hidden@no-such-proxy.invalid:3128")
    with pytest.raises(NotSent) as refused:
        fetch(way)
    named = "the proxy no-such-proxy.invalid:3128 (HTTPS_PROXY)"
    assert f"the name of {named} is not known; is HTTPS_PROXY right?" in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_a_command_behind_a_proxy_that_is_not_there_ends_with_its_name_and_no_password(
    vendor: Sandbox, commands_for: Placed, certificates: Certificates
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        named = f"127.0.0.1:{closed.getsockname()[1]}"
        way = {"HTTPS_PROXY": f"http://me:hidden@{named}"}
        done = through(commands_for(vendor), certificates, **way).run_process(
            "discover", "--exchange", "US"
        )
    assert done.code == 6
    assert f"the proxy {named} (HTTPS_PROXY) refuses it" in done.stderr.splitlines()[-1]
    assert "hidden" not in done.stderr


def test_certificates_that_are_missing_end_a_command_before_any_request(
    vendor: Sandbox, commands_for: Placed, certificates: Certificates
) -> None:
    commands = through(commands_for(vendor), certificates, SSL_CERT_FILE="/missing.pem")
    done = commands.run("discover", "--exchange", "US")
    assert (done.code, "SSL_CERT_FILE: /missing.pem: No such file" in done.stderr) == (2, True)


class Vendor(BaseHTTPRequestHandler):
    """Answers everything with a cookie, and keeps the headers that it was sent."""

    received: list[dict[str, str]]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self.received.append(dict(self.headers))
        body = json.dumps({"apiRequests": 1}).encode()
        self.send_response(200)
        self.send_header("Set-Cookie", "session=1; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def plain_vendor() -> Iterator[tuple[str, list[dict[str, str]]]]:
    received: list[dict[str, str]] = []
    handler = type("Handler", (Vendor,), {"received": received})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/api", received
        server.shutdown()
        thread.join()


def test_no_cookie_is_kept(plain_vendor: tuple[str, list[dict[str, str]]]) -> None:
    url, received = plain_vendor
    fetch(wire(url), times=3)
    assert len(received) == 3
    assert [headers for headers in received if "Cookie" in headers] == []


def test_plain_http_goes_to_no_proxy_of_the_environment(
    plain_vendor: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, received = plain_vendor
    with connect_proxy(0) as silent:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{silent.port}")
            monkeypatch.setenv(variable.lower(), f"http://127.0.0.1:{silent.port}")
        fetch(wire(url))
    assert len(received) == 1
    assert (silent.asked, bytes(silent.seen)) == ([], b"")
