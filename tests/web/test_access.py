"""Who may see the dashboard and act: this machine alone, and with a login whoever knows it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.postgres.database import Cluster
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.dashboards import LOGIN_WORD, Visitor, dashboard_of, password_file
from tests.support.vendor.sandbox import sandbox


@pytest.fixture(scope="module")
def commands(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with cluster.fresh_database() as url, sandbox(symbols=3, clean=True, exchange="US") as vendor:
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        yield commands


@pytest.fixture(scope="module")
def open_url(commands: Commands) -> Iterator[str]:
    with dashboard_of(commands) as url:
        yield url


@pytest.fixture(scope="module")
def login_url(commands: Commands) -> Iterator[str]:
    with dashboard_of(commands, login=True, http_hosts="Nexus.Example.org") as url:
        yield url


@pytest.fixture
def guest(open_url: str) -> Visitor:
    return Visitor(open_url)


@pytest.fixture
def visitor(login_url: str) -> Visitor:
    return Visitor(login_url)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]:8640", "LOCALHOST"])
def test_this_machine_may_be_called_by_each_of_its_names(guest: Visitor, host: str) -> None:
    assert guest.get("/", Host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", ""])
def test_another_host_is_refused(guest: Visitor, host: str) -> None:
    """What a page elsewhere reaches by a name that it points here."""
    assert guest.get("/", Host=host or " ").status in (400, 421)


def test_a_host_that_the_settings_name_is_served(visitor: Visitor) -> None:
    assert visitor.get("/login", Host="nexus.example.org").status == 200
    assert visitor.get("/login", Host="other.example.org").status == 421


def test_every_answer_says_what_a_browser_may_do(guest: Visitor) -> None:
    for path in ("/", "/static/dashboard.js", "/nowhere"):
        headers = guest.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "aiohttp" not in headers["server"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_no_other_method_is_served(open_url: str, method: str) -> None:
    place = urlsplit(open_url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    connection.request(method, "/")
    assert connection.getresponse().status == 405
    connection.close()


@pytest.mark.parametrize("path", ["/static/../application.py", "/static/%2e%2e/site.py", "/x"])
def test_what_is_no_page_is_not_found(guest: Visitor, path: str) -> None:
    page = guest.get(path)
    assert (page.status, "To the overview" in page.text) == (404, True)


def test_without_a_login_nothing_can_be_changed(guest: Visitor) -> None:
    assert "<form" not in guest.get("/").text
    assert guest.post("/logout", {"csrf": ""}).status == 403
    assert guest.post("/login", {"csrf": "", "password": ""}).status == 403


def test_without_a_session_each_page_leads_to_the_login(visitor: Visitor) -> None:
    page = visitor.get("/?a=1")
    assert (page.status, page.headers["location"]) == (303, "/login?next=/?a%3D1")
    assert visitor.get("/events/overview").status == 403
    assert "Overview" not in visitor.get("/login").text


def test_a_session_begins_with_the_password_and_ends_at_the_log_out(visitor: Visitor) -> None:
    page = visitor.log_in()
    assert (page.status, page.headers["location"]) == (303, "/")
    cookie = page.headers["set-cookie"]
    assert "nexus_session=" in cookie
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/"))
    assert visitor.get("/").status == 200
    kept = dict(visitor.cookies)
    assert visitor.post("/logout", {"csrf": visitor.form_token("/")}).status == 303
    visitor.cookies = kept
    assert visitor.get("/").status == 303


def test_behind_https_the_cookie_stays_there(visitor: Visitor) -> None:
    token = visitor.form_token("/login")
    form = {"csrf": token, "password": LOGIN_WORD}
    page = visitor.post("/login", form, X_Forwarded_Proto="https")
    assert "; Secure" in page.headers["set-cookie"]


def test_a_login_gives_a_new_id_whatever_the_browser_brought(visitor: Visitor) -> None:
    visitor.cookies["nexus_session"] = "chosen-by-another"
    visitor.log_in()
    assert visitor.cookies["nexus_session"] != "chosen-by-another"


@pytest.mark.parametrize("next_", ["//evil.example", "https://evil.example", "/\\evil", "/\n/e"])
def test_a_login_leads_nowhere_else(visitor: Visitor, next_: str) -> None:
    token = visitor.form_token("/login")
    page = visitor.post("/login", {"csrf": token, "password": LOGIN_WORD, "next": next_})
    assert (page.status, page.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": ""},
        {"Origin": "null"},
        {"Origin": "http://[evil"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_form_of_another_page_is_refused(visitor: Visitor, headers: dict[str, str]) -> None:
    visitor.log_in()
    form = {"csrf": visitor.form_token("/")}
    assert visitor.post("/logout", form, **headers).status == 403
    assert visitor.get("/").status == 200


@pytest.mark.parametrize("token", ["", "wrong", "ü"])
def test_a_form_without_its_token_is_refused(visitor: Visitor, token: str) -> None:
    visitor.log_in()
    assert visitor.post("/logout", {"csrf": token}).status == 403
    assert visitor.post("/login", {"csrf": token, "password": LOGIN_WORD}).status == 403
    assert visitor.get("/").status == 200


def test_a_form_that_is_too_large_is_refused(visitor: Visitor) -> None:
    visitor.log_in()
    assert visitor.post("/logout", {"csrf": "x" * 100_000}).status == 413


def test_who_guesses_must_wait(commands: Commands) -> None:
    with dashboard_of(commands, login=True) as url:
        visitor = Visitor(url)
        answers = [visitor.log_in("wrong-password").status for _ in range(11)]
        assert answers == [403] * 10 + [429]
        page = visitor.log_in()
        assert page.status == 429
        assert 0 < int(page.headers["retry-after"]) <= 901


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - refused
def test_a_public_address_needs_a_login(commands: Commands, address: str) -> None:
    ended = commands.run("serve", http_address=address)
    assert ended.code == 2
    assert "NEXUS_DASHBOARD_PASSWORD_FILE" in ended.stderr


def test_a_password_that_others_can_read_or_guess_is_refused(
    commands: Commands, tmp_path: Path
) -> None:
    path = password_file(tmp_path)
    path.chmod(0o644)
    ended = commands.run("serve", dashboard_password_file=path)
    assert (ended.code, "chmod 600" in ended.stderr) == (2, True)
    path.chmod(0o600)
    path.write_text("short", encoding="utf-8")
    ended = commands.run("serve", dashboard_password_file=path)
    assert (ended.code, "fewer than 12" in ended.stderr) == (2, True)


def test_a_port_that_is_taken_is_named(commands: Commands, open_url: str) -> None:
    ended = commands.run("serve", "--port", str(urlsplit(open_url).port))
    assert (ended.code, "NEXUS_HTTP_PORT" in ended.stderr) == (2, True)
