"""Owns the settings: what can be set, from where, and what each one means.

Order of precedence: command line, environment, `nexus.toml` (working folder, then NEXUS_HOME),
default. `SETTINGS` is the one table that the parser, `nexus config` and the docs read.
"""

from __future__ import annotations

import base64
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import platformdirs

from data_nexus.errors import UsageError

_PASSWORD = re.compile(r"((?:ssl)?password=)[^&]*", re.IGNORECASE)
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Secret:
    """A token that shows itself to nobody: `reveal()` is the only way to read it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the token itself; call it only where the request is built."""
        return self._value

    def redact(self, text: str) -> str:
        """Return `text` with the token blotted out, however it is spelled there."""
        return _spellings(self._value).sub("***", text)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set: its variable, type, default and meaning."""

    variable: str
    type: Any
    default: Any
    meaning: str

    @property
    def key(self) -> str:
        """The name in `Settings`, in `nexus.toml` and in `nexus config --json`."""
        return self.variable.removeprefix("NEXUS_").lower()


_Count = Annotated[int, msgspec.Meta(ge=1)]
_Days = Annotated[int, msgspec.Meta(ge=0)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]
_Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
_Deadline = Annotated[float, msgspec.Meta(gt=0)]
SETTINGS = (
    Setting(
        "DATABASE_URL", str | None, None, "any PostgreSQL 15 or newer; unset: the embedded one"
    ),
    Setting("EODHD_BASE_URL", str, "https://eodhd.com/api", "root of the vendor's REST API"),
    Setting("NEXUS_HOME", str | None, None, "folder of the embedded database; unset: user data"),
    Setting("NEXUS_SCHEMA", str, "public", "PostgreSQL schema that holds the tables"),
    Setting("NEXUS_CONCURRENCY", _Count, 5, "requests in flight at once"),
    Setting(
        "NEXUS_DAYS_OLD", _Seconds, 1.0, "an asset is due when its last answer is older (days)"
    ),
    Setting(
        "NEXUS_BATCH_ROWS", _Count, 5000, "small assets share a transaction up to so many rows"
    ),
    Setting("NEXUS_BATCH_SECONDS", _Seconds, 0.5, "the longest that an answer waits for company"),
    Setting("NEXUS_WRITERS", _Count, 2, "connections that write at once"),
    Setting(
        "NEXUS_BYTES_IN_FLIGHT", _Count, 33_554_432, "decoded bytes that may wait to be written"
    ),
    Setting(
        "NEXUS_ANSWER_CAP", _Count, 33_554_432, "largest accepted answer, decompressed (bytes)"
    ),
    Setting("NEXUS_ATTEMPTS", _Count, 4, "requests per asset and run before it is left due"),
    Setting("NEXUS_BACKOFF_SECONDS", _Seconds, 0.5, "base of the jittered wait between attempts"),
    Setting("NEXUS_CONNECT_SECONDS", _Deadline, 10.0, "deadline for a connection to the vendor"),
    Setting("NEXUS_ANSWER_SECONDS", _Deadline, 60.0, "deadline for a complete answer"),
    Setting("NEXUS_RESERVE", _Share, 0.05, "share of the day's calls that workers leave to others"),
    Setting(
        "NEXUS_AUDIT_SHARE",
        _Share,
        0.02,
        "share of the day's calls for the audit: histories read again, if calls are left over",
    ),
    Setting(
        "NEXUS_AUDIT_DAYS", _Days, 7, "a history read again within so many days needs no audit"
    ),
    Setting("NEXUS_BREAKER_SECONDS", _Deadline, 30.0, "first pause when the vendor is in trouble"),
    Setting("NEXUS_POLL_SECONDS", _Deadline, 15.0, "how often an idle worker looks for due assets"),
    Setting("NEXUS_LEASE_SECONDS", _Deadline, 30.0, "how long a claim holds without being renewed"),
    Setting("NEXUS_REREAD_DAYS", _Days, 10, "days before the cursor that are read again"),
    Setting(
        "NEXUS_LIST_DAYS",
        _Seconds,
        7.0,
        "days until an update reads a symbol list again; 0: every night with a session",
    ),
    Setting("NEXUS_MAX_SHRINK", _Seconds, 0.2, "share of a symbol list that may vanish at once"),
    Setting("NEXUS_GRACE_SECONDS", _Seconds, 25.0, "time to drain after SIGTERM or SIGINT"),
    Setting("NEXUS_LOG_FORMAT", str, "text", "logs on stderr as text or json"),
    Setting("NEXUS_LOG_LEVEL", str, "warning", "debug, info, warning or error"),
)
TOKEN_VARIABLES = ("EODHD_API_KEY", "EODHD_API_KEY_FILE")


@dataclass(frozen=True, slots=True)
class Sourced:
    """A setting's value and where it came from."""

    setting: Setting
    value: Any
    source: str


class Settings:
    """All settings of one command, read by attribute (`settings.batch_rows`).

    `token` is None when no key is set; `require_token()` says what to do then.
    """

    def __init__(self, values: Mapping[str, Sourced], token: Secret | None) -> None:
        self._values = values
        self.token = token

    def __getattr__(self, key: str) -> Any:  # noqa: ANN401 - each setting has a type of its own
        try:
            return self._values[key].value
        except KeyError:
            raise AttributeError(key) from None

    @property
    def sourced(self) -> tuple[Sourced, ...]:
        """Every setting with its value and source, in the order of `SETTINGS`."""
        return tuple(self._values.values())

    @property
    def home(self) -> Path:
        """The folder for the embedded database, logs and exports."""
        chosen = self._values["home"].value
        return Path(chosen) if chosen else platformdirs.user_data_path("data-nexus")

    def with_token(self, token: Secret) -> Settings:
        """Return the same settings with another token."""
        return Settings(self._values, token)

    def replaced(self, **values: Any) -> Settings:  # noqa: ANN401
        """Return the same settings with some values replaced, by key."""
        changed = {
            key: Sourced(self._values[key].setting, value, "this command")
            for key, value in values.items()
        }
        return Settings({**self._values, **changed}, self.token)

    def require_token(self) -> Secret:
        """Return the token, or raise `UsageError` that names the ways to go on."""
        if self.token is None:
            raise UsageError(
                "no EODHD key: set EODHD_API_KEY, or EODHD_API_KEY_FILE to a file that only you"
                " can read; without a key, try `nexus demo`"
            )
        return self.token


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Read all settings; raise `UsageError` for a value that does not fit.

    `overrides` are command-line values by key; None there means *not given*.
    """
    environ = os.environ if environ is None else environ
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    file_values = _read_files(folder or Path.cwd(), environ)
    values = {s.key: _resolve(s, given, environ, file_values) for s in SETTINGS}
    _check_vendor_root(values["eodhd_base_url"].value)
    return Settings(values, _read_token(environ))


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
    """Return what finds a token: as it is, percent-encoded in part or whole, in base64."""
    plain = "".join(
        f"(?:{re.escape(c)}|{''.join(f'(?i:%(?:25)*{byte:02x})' for byte in c.encode())})"
        for c in token
    )
    raw = token.encode()
    # Inside a longer text base64 has three alignments; the first and last characters of each
    # depend on the neighbours and are left out.
    in_base64 = {
        base64.b64encode(b"\0" * shift + raw).decode()[4 if shift else 0 : -4] for shift in range(3)
    }
    longer = {form for form in in_base64 if len(form) >= 8}
    return re.compile("|".join([plain, *map(re.escape, sorted(longer, key=len, reverse=True))]))


def _resolve(
    setting: Setting,
    given: Mapping[str, Any],
    environ: Mapping[str, str],
    file_values: Mapping[str, tuple[Any, str]],
) -> Sourced:
    if setting.key in given:
        return Sourced(
            setting, _convert(setting, given[setting.key], "command line"), "command line"
        )
    if environ.get(setting.variable):
        return Sourced(
            setting, _convert(setting, environ[setting.variable], "environment"), "environment"
        )
    if setting.key in file_values:
        value, source = file_values[setting.key]
        return Sourced(setting, _convert(setting, value, source), source)
    return Sourced(setting, setting.default, "default")


def _convert(setting: Setting, value: object, source: str) -> Any:  # noqa: ANN401
    try:
        return msgspec.convert(value, setting.type, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"{setting.variable} ({source}): {error}") from None


def _read_files(folder: Path, environ: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    home = environ.get("NEXUS_HOME") or str(platformdirs.user_data_path("data-nexus"))
    found: dict[str, tuple[Any, str]] = {}
    known = {setting.key for setting in SETTINGS}
    for path in (Path(home) / "nexus.toml", folder / "nexus.toml"):
        if not path.is_file():
            continue
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
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
        raise UsageError(f"EODHD_API_KEY_FILE: {name} holds no text") from None
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
