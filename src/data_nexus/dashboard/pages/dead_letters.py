"""Dead letters: find and inspect them; retry or drop everything that a filter matches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from data_nexus.dashboard.site import SITE, page, redirect, whole_number
from data_nexus.database.reader.dead_letters import (
    LetterFilter,
    count_letters,
    count_letters_now,
    drop_letters,
    read_letters_page,
    retry_letters,
)
from data_nexus.domain.endpoints import Endpoint

_PAGE = 50
# So many are counted for a page; for an action all are.
_COUNTED = 1_000
_LONGEST = 200
_AGES = (1, 7, 30, 90)
_ACTIONS = {"retry": retry_letters, "drop": drop_letters}
# The fields of the filter, in a URL and in a form.
_FIELDS = ("exchange", "endpoint", "reason", "days", "asset")


async def letters_page(request: web.Request) -> web.Response:
    """Show the dead letters that a filter matches."""
    site, asked = request.app[SITE], request.query
    which = letter_filter(asked)
    before = _place(asked)
    found = await site.read(read_letters_page, which, before, _PAGE + 1)
    overview = await site.overview.get()
    done = whole_number(asked.get("done"), 0)
    return page(
        request,
        "dead_letters.html",
        letters=found[:_PAGE],
        has_more=len(found) > _PAGE,
        is_first=before is None,
        count=await site.read(count_letters, which, _COUNTED + 1),
        counted=_COUNTED,
        fields=_fields(asked),
        exchanges=[each.exchange for each in overview.exchanges],
        endpoints=[each.value for each in Endpoint],
        ages=_AGES,
        done=done if "done" in asked else None,
        did=asked.get("did") if asked.get("did") in _ACTIONS else "retry",
    )


async def act_on_letters(request: web.Request) -> web.Response:
    """Ask whether to do it, with the number of assets; once confirmed, do it in one statement."""
    site, form = request.app[SITE], await request.post()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    action = fields.get("action", "")
    if action not in _ACTIONS:
        raise web.HTTPBadRequest(text="an action is retry or drop")
    which = letter_filter(fields)
    if "seen" not in fields:
        count, seen = await site.write(count_letters_now, which)
        return page(
            request,
            "confirm.html",
            action=action,
            count=count,
            seen=seen.isoformat(),
            fields=_fields(fields),
        )
    done = await site.write(_ACTIONS[action], letter_filter(fields, _moment(fields["seen"])))
    raise redirect("/dead-letters", **_fields(fields), done=done, did=action)


def add_dead_letters(application: web.Application) -> None:
    """Add the page and its actions."""
    application.router.add_get("/dead-letters", letters_page)
    application.router.add_post("/dead-letters", act_on_letters)


def letter_filter(asked: Mapping[str, str], seen: datetime | None = None) -> LetterFilter:
    """Return the filter that a URL or a form names, of letters that were there when they were seen.

    An invalid number of days and an unknown asset filter nothing.
    """
    days = whole_number(asked.get("days"), 0, 36_500)
    old = datetime.now(UTC) - timedelta(days=days) if days else None
    asset = whole_number(asked.get("asset"), 0)
    moments = [each for each in (old, seen) if each]
    return LetterFilter(
        asset_ids=[asset] if asset else None,
        exchange=_text(asked.get("exchange")),
        endpoint=_text(asked.get("endpoint")),
        reason=_text(asked.get("reason")),
        until=min(moments, default=None),
    )


def _fields(asked: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(asked[name])[:_LONGEST] for name in _FIELDS if asked.get(name)}


def _text(value: str | None) -> str | None:
    return value[:_LONGEST].replace("\0", "") or None if value else None


def _place(asked: Mapping[str, str]) -> tuple[datetime, int, str] | None:
    if "before" not in asked:
        return None
    endpoint = _text(asked.get("of")) or ""
    return _moment(asked["before"]), whole_number(asked.get("before_asset"), 0), endpoint


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise web.HTTPBadRequest(text=f"not a moment: {text!r}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
