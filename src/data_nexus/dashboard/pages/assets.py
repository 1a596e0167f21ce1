"""Assets, a page at a time, by exchange, state and what a person looks for."""

from __future__ import annotations

from aiohttp import web

from data_nexus.dashboard.site import SITE, page
from data_nexus.database.reader.overview.asset_pages import AssetFilter, read_assets_page

STATES = (
    *("fresh", "stale", "parked", "damaged", "paused", "no bars", "delisted", "not listed"),
    "not followed",
)
_PAGE = 100
_LONGEST = 100


async def assets_page(request: web.Request) -> web.Response:
    """Show the assets that a person looks for."""
    site, asked = request.app[SITE], request.query
    overview = await site.overview.get()
    exchanges = [each.exchange for each in overview.exchanges]
    chosen = AssetFilter(
        exchange=asked["exchange"] if asked.get("exchange") in exchanges else None,
        search=asked.get("q", "")[:_LONGEST],
        state=asked["state"] if asked.get("state") in STATES else None,
    )
    after = (_text(asked.get("beyond")), _text(asked.get("after")))
    found = []
    # Of exchanges none of whose assets is in a state, none need be looked at.
    kind = chosen.state or "total"
    holding = [each.exchange for each in overview.exchanges if getattr(each, kind, 1)]
    if holding:
        published = await site.published.get()
        found = await site.read(
            read_assets_page,
            chosen,
            published,
            exchanges=holding,
            after=after,
            most=_PAGE + 1,
        )
    return page(
        request,
        "assets.html",
        assets=found[:_PAGE],
        has_more=len(found) > _PAGE,
        is_first=after == ("", ""),
        chosen=chosen,
        exchanges=exchanges,
        states=STATES,
        total=overview.counts["total"],
    )


def add_assets(application: web.Application) -> None:
    """Add the page."""
    application.router.add_get("/assets", assets_page)


def _text(value: str | None) -> str:
    return (value or "")[:_LONGEST].replace("\0", "")
