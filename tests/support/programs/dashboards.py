"""`nexus serve` as a process, and requests to it as any program may send them."""

from __future__ import annotations

import http.client
import json
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.support.programs.commands import Commands

LOGIN_WORD = "known-to-these-tests"


@dataclass(frozen=True, slots=True)
class Page:
    """What came back: the status, the headers with small letters, the text."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(slots=True)
class Visitor:
    """A program that asks a dashboard, and keeps its cookies."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """The origin of the dashboard's own pages."""
        return self.url.rstrip("/")

    def get(self, path: str, **headers: str) -> Page:
        """Ask for a page; names of headers are written with `_`."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, form: Mapping[str, object], **headers: str) -> Page:
        """Send a form as a page of the dashboard would; headers replace what a browser adds."""
        own = {"Origin": self.origin, "Content_Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, urlencode(dict(form)), own | headers)

    def form_token(self, path: str) -> str:
        """The token in the first form of a page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(path).text)
        assert found, path
        return found[1]

    def log_in(self, password: str = LOGIN_WORD) -> Page:
        """Log in by the form."""
        return self.post("/login", {"csrf": self.form_token("/login"), "password": password})

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Page:
        named = {name.replace("_", "-"): value for name, value in headers.items() if value}
        if self.cookies:
            named["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie", []):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            text = answer.read().decode()
        finally:
            connection.close()
        return Page(answer.status, {k.lower(): v for k, v in answer.headers.items()}, text)


@contextmanager
def dashboard_of(commands: Commands, *, login: bool = False, **settings: object) -> Iterator[str]:
    """Serve the dashboard of a database while the block lasts; give its URL. It must end well."""
    if login:
        settings["dashboard_password_file"] = password_file(commands.folder)
    with commands.running("serve", "--port", "0", "--json", **settings) as command:
        assert command.child.stdout
        lines = iter(command.child.stdout.readline, "")
        document = ""
        for line in lines:
            document += line
            if line == "}\n":
                break
        assert document, command.end().stderr
        yield json.loads(document)["url"]
        command.signal(signal.SIGTERM)
        assert command.end().code == 0


def password_file(folder: Path) -> Path:
    """A file with the password, that only its owner can read."""
    path = folder / "password"
    path.touch(mode=0o600)
    path.write_text(f"{LOGIN_WORD}\n", encoding="utf-8")
    return path
