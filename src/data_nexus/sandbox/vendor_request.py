"""Parse a request as the vendor does: endpoint, subject, parameters. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Self

from multidict import MultiMapping
from yarl import URL

ROOT = "/api"
CALENDAR = "calendar"  # the part of a path before an endpoint's own name


class Invalid(Exception):
    """Answer 422: the vendor does not accept a parameter."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.message = message


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """A request: `/api/{endpoint}/{subject}` with its parameters, the token kept apart.

    The calendars are endpoints of two parts, such as `calendar/splits`.

    `url` is the request's URL with the token in it, as the vendor's own 404 page repeats it.
    """

    path: str
    endpoint: str
    subject: str
    query: Mapping[str, str]
    token: str = field(repr=False)
    url: str = field(repr=False)
    gzip: bool

    @classmethod
    def of(cls, url: URL, headers: MultiMapping[str]) -> Self:
        """Read a request; doubled and trailing slashes are ignored (the vendor's own client)."""
        path = url.path.removeprefix(ROOT)
        endpoint, *parts = [part for part in path.split("/") if part] or [""]
        if endpoint == CALENDAR and parts:
            endpoint = f"{endpoint}/{parts.pop(0)}"
        subject = "/".join(parts)
        query = dict(url.query)
        token = query.pop("api_token", "")
        accepted = headers.get("Accept-Encoding", "").lower()
        gzip = "gzip" in accepted and "gzip;q=0" not in accepted.replace(" ", "")
        path = url.path.replace(token, "[token]") if token else url.path
        return cls(path, endpoint, subject, query, token, str(url), gzip)

    def format(self, default: str) -> str:
        """`json` or `csv`: as requested, or the endpoint's default."""
        return "csv" if (self.query.get("fmt") or default).lower() == "csv" else "json"

    def date(self, name: str) -> date | None:
        """A date among the parameters; None if it is absent or empty."""
        text = self.query.get(name, "")
        if not text:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise Invalid(name, f"The {name} does not match the format Y-m-d.") from None
