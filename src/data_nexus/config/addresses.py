"""Check and show the addresses among the settings: vendor, proxy, database. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from data_nexus.errors import UsageError

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_PASSWORD = re.compile(r"((?:ssl)?password=)[^&]*", re.IGNORECASE)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = rf"(?P<host>(?:{_LABEL}\.)*{_LABEL}|\[[0-9a-f:.]+\])"
_FLAGS = re.IGNORECASE | re.ASCII
# Written so that no two readers of URLs can find two different hosts in it: no user, no
# backslash, no query, nothing but ASCII.
_VENDOR_ROOT = re.compile(
    rf"(?P<scheme>https?)://{_HOST}(?::(?P<port>\d{{1,5}}))?(?:/[\w.~%-]*)*", _FLAGS
)
_PROXY = re.compile(rf"(?:http://)?(?:(?P<user>[^@/\\\s]*)@)?{_HOST}:(?P<port>\d{{1,5}})/?", _FLAGS)
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def check_vendor_root(url: str) -> None:
    """Raise `UsageError` unless a token may be sent to this root of the vendor's API."""
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise UsageError("EODHD_BASE_URL must not hold a user or a password")
    found = _VENDOR_ROOT.fullmatch(url)
    if found and _is_port(found["port"] or "443"):
        host = found["host"].strip("[]").lower()
        if found["scheme"].lower() == "https" or host in LOOPBACK_HOSTS:
            return
    raise UsageError(
        "EODHD_BASE_URL must be https://host/path, or plain http on a loopback host; no query"
    )


def check_schema_name(name: str) -> None:
    """Raise `UsageError` for a schema whose name PostgreSQL would read as another one."""
    if not _SCHEMA.fullmatch(name) or name.startswith("pg_"):
        raise UsageError(
            f"NEXUS_SCHEMA: {name!r} may hold lower-case letters, digits and _ only, at most 63,"
            " not begin with a digit and not with pg_"
        )


def check_alert_address(url: str, name: str) -> None:
    """Raise `UsageError`, which does not show it, unless alerts may be sent to a URL.

    `name` is the setting, or the file that holds it.
    """
    parts = urlsplit(url) if url.isascii() and url.isprintable() and " " not in url else None
    if parts and "@" not in parts.netloc and "\\" not in url and parts.hostname:
        is_near = parts.hostname in LOOPBACK_HOSTS
        if parts.scheme == "https" or (parts.scheme == "http" and is_near):
            return
    raise UsageError(
        f"{name}: it must be https://host/path, or plain http on a loopback host, without a user"
    )


def is_file_name(address: str) -> bool:
    """Whether a secret address is the path of a file that holds it."""
    return address.startswith(("/", "~", "."))


def without_path(address: str | None) -> str | None:
    """Return an address that may be shown: its host alone, or the path of the file with it."""
    if address is None or is_file_name(address):
        return address
    scheme, _, rest = address.partition("://")
    host = re.split(r"[/?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    return f"{scheme}://{host}/***" if host and scheme in ("http", "https") else "***"


def vendor_proxy(base_url: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy through which this root of the vendor's API is reached, if there is one.

    From `HTTPS_PROXY` and `NO_PROXY`, or their names in lower case, which win. For https only: a
    token then travels inside TLS, which the proxy forwards and cannot read.
    """
    parts = urlsplit(base_url)
    text = environ.get("https_proxy") or environ.get("HTTPS_PROXY") or ""
    if parts.scheme != "https" or not text.strip():
        return None
    if _is_exempt(parts.hostname or "", environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    found = _PROXY.fullmatch(text.strip())
    if not found or not _is_port(found["port"]):
        raise UsageError("HTTPS_PROXY must be http://host:port, perhaps with user:password@")
    user = f"{found['user']}@" if found["user"] else ""
    return f"http://{user}{found['host']}:{found['port']}"


def without_user(proxy: str) -> str:
    """Return a proxy that may be shown: host and port."""
    return proxy.partition("://")[2].rpartition("@")[2]


def without_password(url: str | None) -> str | None:
    """Return a database URL that may be shown: the password is replaced."""
    if url is None:
        return None
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "***"
    user, colon, _ = rest.rpartition("@")[0].partition(":")
    if colon:
        rest = f"{user}:***@{rest.rpartition('@')[2]}"
    return _PASSWORD.sub(r"\1***", f"{scheme}://{rest}")


def _is_port(text: str) -> bool:
    return 0 < int(text) < 65_536


def _is_exempt(host: str, listed: str) -> bool:
    """Whether NO_PROXY lists a host: by its name, by a domain above it, or all by `*`."""
    names = (each.strip().lower().removeprefix("*.").strip(".") for each in listed.split(","))
    return any(
        name == "*" or host == name.partition(":")[0] or host.endswith(f".{name.partition(':')[0]}")
        for name in names
        if name
    )
