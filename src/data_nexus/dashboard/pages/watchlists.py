"""Watchlists: what they hold; add and remove symbols, and choose what an exchange follows."""

from __future__ import annotations

from typing import TypeAlias

from aiohttp import web

from data_nexus.dashboard.latest import Latest
from data_nexus.dashboard.site import SITE, page, redirect, whole_number
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.watchlists.follows import (
    FollowedExchange,
    follow_exchange,
    follow_watchlist,
    list_followed,
)
from data_nexus.database.reader.watchlists.watchlists import (
    ListedWatchlist,
    add_to_watchlist,
    create_watchlist,
    list_members,
    list_watchlists,
    remove_from_watchlist,
    watchlist_name,
)
from data_nexus.domain.symbol import exchange_code, parse_symbols
from data_nexus.errors import UsageError

Lists: TypeAlias = tuple[list[ListedWatchlist], list[FollowedExchange]]
_PAGE = 200
_LONGEST = 100
_LISTS_SEC = 5.0
_LISTS: web.AppKey[Latest[Lists]] = web.AppKey("lists", Latest)


async def watchlists_page(request: web.Request) -> web.Response:
    """Show the watchlists, and what each exchange follows."""
    watchlists, followed = await request.app[_LISTS].get()
    return page(request, "watchlists.html", watchlists=watchlists, followed=followed)


async def watchlist_page(request: web.Request) -> web.Response:
    """Show a watchlist's assets, a page at a time."""
    name, asked = request.match_info["name"], request.query
    after = (asked.get("after", "")[:_LONGEST].replace("\0", ""), whole_number(asked.get("id"), 0))
    members = await request.app[SITE].read(list_members, name, after, _PAGE + 1)
    watchlists, _ = await request.app[_LISTS].get()
    return page(
        request,
        "watchlist.html",
        name=name,
        members=members[:_PAGE],
        has_more=len(members) > _PAGE,
        is_first=after == ("", 0),
        count=next((each.assets for each in watchlists if each.name == name), len(members)),
    )


async def change_watchlists(request: web.Request) -> web.Response:
    """Do what a form asks for: create, add, remove, follow."""
    form = {k: v for k, v in (await request.post()).items() if isinstance(v, str)}
    try:
        name = await request.app[SITE].write(_changed, form)
    finally:
        request.app[_LISTS].forget()
    raise redirect(f"/watchlists/{name}" if name else "/watchlists")


def add_watchlists(application: web.Application) -> None:
    """Add the pages and what their forms do."""
    reader = application[SITE].reader
    application[_LISTS] = Latest(lambda: _lists(reader), _LISTS_SEC)
    application.router.add_get("/watchlists", watchlists_page)
    application.router.add_get(r"/watchlists/{name:[\w][\w.-]{0,63}}", watchlist_page)
    application.router.add_post("/watchlists", change_watchlists)


def _lists(database: PostgresConnection) -> Lists:
    """Return the watchlists and what exchanges follow: it takes all assets to say."""
    with database.together() as one:
        return list_watchlists(one), list_followed(one)


def _changed(database: PostgresConnection, form: dict[str, str]) -> str:
    """Make the change; return the name of the watchlist to show, "" for the list of them."""
    action = form.get("action")
    if action == "follow-exchange":
        follow_exchange(database, exchange_code(form.get("exchange", "")))
        return ""
    name = watchlist_name(form.get("name", ""))
    symbols = parse_symbols([form["symbols"]]) if form.get("symbols", "").strip() else []
    match action:
        case "create":
            create_watchlist(database, name, symbols)
        case "add":
            add_to_watchlist(database, name, symbols)
        case "remove":
            remove_from_watchlist(database, name, symbols)
        case "follow" | "follow-only":
            follow_watchlist(database, name, only=action == "follow-only")
            return ""
        case _:
            raise UsageError("that form is none of this page's")
    return name
