"""The address of an object store, and what delta-rs is told of it."""

from __future__ import annotations

import pytest

from data_nexus.errors import UsageError
from data_nexus.research.snapshots.storage.address import address_of

OWN = {"AWS_ENDPOINT_URL": "http://env:9000/", "AWS_ACCESS_KEY_ID": "ENV"}


def test_keys_are_decoded_and_shown_by_neither_name_nor_repr() -> None:
    found = address_of("s3://K%3AEY:s%2Fe%40c+r%3Ft@bucket/deep/my%20lake/?region=r", {})
    assert (found.access_key, found.secret_key) == ("K:EY", "s/e@c+r?t")
    assert (found.bucket, found.prefix, found.name) == (
        "bucket",
        "deep/my lake",
        "s3://bucket/deep/my lake",
    )
    assert "s/e@c+r?t" not in repr(found)
    assert found.without_keys("key K:EY: no s/e@c+r?t") == "key …: no …"


@pytest.mark.parametrize(
    ("options", "environment", "endpoint", "scheme"),
    [
        ("", {}, None, "https"),
        ("", OWN, "env:9000", "http"),
        ("", OWN | {"AWS_ENDPOINT_URL_S3": "https://narrower"}, "narrower", "https"),
        ("?endpoint_override=own:9000", OWN, "own:9000", "https"),
        ("?endpoint_override=own:9000&scheme=http", {}, "own:9000", "http"),
        ("?endpoint_override=http%3A%2F%2Fown%3A9000", {}, "own:9000", "http"),
    ],
)
def test_the_address_names_the_endpoint_before_the_environment(
    options: str, environment: dict[str, str], endpoint: str | None, scheme: str
) -> None:
    found = address_of(f"s3://bucket/lake{options}", environment)
    assert (found.endpoint, found.scheme) == (endpoint, scheme)


def test_delta_rs_is_told_what_it_would_not_find_itself() -> None:
    keyed = address_of("s3://KEY:SECRET@bucket/lake?endpoint_override=own:1&scheme=http", {})
    assert keyed.delta_options("r") == {
        "AWS_REGION": "r",
        "AWS_ENDPOINT_URL": "http://own:1",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "KEY",
        "AWS_SECRET_ACCESS_KEY": "SECRET",
    }
    by_file = address_of("s3://bucket/lake?endpoint_override=own:1", {})
    forced = {"AWS_FORCE_CREDENTIAL_LOAD": "true"}
    own = {"AWS_REGION": "r", "AWS_ENDPOINT_URL": "https://own:1"}
    assert by_file.delta_options("r") == own | forced
    assert address_of("s3://bucket/lake", {}).delta_options("r") == {"AWS_REGION": "r"}


@pytest.mark.parametrize("target", ["s3://bucket/x?a=b", "s3://bucket/x?scheme=ftp", "s3://b/#"])
def test_what_we_do_not_know_is_refused(target: str) -> None:
    with pytest.raises(UsageError):
        address_of(target, {})
