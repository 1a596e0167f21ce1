"""Define the settings: what can be set, its bounds, its default and what it means.

`SETTINGS`, derived from the fields of `Settings`, is the table that the parser, `nexus config` and
the reference page read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import platformdirs
from msgspec import Meta

from data_nexus.config.addresses import without_password, without_path
from data_nexus.config.secret import Secret
from data_nexus.errors import UsageError

# Each has an upper bound, too: a slip of the hand must not fill the memory or wait for ever.
_Tasks = Annotated[int, Meta(ge=1, le=256)]
_Count = Annotated[int, Meta(ge=1, le=100_000_000)]
_Bytes = Annotated[int, Meta(ge=1, le=2**40)]
_Days = Annotated[int, Meta(ge=0, le=36_500)]
_Fraction = Annotated[float, Meta(ge=0, lt=1)]
_AtLeastZero = Annotated[float, Meta(ge=0, le=10_000_000)]
_SomeDays = Annotated[float, Meta(ge=0, le=36_500)]
_AboveZero = Annotated[float, Meta(gt=0, le=10_000_000)]
# Fields that have the name of their variable; every other variable is NEXUS_ and the field.
_NAMED_AS_VARIABLE = frozenset({"database_url", "eodhd_base_url", "nexus_home"})
# Addresses whose path is a password; each may be the path of a file that holds it.
SECRET_ADDRESSES = ("alert_webhook", "alert_slack", "alive_url")
# How fast and how visibly a command works. All others choose where the key goes, what is believed,
# deleted or spent; so does a new setting, unless it is listed here.
_HARMLESS = frozenset(
    {"log_format", "log_level", "concurrency", "batch_rows", "batch_seconds", "writers"}
    | {"poll_seconds", "grace_seconds"}
)


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
    backup_folder: Annotated[
        str | None, Meta(description="folder of the backups; unset: backups in NEXUS_HOME")
    ] = None
    backup_keep: Annotated[
        _Tasks, Meta(description="so many backups are kept, and those that they need")
    ] = 7
    schema: Annotated[str, Meta(description="PostgreSQL schema that holds the tables")] = "public"
    concurrency: Annotated[_Tasks, Meta(description="requests in flight at once")] = 5
    days_old: Annotated[
        _SomeDays,
        Meta(description="to a backfill an asset is due when its last answer is older (days)"),
    ] = 1.0
    batch_rows: Annotated[
        _Count, Meta(description="small assets share a transaction up to this number of rows")
    ] = 5000
    batch_seconds: Annotated[
        _AtLeastZero,
        Meta(description="longest time that an answer waits to share a transaction"),
    ] = 0.5
    writers: Annotated[_Tasks, Meta(description="connections that write at once")] = 2
    bytes_in_flight: Annotated[
        _Bytes, Meta(description="decoded bytes that may wait to be written")
    ] = 33_554_432
    answer_cap: Annotated[
        _Bytes, Meta(description="largest accepted answer, decompressed (bytes)")
    ] = 33_554_432
    attempts: Annotated[
        _Tasks, Meta(description="requests per asset and run before it is left due")
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
    late_seconds: Annotated[
        _AboveZero,
        Meta(description="after how long a worker requests again what the vendor did not have yet"),
    ] = 3600.0
    lease_seconds: Annotated[
        _AboveZero, Meta(description="how long a claim holds without being renewed")
    ] = 30.0
    reread_days: Annotated[
        _Days, Meta(description="days before the cursor that are read again")
    ] = 10
    look_back: Annotated[
        int,
        Meta(
            ge=0,
            le=5,
            description="sessions before the newest whose splits and dividends an update in bulk"
            " fetches again",
        ),
    ] = 1
    list_days: Annotated[
        _SomeDays,
        Meta(description="days until an update reads a symbol list again; 0: after every session"),
    ] = 7.0
    signed_prices: Annotated[
        str,
        Meta(
            description="more assets whose prices may be zero or negative: exchanges, types and"
            " symbols, as in `NYM, US:Note, TICK.INDX`"
        ),
    ] = ""
    max_shrink: Annotated[
        _AtLeastZero, Meta(description="share of a symbol list that may disappear at once")
    ] = 0.2
    grace_seconds: Annotated[
        _AtLeastZero, Meta(description="time to drain after SIGTERM or SIGINT")
    ] = 25.0
    metrics_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65_535,
            description="port on which a worker answers /metrics, /health and /ready; 0: none",
        ),
    ] = 0
    metrics_host: Annotated[
        str,
        Meta(description="address on which it does; any but this machine's own shows it to others"),
    ] = "127.0.0.1"
    http_address: Annotated[
        str, Meta(description="address at which the dashboard listens; a public one needs a login")
    ] = "127.0.0.1"
    http_port: Annotated[
        int, Meta(ge=0, le=65_535, description="its port; 0: any that is free")
    ] = 8640
    http_hosts: Annotated[
        str,
        Meta(
            description="more names by which browsers may call it, with commas, as in"
            " `nexus.example.org`; others are refused"
        ),
    ] = ""
    dashboard_password_file: Annotated[
        str | None,
        Meta(
            description="a file with the dashboard's password, readable by you alone; unset: no"
            " login, and pages that only show"
        ),
    ] = None
    alert_webhook: Annotated[
        str | None,
        Meta(description="URL that gets alerts as JSON, or the path of a file with it"),
    ] = None
    alert_slack: Annotated[
        str | None,
        Meta(description="URL of Slack, or of what takes the same; or the path of a file with it"),
    ] = None
    alert_apprise: Annotated[
        str | None,
        Meta(description="path of a file with URLs of apprise, one a line; needs the extra alerts"),
    ] = None
    alert_email: Annotated[
        str, Meta(description="addresses that get alerts by e-mail, with commas")
    ] = ""
    alert_email_from: Annotated[str, Meta(description="address from which they come")] = ""
    alert_smtp: Annotated[
        str,
        Meta(description="mail server as host:port; TLS but on loopback, at once on 465"),
    ] = "localhost:25"
    alert_smtp_user: Annotated[str, Meta(description="user at the mail server")] = ""
    alert_smtp_password: Annotated[
        str | None, Meta(description="path of a file with the password at the mail server")
    ] = None
    alive_url: Annotated[
        str | None,
        Meta(
            description="URL that a daemon requests each minute as long as all goes round;"
            " or the path of a file with it"
        ),
    ] = None
    alert_patience: Annotated[
        str,
        Meta(
            description="how long what may last before it is an alert, as in `down 5m, late 2h`;"
            " else down and job-failed 10m, late 6h"
        ),
    ] = ""
    alert_fresh_by: Annotated[
        str,
        Meta(description="hour by which all is fresh, like `08:30 Europe/Berlin`; or off"),
    ] = "12:00"
    alert_behind_share: Annotated[
        _Fraction, Meta(description="share of an exchange's assets that may be behind at that hour")
    ] = 0.01
    alert_disk_free: Annotated[
        _Fraction, Meta(description="share of the home's disk that must be free")
    ] = 0.05
    log_format: Annotated[str, Meta(description="logs on stderr as text or json")] = "text"
    log_level: Annotated[str, Meta(description="debug, info, warning or error")] = "warning"
    token: Secret | None = None

    @property
    def home(self) -> Path:
        """The folder for the embedded database, logs and exports."""
        if self.nexus_home:
            return Path(self.nexus_home)
        return platformdirs.user_data_path("data-nexus")

    @property
    def backups(self) -> Path:
        """The folder of the backups."""
        return Path(self.backup_folder) if self.backup_folder else self.home / "backups"

    def require_token(self) -> Secret:
        """Return the token, or raise `UsageError` that names the remedy."""
        if self.token is None:
            raise UsageError(
                "no EODHD key: set EODHD_API_KEY, or EODHD_API_KEY_FILE to a file that only you"
                " can read; without a key, try `nexus demo`"
            )
        return self.token

    def shareable(self) -> Settings:
        """Return them as they may be shown: without what is secret in an address."""
        hidden: dict[str, Any] = {
            name: without_path(getattr(self, name)) for name in SECRET_ADDRESSES
        }
        return replace(self, database_url=without_password(self.database_url), **hidden)


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

    @property
    def is_guarded(self) -> bool:
        """Whether it says where the key or the data go, what is believed, deleted or spent.

        The working folder's `nexus.toml` may set it only once a person has allowed that file.
        """
        return self.field not in _HARMLESS


def _rows() -> Iterator[Setting]:
    types = get_type_hints(Settings, include_extras=True)
    for each in fields(Settings):
        marks = [mark for mark in get_args(types[each.name]) if isinstance(mark, Meta)]
        for meaning in (mark.description for mark in marks if mark.description):
            prefix = "" if each.name in _NAMED_AS_VARIABLE else "NEXUS_"
            variable = f"{prefix}{each.name}".upper()
            yield Setting(each.name, variable, types[each.name], each.default, meaning)


SETTINGS = tuple(_rows())
