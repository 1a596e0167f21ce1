"""Read the settings: what can be set, from where, and what each one means.

Order of precedence: command line, environment, `nexus.toml` (working folder, then NEXUS_HOME),
default. `SETTINGS`, derived from the fields of `Settings`, is the table that the parser, `nexus
config` and the reference page read.
"""

from __future__ import annotations

import base64
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints
from urllib.parse import urlsplit

import msgspec
import platformdirs
from msgspec import Meta

from data_nexus.errors import UsageError

_PASSWORD = re.compile(r"((?:ssl)?password=)[^&]*", re.IGNORECASE)
_SHORTEST_SECRET = 16
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Secret:
    """A token that no text shows: `reveal()` is the only way to read it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the token itself; call it only where the request is built."""
        return self._value

    def redact(self, text: str) -> str:
        """Return `text` with the token replaced by ***, however it is spelled there."""
        return _spellings(self._value).sub("***", text)

    def redact_body(self, body: bytes) -> bytes:
        """Return an answer's body with the token replaced by ***, however it is spelled there.

        A token too short to be secret, as the vendor's `demo`, is part of other words and stays.
        """
        if len(self._value) < _SHORTEST_SECRET:
            return body
        plain, pattern = _spellings_in_bytes(self._value)
        # Spelled otherwise it needs one of two signs, which histories do not have.
        if b"%" in body or b"\\u00" in body or any(form in body for form in plain):
            return pattern.sub(b"***", body)
        return body

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


_Count = Annotated[int, Meta(ge=1)]
_Days = Annotated[int, Meta(ge=0)]
_Fraction = Annotated[float, Meta(ge=0, lt=1)]
_AtLeastZero = Annotated[float, Meta(ge=0)]
_AboveZero = Annotated[float, Meta(gt=0)]
# Fields that have the name of their variable; every other variable is NEXUS_ and the field.
_NAMED_AS_VARIABLE = frozenset({"database_url", "eodhd_base_url", "nexus_home"})


# No repr: it would show the password in a database URL.
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """All settings of one command.

    Each field with a description is a setting: its variable, bounds, default and meaning are
    defined here and nowhere else. `token` is None when no key is set.
    """

    database_url: Annotated[
        str | None, Meta(description="any PostgreSQL 15 or newer; unset: the embedded one")
    ] = None
    eodhd_base_url: Annotated[str, Meta(description="root of the vendor's REST API")] = (
        "https://eodhd.com/api"
    )
    nexus_home: Annotated[
        str | None, Meta(description="folder of the embedded database; unset: user data")
    ] = None
    schema: Annotated[str, Meta(description="PostgreSQL schema that holds the tables")] = "public"
    concurrency: Annotated[_Count, Meta(description="requests in flight at once")] = 5
    days_old: Annotated[
        _AtLeastZero,
        Meta(description="an asset is due when its last answer is older (days)"),
    ] = 1.0
    batch_rows: Annotated[
        _Count, Meta(description="small assets share a transaction up to this number of rows")
    ] = 5000
    batch_seconds: Annotated[
        _AtLeastZero,
        Meta(description="longest time that an answer waits to share a transaction"),
    ] = 0.5
    writers: Annotated[_Count, Meta(description="connections that write at once")] = 2
    bytes_in_flight: Annotated[
        _Count, Meta(description="decoded bytes that may wait to be written")
    ] = 33_554_432
    answer_cap: Annotated[
        _Count, Meta(description="largest accepted answer, decompressed (bytes)")
    ] = 33_554_432
    attempts: Annotated[
        _Count, Meta(description="requests per asset and run before it is left due")
    ] = 4
    backoff_seconds: Annotated[
        _AtLeastZero, Meta(description="base of the jittered wait between attempts")
    ] = 0.5
    connect_seconds: Annotated[
        _AboveZero, Meta(description="deadline for a connection to the vendor")
    ] = 10.0
    answer_seconds: Annotated[_AboveZero, Meta(description="deadline for a complete answer")] = 60.0
    reserve: Annotated[
        _Fraction, Meta(description="share of the day's calls that workers leave to other commands")
    ] = 0.05
    audit_share: Annotated[
        _Fraction,
        Meta(
            description="share of the day's calls for the audit, which reads histories again if"
            " calls are left over"
        ),
    ] = 0.02
    audit_days: Annotated[
        _Days, Meta(description="a history read as a whole in the last N days needs no audit")
    ] = 7
    breaker_seconds: Annotated[
        _AboveZero, Meta(description="first pause when the vendor fails repeatedly")
    ] = 30.0
    poll_seconds: Annotated[
        _AboveZero, Meta(description="how often an idle worker checks for due assets")
    ] = 15.0
    lease_seconds: Annotated[
        _AboveZero, Meta(description="how long a claim holds without being renewed")
    ] = 30.0
    reread_days: Annotated[
        _Days, Meta(description="days before the cursor that are read again")
    ] = 10
    list_days: Annotated[
        _AtLeastZero,
        Meta(description="days until an update reads a symbol list again; 0: after every session"),
    ] = 7.0
    max_shrink: Annotated[
        _AtLeastZero, Meta(description="share of a symbol list that may disappear at once")
    ] = 0.2
    grace_seconds: Annotated[
        _AtLeastZero, Meta(description="time to drain after SIGTERM or SIGINT")
    ] = 25.0
    log_format: Annotated[str, Meta(description="logs on stderr as text or json")] = "text"
    log_level: Annotated[str, Meta(description="debug, info, warning or error")] = "warning"
    token: Secret | None = None

    @property
    def home(self) -> Path:
        """The folder for the embedded database, logs and exports."""
        if self.nexus_home:
            return Path(self.nexus_home)
        return platformdirs.user_data_path("data-nexus")

    def require_token(self) -> Secret:
        """Return the token, or raise `UsageError` that names the remedy."""
        if self.token is None:
            raise UsageError(
                "no EODHD key: set EODHD_API_KEY, or EODHD_API_KEY_FILE to a file that only you"
                " can read; without a key, try `nexus demo`"
            )
        return self.token


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set: its field in `Settings`, variable, type, default and meaning."""

    field: str
    variable: str
    type: Any
    default: object
    meaning: str

    @property
    def key(self) -> str:
        """The name in `nexus.toml` and of a command-line value."""
        return self.variable.removeprefix("NEXUS_").lower()


def _rows() -> Iterator[Setting]:
    types = get_type_hints(Settings, include_extras=True)
    for each in fields(Settings):
        marks = [mark for mark in get_args(types[each.name]) if isinstance(mark, Meta)]
        for meaning in (mark.description for mark in marks if mark.description):
            prefix = "" if each.name in _NAMED_AS_VARIABLE else "NEXUS_"
            variable = f"{prefix}{each.name}".upper()
            yield Setting(each.name, variable, types[each.name], each.default, meaning)


SETTINGS = tuple(_rows())
TOKEN_VARIABLES = ("EODHD_API_KEY", "EODHD_API_KEY_FILE")


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Read all settings; raise `UsageError` for a value that does not fit.

    `overrides` are command-line values by key; None there means *not given*.
    """
    environ = os.environ if environ is None else environ
    given = _given(overrides, environ, folder)
    values = {s.field: _convert(s, *given[s.key]) for s in SETTINGS if s.key in given}
    settings = Settings(**values, token=_read_token(environ))
    _check_vendor_root(settings.eodhd_base_url)
    return settings


def setting_sources(
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> dict[str, str]:
    """Return by field where `load_settings` takes the value of each setting from."""
    given = _given(overrides, os.environ if environ is None else environ, folder)
    return {s.field: given.get(s.key, (None, "default"))[1] for s in SETTINGS}


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


@cache
def _spellings(token: str) -> re.Pattern[str]:
    """Return what finds a token: as it is, percent-encoded or escaped anywhere, in base64."""
    plain = "".join(
        f"(?:{re.escape(c)}|{''.join(f'(?i:%(?:25)*{byte:02x})' for byte in c.encode())}"
        rf"|\\u(?i:{ord(c):04x}))"
        for c in token
    )
    longer = {form for form in _encoded_forms(token) if len(form) >= 8}
    return re.compile("|".join([plain, *map(re.escape, sorted(longer, key=len, reverse=True))]))


def _encoded_forms(token: str) -> set[str]:
    """Return what base64 of any text with the token in it shows of the token."""
    raw = token.encode()
    # Inside a longer text base64 has three alignments; the first and last characters of each
    # depend on the neighbours and are left out.
    return {
        base64.b64encode(b"\0" * shift + raw).decode()[4 if shift else 0 : -4] for shift in range(3)
    }


@cache
def _spellings_in_bytes(token: str) -> tuple[list[bytes], re.Pattern[bytes]]:
    """Return the forms of a token that can be searched for as they are, and what finds all."""
    plain = [token.encode(), *(form.encode() for form in _encoded_forms(token))]
    return plain, re.compile(_spellings(token).pattern.encode())


def _given(
    overrides: Mapping[str, Any] | None, environ: Mapping[str, str], folder: Path | None
) -> dict[str, tuple[object, str]]:
    """Return by key each value that some source gives, from the first that does, and the source."""
    found = _read_files(folder or Path.cwd(), environ)
    for setting in SETTINGS:
        if (value := (overrides or {}).get(setting.key)) is not None:
            found[setting.key] = (value, "command line")
        elif text := environ.get(setting.variable):
            found[setting.key] = (text, "environment")
    return found


def _convert(setting: Setting, value: object, source: str) -> Any:  # noqa: ANN401
    try:
        return msgspec.convert(value, setting.type, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"{setting.variable} ({source}): {error}") from None


def _read_files(folder: Path, environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    home = environ.get("NEXUS_HOME") or str(platformdirs.user_data_path("data-nexus"))
    found: dict[str, tuple[object, str]] = {}
    known = {setting.key for setting in SETTINGS}
    for path in (Path(home) / "nexus.toml", folder / "nexus.toml"):
        if not path.is_file():
            continue
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:  # the last: nested too deeply
            raise UsageError(f"{path}: {error}") from None
        if unknown := sorted(set(values) - known):
            raise UsageError(f"{path}: unknown setting {unknown[0]!r}; `nexus config` lists all")
        found |= {key: (value, str(path)) for key, value in values.items()}
    return found


def _read_token(environ: Mapping[str, str]) -> Secret | None:
    if value := environ.get("EODHD_API_KEY", "").strip():
        return Secret(value)
    name = environ.get("EODHD_API_KEY_FILE")
    if not name:
        return None
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116
        value = Path(name).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"EODHD_API_KEY_FILE: {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"EODHD_API_KEY_FILE: {name} is not UTF-8 text") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"EODHD_API_KEY_FILE: others can read {name}; run: chmod 600 {name}")
    if not value:
        raise UsageError(f"EODHD_API_KEY_FILE: {name} is empty")
    return Secret(value)


def _check_vendor_root(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_reachable = parts.port != 0 and bool(parts.hostname)
    except ValueError:
        is_reachable = False
    if is_reachable and parts.scheme == "https":
        return
    if is_reachable and parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS:
        return
    raise UsageError("EODHD_BASE_URL must be https, or plain http on a loopback host")
