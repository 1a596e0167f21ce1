"""Parse the address of a prefix in an object store: keys, bucket, prefix, endpoint. Pure.

    s3://KEY:SECRET@bucket/prefix?endpoint_override=host:port&scheme=http&region=eu-central-1

Two libraries reach the store, pyarrow and delta-rs. Both get their settings from here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from data_nexus.errors import UsageError

_KEYS = re.compile(r"(?P<access>[^:@/?#]+):(?P<secret>[^:@/?#]+)@(?P<rest>[^@]*)")
_OPTIONS = ("region", "endpoint_override", "scheme")
# The variables in which the tools of object stores take an endpoint, the narrower one first.
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


@dataclass(frozen=True, slots=True)
class Address:
    """A prefix in an object store.

    What is None is taken from where the tools of such stores look: the environment, `~/.aws`.
    """

    bucket: str
    prefix: str
    region: str | None = None
    endpoint: str | None = None
    scheme: str = "https"
    # Whether the keys are in ~/.aws, where delta-rs by default looks for Amazon's endpoint only.
    is_keyless: bool = False
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The address as it is shown: without keys and options."""
        return f"s3://{self.bucket}/{self.prefix}"

    def without_keys(self, text: str) -> str:
        """Return a text with its keys left out."""
        for key in (self.secret_key, self.access_key):
            text = text.replace(key, "…") if key else text
        return text

    def delta_options(self, region: str) -> dict[str, str]:
        """Return what delta-rs needs beside the address; the region is known by now."""
        options = {
            "AWS_REGION": region,
            "AWS_ENDPOINT_URL": self.endpoint and f"{self.scheme}://{self.endpoint}",
            "AWS_ALLOW_HTTP": "true" if self.endpoint and self.scheme == "http" else None,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_FORCE_CREDENTIAL_LOAD": "true" if self.is_keyless else None,
        }
        return {name: each for name, each in options.items() if each}


def address_of(target: str, environment: Mapping[str, str]) -> Address:
    """Return what `s3://…` means; the endpoint may be in the environment instead.

    Raises `UsageError` for a whole bucket, an unknown option and keys with a character that ends
    them. No error shows what could be a key.
    """
    rest = target.removeprefix("s3://")
    keys = _KEYS.fullmatch(rest)
    if not keys and re.match(r"[^/?#]*[:@]", rest):
        raise UsageError(
            "write keys before the bucket, s3://KEY:SECRET@bucket/prefix, with / ? # : @ in them,"
            " and @ after them, encoded as %2F %3F %23 %3A %40"
        )
    path, _, query = (keys["rest"] if keys else rest).partition("?")
    bucket, _, prefix = path.partition("/")
    if not bucket or re.search(r"[\s#]", path):
        raise UsageError(f"s3://{path}: name s3://bucket/prefix, with # and space as %23 and %20")
    if not prefix.strip("/"):
        raise UsageError(f"s3://{path} is a whole bucket; name a prefix: s3://{bucket}/lake")
    given = _options(query)
    scheme, endpoint = _endpoint(given, environment)
    return Address(
        bucket,
        unquote(prefix).strip("/"),
        given.get("region"),
        endpoint,
        scheme,
        is_keyless=bool(endpoint and not keys and "AWS_ACCESS_KEY_ID" not in environment),
        access_key=unquote(keys["access"]) if keys else None,
        secret_key=unquote(keys["secret"]) if keys else None,
    )


def _options(query: str) -> dict[str, str]:
    given = dict(parse_qsl(query))
    if given.keys() - set(_OPTIONS):
        raise UsageError(f"after the ? of s3://bucket/prefix only {', '.join(_OPTIONS)} are known")
    return given


def _endpoint(given: Mapping[str, str], environment: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the scheme of the store, and its host and port; None for Amazon's own."""
    named = (given.get("endpoint_override"), *(environment.get(name) for name in _ENDPOINTS))
    chosen = next((each for each in named if each), "")
    scheme, separator, host = chosen.rpartition("://")
    scheme = given.get("scheme") or (scheme if separator else "https")
    if scheme not in ("http", "https"):
        raise UsageError("the scheme of an endpoint is http or https")
    return scheme, host.rstrip("/") or None
