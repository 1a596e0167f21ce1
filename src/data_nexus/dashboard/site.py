"""What every page has at hand: the database, the login, the templates."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from data_nexus.app.commands.overview import LiveOverview
from data_nexus.config import Settings
from data_nexus.dashboard.latest import Latest
from data_nexus.dashboard.login import Login, LoginLimit, Logins, Password
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.overview.asset_pages import Published
from data_nexus.domain.texts import counted, visible
from data_nexus.observe.waiting import span

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")
# The pages in the order of the menu.
MENU = {
    "/": "Overview",
    "/coverage": "Coverage",
    "/assets": "Assets",
    "/dead-letters": "Dead letters",
    "/runs": "Runs",
    "/jobs": "Jobs",
    "/watchlists": "Watchlists",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One dashboard: `reader` only reads, `writer` is for what a person does, after a login."""

    settings: Settings
    reader: PostgresConnection
    writer: PostgresConnection
    password: Password | None
    overview: Latest[LiveOverview]
    published: Latest[Published]
    logins: Logins = field(default_factory=Logins)
    limit: LoginLimit = field(default_factory=LoginLimit)
    # Proves that a login form is of this server.
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(
        self,
        work: Callable[Concatenate[PostgresConnection, Arguments], Found],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Found:
        """Return what some work reads, in a thread."""
        return await asyncio.to_thread(work, self.reader, *args, **kwargs)

    async def write(
        self,
        work: Callable[Concatenate[PostgresConnection, Arguments], Found],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Found:
        """Return what some work returns that changes the database, in a thread."""
        return await asyncio.to_thread(work, self.writer, *args, **kwargs)


SITE: web.AppKey[Site] = web.AppKey("site", Site)
LOGIN: web.RequestKey[Login] = web.RequestKey("login", Login)


def rendered(request: web.Request, template: str, **context: object) -> str:
    """Return a template's text; who is logged in may write, and has the token of forms."""
    login = request.get(LOGIN)
    return _TEMPLATES.get_template(template).render(
        path=request.path,
        menu=MENU,
        can_write=login is not None,
        csrf=login.csrf if login else "",
        has_login=request.app[SITE].password is not None,
        **context,
    )


def page(
    request: web.Request, template: str, *, status: int = 200, **context: object
) -> web.Response:
    """Return a page."""
    text = rendered(request, template, **context)
    return web.Response(text=text, status=status, content_type="text/html")


def redirect(path: str, **query: object) -> web.HTTPSeeOther:
    """Return the answer that leads to another page of ours."""
    return web.HTTPSeeOther(f"{path}?{urlencode(query)}" if query else path)


def whole_number(text: str | None, default: int, most: int = 2_147_483_647) -> int:
    """Return the number that a text of a URL is, within bounds; the default for any other text."""
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 10:
        return default
    return min(int(text), most)


def _shown(value: object) -> object:
    """Return a value as a page shows it: whole numbers in groups, no character that hides."""
    if value is None:
        return "—"
    if isinstance(value, Markup | bool):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return moment(value)
    return visible(str(value))


def moment(value: datetime | None) -> Markup | str:
    """Return a moment to the minute, in UTC."""
    if value is None:
        return "—"
    return Markup('<time datetime="{}">{}</time>').format(
        value.isoformat(timespec="seconds"), f"{value:%Y-%m-%d %H:%M}"
    )


def share(part: int, whole: int) -> str:
    """Return a share in percent, rounded towards what is not all and not nothing."""
    if not whole:
        return "—"
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "< 1 %"
    if 99 < percent < 100:
        return "> 99 %"
    return f"{percent:.0f} %"


def _price(value: float | None) -> str:
    """Return a price or a volume with the digits that it has, in groups."""
    return "—" if value is None else f"{value:,.10g}"


def _query(**values: object) -> str:
    """Return the query of a URL, without what is empty."""
    return urlencode({name: value for name, value in values.items() if value not in (None, "")})


def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("data_nexus.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Callable[..., Any]] = {
        "counted": counted,
        "span": span,
        "moment": moment,
        "price": _price,
    }
    found.filters.update(filters)
    found.globals.update(share=share, query=_query)
    return found


_TEMPLATES = _templates()
