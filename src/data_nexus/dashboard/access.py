"""Decide who sees a page and who may change something, and show errors as pages."""

from __future__ import annotations

import hmac
import secrets
from typing import NoReturn

from aiohttp import web
from aiohttp.typedefs import Handler

from data_nexus.dashboard.login import LOGIN_SEC
from data_nexus.dashboard.site import LOGIN, SITE, page, redirect
from data_nexus.errors import NexusError, UsageError

_LOGIN, _FORM = "nexus_session", "nexus_login"
# What is shown before a login.
_OPEN = ("/static/", "/login", "/health", "/ready", "/metrics")
_READ_ONLY = "these pages only show: to act, set NEXUS_DASHBOARD_PASSWORD_FILE and log in"


@web.middleware
async def show_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with a page that says what is wrong."""
    try:
        return await handler(request)
    except UsageError as error:
        return page(request, "error.html", status=400, title="That cannot be", text=str(error))
    except NexusError as error:
        return page(request, "error.html", status=503, title="Not now", text=str(error))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        text = error.text or error.reason
        answer = page(request, "error.html", status=error.status, title=error.reason, text=text)
        if waits := error.headers.get("Retry-After"):
            answer.headers["Retry-After"] = waits
        return answer


@web.middleware
async def require_login(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in who is logged in; without a password everyone may look, and no one may change."""
    site = request.app[SITE]
    if site.password is None:
        if request.method == "POST":
            raise web.HTTPForbidden(text=_READ_ONLY)
        return await handler(request)
    login = site.logins.find(request.cookies.get(_LOGIN, ""))
    if login is not None:
        request[LOGIN] = login
        if request.method == "POST":
            await _require_token(request, login.csrf)
        return await handler(request)
    if request.path.startswith(_OPEN):
        return await handler(request)
    if request.method == "POST" or request.path.startswith("/events"):
        raise web.HTTPForbidden(text="log in first")
    raise redirect("/login", next=request.path_qs)


async def show_login(request: web.Request) -> web.Response:
    """Show the form of the login."""
    return _form(request, request.query.get("next", "/"))


async def log_in(request: web.Request) -> web.Response:
    """Begin a login for who knows the password."""
    site, form = request.app[SITE], await request.post()
    if site.password is None:
        raise web.HTTPNotFound
    nonce = request.cookies.get(_FORM, "")
    if not nonce or not _same(form.get("csrf"), _proof(site.secret, nonce)):
        return _form(request, form.get("next"), "The form was too old; try again.", 403)
    address = request.remote or ""
    if wait := site.limit.wait_sec(address):
        answer = _form(request, form.get("next"), "Too many wrong passwords; try later.", 429)
        answer.headers["Retry-After"] = str(int(wait) + 1)
        return answer
    # Counted before it is checked: of many at once none is overlooked.
    site.limit.note_failure(address)
    if not await site.password.is_right(str(form.get("password", ""))):
        return _form(request, form.get("next"), "That is not the password.", 403)
    site.limit.forgive(address)
    answer = redirect(_own_path(form.get("next")))
    answer.del_cookie(_FORM, path="/login")
    _set_cookie(request, answer, _LOGIN, site.logins.begin(), "/")
    raise answer


async def log_out(request: web.Request) -> NoReturn:
    """End the login."""
    request.app[SITE].logins.end(request.cookies.get(_LOGIN, ""))
    answer = redirect("/login")
    answer.del_cookie(_LOGIN, path="/")
    raise answer


async def _require_token(request: web.Request, csrf: str) -> None:
    form = await request.post()
    if not _same(form.get("csrf"), csrf):
        raise web.HTTPForbidden(text="this form is not of your login; open the page again")


def _form(request: web.Request, next_: object, error: str = "", status: int = 200) -> web.Response:
    site = request.app[SITE]
    nonce = secrets.token_urlsafe(16)
    token = _proof(site.secret, nonce)
    context = {"token": token, "next": _own_path(next_), "error": error}
    answer = page(request, "login.html", status=status, **context)
    _set_cookie(request, answer, _FORM, nonce, "/login")
    return answer


def _set_cookie(
    request: web.Request, answer: web.StreamResponse, name: str, value: str, path: str
) -> None:
    is_secure = request.secure or request.headers.get("X-Forwarded-Proto") == "https"
    answer.set_cookie(
        name,
        value,
        path=path,
        max_age=int(LOGIN_SEC),
        httponly=True,
        samesite="Strict",
        secure=is_secure,
    )


def _own_path(path: object) -> str:
    """Return a path of ours to go to; the first page for everything else."""
    text = path if isinstance(path, str) else ""
    is_ours = text.startswith("/") and not text.startswith("//") and text.isprintable()
    return text if is_ours and "\\" not in text else "/"


def _proof(secret: bytes, nonce: str) -> str:
    return hmac.digest(secret, nonce.encode(), "sha256").hex()


def _same(given: object, expected: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())
