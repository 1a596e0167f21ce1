"""Addresses among the settings: which are refused, which proxy is used, what is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_nexus.config import check_certificates, load_settings, vendor_proxy, without_user
from data_nexus.errors import UsageError

ROOT = "https://eodhd.com/api"
PROXY = "http://proxy.example:3128"


def refusal(folder: Path, **environ: str) -> str:
    with pytest.raises(UsageError) as refused:
        load_settings(environ={"NEXUS_HOME": str(folder)} | environ, folder=folder)
    return str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:canary@eodhd.com/api",
        "https://canary@eodhd.com/api",
        r"https://eodhd.com\@canary/api",
        "https://:canary@eodhd.com",
    ],
)
def test_a_password_in_the_vendor_s_root_is_refused_and_not_repeated(
    tmp_path: Path, url: str
) -> None:
    said = refusal(tmp_path, EODHD_BASE_URL=url)
    assert "must not hold a user or a password" in said
    assert "canary" not in said


@pytest.mark.parametrize(
    "url",
    [
        r"https://eodhd.com\api",
        "https://eodhd.com/api?x=1",
        "https://eodhd.com/api#x",
        "https://eodhd.com/a pi",
        "https://eodhd.com/api\n",
        "https://eödhd.com/api",
        "https://eodhd..com/api",
        "https://" + "a" * 64 + ".com/api",
        "https://eodhd.com:0/api",
        " https://eodhd.com/api",
    ],
)
def test_a_root_that_two_readers_could_read_differently_is_refused(
    tmp_path: Path, url: str
) -> None:
    assert refusal(tmp_path, EODHD_BASE_URL=url).startswith("EODHD_BASE_URL must be")


@pytest.mark.parametrize(
    "name", ["Foo", '"foo"', "foo bar", "1st", "pg_mine", "a" * 64, "fo$o", "naïve", "a-b", "a\n"]
)
def test_a_schema_that_postgresql_would_read_otherwise_is_refused(
    tmp_path: Path, name: str
) -> None:
    assert "NEXUS_SCHEMA" in refusal(tmp_path, NEXUS_SCHEMA=name)


@pytest.mark.parametrize("name", ["public", "market_2", "_mine", "a" * 63])
def test_a_plain_schema_is_taken(tmp_path: Path, name: str) -> None:
    environ = {"NEXUS_HOME": str(tmp_path), "NEXUS_SCHEMA": name}
    assert load_settings(environ=environ, folder=tmp_path).schema == name


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY}, PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ({"HTTPS_PROXY": f"{PROXY}/"}, PROXY),
        ({"HTTPS_PROXY": "http://me:pw@[::1]:3128"}, "http://me:pw@[::1]:3128"),
        ({"HTTP_PROXY": PROXY}, None),
        ({"ALL_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "localhost,eodhd.com"}, None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": ".com"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "hd.com, example.com"}, PROXY),
    ],
)
def test_the_proxy_is_that_of_the_environment_for_https(
    environ: dict[str, str], proxy: str | None
) -> None:
    assert vendor_proxy(ROOT, environ) == proxy


def test_no_proxy_is_used_for_plain_http() -> None:
    assert vendor_proxy("http://127.0.0.1:7801/api", {"HTTPS_PROXY": PROXY}) is None


@pytest.mark.parametrize(
    "proxy", ["https://proxy:3128", "socks5://proxy:1080", "http://proxy", "http://u:canary@x:0"]
)
def test_a_proxy_of_another_kind_is_refused_and_not_repeated(proxy: str) -> None:
    with pytest.raises(UsageError, match="HTTPS_PROXY must be http://host:port") as refused:
        vendor_proxy(ROOT, {"HTTPS_PROXY": proxy})
    assert "canary" not in str(refused.value)


def test_a_proxy_is_shown_without_its_user() -> None:
    assert without_user("http://me:p%40w@proxy.example:3128") == "proxy.example:3128"


def test_certificates_that_are_not_there_are_refused_with_the_file_s_name(tmp_path: Path) -> None:
    missing, other = tmp_path / "missing.pem", tmp_path / "other.pem"
    other.write_text("no certificate")
    for file, words in ((missing, "No such file"), (other, "holds no certificates")):
        with pytest.raises(UsageError, match=words) as refused:
            check_certificates(ROOT, {"SSL_CERT_FILE": str(file)})
        assert str(refused.value).startswith(f"SSL_CERT_FILE: {file}")


def test_certificates_do_not_matter_for_plain_http_or_if_none_are_named() -> None:
    check_certificates("http://127.0.0.1:7801/api", {"SSL_CERT_FILE": "/missing"})
    check_certificates(ROOT, {})
    check_certificates(ROOT, {"SSL_CERT_FILE": ""})
