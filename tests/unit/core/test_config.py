"""Settings come from the command line, the environment, a file or a default, in this order."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import assert_type, get_type_hints

import pytest

from data_nexus.config import (
    SETTINGS,
    Secret,
    Settings,
    load_settings,
    setting_sources,
    without_password,
)
from data_nexus.errors import UsageError

# One value for each setting that no default has, as text and as read.
OTHER: dict[str, tuple[str, object]] = {
    "DATABASE_URL": ("postgresql://nexus@localhost/nexus", "postgresql://nexus@localhost/nexus"),
    "EODHD_BASE_URL": ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080/api"),
    "NEXUS_HOME": ("/srv/nexus", "/srv/nexus"),
    "NEXUS_BACKUP_FOLDER": ("/mnt/kept", "/mnt/kept"),
    "NEXUS_BACKUP_KEEP": ("3", 3),
    "NEXUS_SCHEMA": ("market", "market"),
    "NEXUS_CONCURRENCY": ("9", 9),
    "NEXUS_DAYS_OLD": ("0.5", 0.5),
    "NEXUS_BATCH_ROWS": ("100", 100),
    "NEXUS_BATCH_SECONDS": ("2", 2.0),
    "NEXUS_WRITERS": ("3", 3),
    "NEXUS_BYTES_IN_FLIGHT": ("1000", 1000),
    "NEXUS_ANSWER_CAP": ("2000", 2000),
    "NEXUS_ATTEMPTS": ("1", 1),
    "NEXUS_BACKOFF_SECONDS": ("0.25", 0.25),
    "NEXUS_CONNECT_SECONDS": ("1", 1.0),
    "NEXUS_ANSWER_SECONDS": ("30", 30.0),
    "NEXUS_RESERVE": ("0.1", 0.1),
    "NEXUS_AUDIT_SHARE": ("0.03", 0.03),
    "NEXUS_AUDIT_DAYS": ("14", 14),
    "NEXUS_BREAKER_SECONDS": ("5", 5.0),
    "NEXUS_POLL_SECONDS": ("2", 2.0),
    "NEXUS_LATE_SECONDS": ("60", 60.0),
    "NEXUS_LEASE_SECONDS": ("15", 15.0),
    "NEXUS_REREAD_DAYS": ("3", 3),
    "NEXUS_LOOK_BACK": ("3", 3),
    "NEXUS_LIST_DAYS": ("3.5", 3.5),
    "NEXUS_SIGNED_PRICES": ("NYM, US:Note", "NYM, US:Note"),
    "NEXUS_MAX_SHRINK": ("0.5", 0.5),
    "NEXUS_GRACE_SECONDS": ("5", 5.0),
    "NEXUS_METRICS_PORT": ("9477", 9477),
    "NEXUS_METRICS_HOST": ("10.0.0.7", "10.0.0.7"),
    "NEXUS_HTTP_ADDRESS": ("::1", "::1"),
    "NEXUS_HTTP_PORT": ("8080", 8080),
    "NEXUS_HTTP_HOSTS": ("nexus.example.org", "nexus.example.org"),
    "NEXUS_DASHBOARD_PASSWORD_FILE": ("/srv/word", "/srv/word"),
    "NEXUS_ALERT_WEBHOOK": ("https://a.example.org/b", "https://a.example.org/b"),
    "NEXUS_ALERT_SLACK": ("/srv/slack", "/srv/slack"),
    "NEXUS_ALERT_APPRISE": ("/srv/services", "/srv/services"),
    "NEXUS_ALERT_EMAIL": ("me@example.org", "me@example.org"),
    "NEXUS_ALERT_EMAIL_FROM": ("nexus@example.org", "nexus@example.org"),
    "NEXUS_ALERT_SMTP": ("mail.example.org:587", "mail.example.org:587"),
    "NEXUS_ALERT_SMTP_USER": ("nexus", "nexus"),
    "NEXUS_ALERT_SMTP_PASSWORD": ("/srv/word", "/srv/word"),
    "NEXUS_ALIVE_URL": ("http://localhost/alive", "http://localhost/alive"),
    "NEXUS_ALERT_PATIENCE": ("down 5m", "down 5m"),
    "NEXUS_ALERT_FRESH_BY": ("08:30 Europe/Berlin", "08:30 Europe/Berlin"),
    "NEXUS_ALERT_BEHIND_SHARE": ("0.1", 0.1),
    "NEXUS_ALERT_DISK_FREE": ("0.2", 0.2),
    "NEXUS_LOG_FORMAT": ("json", "json"),
    "NEXUS_LOG_LEVEL": ("debug", "debug"),
}
NUMERIC = [s.variable for s in SETTINGS if isinstance(s.default, int | float)]


def load(folder: Path, **environ: str) -> Settings:
    """The settings of a command in the folder, with that environment and a home of its own."""
    return load_settings(environ={"NEXUS_HOME": str(folder / "home")} | environ, folder=folder)


def concurrency(
    folder: Path, environ: dict[str, str], given: dict[str, int | None] | None = None
) -> tuple[object, str]:
    """The setting's value and where it came from."""
    settings = load_settings(given, environ, folder)
    return settings.concurrency, setting_sources(given, environ, folder)["concurrency"]


def write_file(folder: Path, text: str) -> Path:
    """The folder's `nexus.toml` with the text."""
    folder.mkdir(exist_ok=True)
    path = folder / "nexus.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_setting_is_tried_out_here() -> None:
    assert [setting.variable for setting in SETTINGS] == list(OTHER)


def test_the_first_of_five_places_that_has_a_value_gives_it(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "folder"
    environ = {"NEXUS_HOME": str(home)}
    assert concurrency(folder, environ) == (5, "default")

    in_home = write_file(home, "concurrency = 6")
    assert concurrency(folder, environ) == (6, str(in_home))

    in_folder = write_file(folder, "concurrency = 7")
    assert concurrency(folder, environ) == (7, str(in_folder))

    environ |= {"NEXUS_CONCURRENCY": "8"}
    assert concurrency(folder, environ) == (8, "environment")
    assert concurrency(folder, environ, {"concurrency": 9}) == (9, "command line")


@pytest.mark.parametrize("variable", OTHER)
def test_every_setting_is_read_from_the_environment(tmp_path: Path, variable: str) -> None:
    text, value = OTHER[variable]
    [field] = [setting.field for setting in SETTINGS if setting.variable == variable]
    read = getattr(load(tmp_path, **{variable: text}), field)
    assert (read, type(read)) == (value, type(value))
    assert setting_sources(environ={variable: text}, folder=tmp_path)[field] == "environment"


def test_what_is_not_given_is_not_set(tmp_path: Path) -> None:
    environ = {"NEXUS_HOME": str(tmp_path), "NEXUS_CONCURRENCY": ""}
    assert concurrency(tmp_path, environ, {"concurrency": None}) == (5, "default")


def test_settings_are_read_by_attribute_and_nothing_else_is_there(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.batch_rows, settings.home) == (5000, tmp_path / "home")
    assert not hasattr(settings, "batch_row")


def test_the_type_checker_sees_the_type_of_each_setting() -> None:
    types = get_type_hints(Settings)
    assert {setting.field for setting in SETTINGS} == types.keys() - {"token"}
    assert set(types.values()) == {int, float, str, str | None, Secret | None}
    assert [name for name in vars(Settings) if name in {"__getattr__", "__getattribute__"}] == []
    assert_type(Settings().batch_rows, int)


def test_settings_do_not_change_and_show_no_password(tmp_path: Path) -> None:
    settings = load(tmp_path, DATABASE_URL="postgresql://me:canary@db/nexus")
    with pytest.raises(FrozenInstanceError):
        settings.batch_rows = 1  # type: ignore[misc]
    assert "canary" not in f"{settings!r} {settings}"


def test_without_a_home_the_platform_s_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert load_settings(environ={}, folder=tmp_path).home.is_relative_to(tmp_path)


def test_a_command_may_replace_values_of_its_own(tmp_path: Path) -> None:
    settings = load(tmp_path, EODHD_API_KEY="k" * 20)
    replaced = replace(settings, concurrency=1)
    assert replaced.concurrency == 1
    assert (replaced.batch_rows, replaced.token) == (settings.batch_rows, settings.token)
    assert settings.concurrency == 5


@pytest.mark.parametrize("variable", NUMERIC)
@pytest.mark.parametrize("text", ["many", "1,5", "0x10", "1_000", "--1"])
def test_a_value_of_the_wrong_type_is_refused_with_its_place(
    tmp_path: Path, variable: str, text: str
) -> None:
    with pytest.raises(UsageError, match=f"^{variable} \\(environment\\): "):
        load(tmp_path, **{variable: text})


@pytest.mark.parametrize("variable", NUMERIC)
def test_a_slip_of_the_hand_is_beyond_the_bounds(tmp_path: Path, variable: str) -> None:
    with pytest.raises(UsageError, match=f"^{variable} \\(environment\\): "):
        load(tmp_path, **{variable: "5000000000000"})


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("NEXUS_CONCURRENCY", "0"),
        ("NEXUS_CONCURRENCY", "-1"),
        ("NEXUS_WRITERS", "0"),
        ("NEXUS_ATTEMPTS", "0"),
        ("NEXUS_BATCH_SECONDS", "-1"),
        ("NEXUS_ANSWER_SECONDS", "-1"),
        ("NEXUS_RESERVE", "-0.1"),
        ("NEXUS_RESERVE", "1"),
        ("NEXUS_BREAKER_SECONDS", "0"),
        ("NEXUS_POLL_SECONDS", "0"),
        ("NEXUS_LEASE_SECONDS", "0"),
        ("NEXUS_DAYS_OLD", "nan"),
        ("NEXUS_REREAD_DAYS", "-1"),
    ],
)
def test_a_value_that_no_run_could_work_with_is_refused(
    tmp_path: Path, variable: str, text: str
) -> None:
    with pytest.raises(UsageError, match=variable):
        load(tmp_path, **{variable: text})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('concurrency = "many"', "NEXUS_CONCURRENCY .*nexus.toml"),
        ("concurrency = 2.5", "NEXUS_CONCURRENCY .*nexus.toml"),
        ("concurrency = [1]", "NEXUS_CONCURRENCY .*nexus.toml"),
        ("log_format = 1", "NEXUS_LOG_FORMAT .*nexus.toml"),
        ("concurency = 5", "nexus.toml: unknown setting 'concurency'; `nexus config` lists all"),
        ('eodhd_api_key = "canary"', "nexus.toml: unknown setting 'eodhd_api_key'"),
        ("concurrency = ", "nexus.toml: "),
        (f"concurrency = {'[' * 5000}", "nexus.toml: maximum recursion depth"),
        ("[nexus]\nconcurrency = 5", "nexus.toml: unknown setting 'nexus'"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_name(
    tmp_path: Path, text: str, reason: str
) -> None:
    write_file(tmp_path, text)
    with pytest.raises(UsageError, match=reason) as caught:
        load(tmp_path)
    assert "canary" not in str(caught.value)


def test_a_file_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nexus.toml").write_bytes(b'log_format = "\xff"')
    with pytest.raises(UsageError, match=r"nexus.toml"):
        load(tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "https://eodhd.com/api",
        "HTTPS://eodhd.com/api/",
        "https://vendor.example:8443/api",
        "http://127.0.0.1:8080/api",
        "http://localhost:8080",
        "http://LOCALHOST",
        "http://[::1]:8080/api",
    ],
)
def test_the_vendor_is_reached_by_https_or_on_this_machine(tmp_path: Path, url: str) -> None:
    settings = load(tmp_path, EODHD_BASE_URL=url)
    assert settings.eodhd_base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://eodhd.com/api",
        "http://nonsecure.eodhd.com",
        "http://169.254.169.254/latest",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://localhost.example/api",
        "http://127.0.0.1.example/api",
        "http://127.0.0.1@example.com/api",
        "http://example.com#@127.0.0.1",
        "http://example.com/?127.0.0.1",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "https://",
        "https:eodhd.com",
        "//eodhd.com/api",
        "eodhd.com",
        "http://[::1",
        "https://eodhd.com:99999/api",
        "https://eodhd.com:port/api",
    ],
)
def test_any_other_root_is_refused_before_a_token_goes_out(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="EODHD_BASE_URL"):
        load(tmp_path, EODHD_BASE_URL=url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (None, None),
        ("postgresql:///nexus", "postgresql:///nexus"),
        ("postgresql://me@db:5432/nexus", "postgresql://me@db:5432/nexus"),
        ("postgresql://me:canary@db:5432/nexus", "postgresql://me:***@db:5432/nexus"),
        ("postgresql://me:can%40ary@db/nexus", "postgresql://me:***@db/nexus"),
        (
            "postgresql://db:canary@db/db?sslmode=require",
            "postgresql://db:***@db/db?sslmode=require",
        ),
        ("postgresql://me:canary@[::1]:5432/nexus", "postgresql://me:***@[::1]:5432/nexus"),
        ("postgresql://me:canary@a,b:5433/nexus", "postgresql://me:***@a,b:5433/nexus"),
    ],
)
def test_a_database_url_is_shown_without_its_password(url: str | None, shown: str | None) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:can#ary@db/nexus",
        "postgresql://me:can?ary@db/nexus",
        "postgresql://me:can@ary@db/nexus",
        "postgresql://me:can:ary@db/nexus",
        "postgresql://me@db/nexus?password=canary",
        "postgresql://me@db/nexus?sslmode=require&password=can%61ry&x=1",
        "postgresql://me@db/nexus?sslpassword=canary",
        "postgresql://me:canary@[::1/nexus",
        "host=db password=canary",
    ],
)
def test_wherever_a_password_stands_it_is_not_shown(url: str) -> None:
    shown = without_password(url) or ""
    assert not any(piece in shown for piece in ("can", "ary"))
