"""A database URL leads where it says, and no piece of a password becomes a host or a name."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from data_nexus.database.connection import conninfo
from data_nexus.errors import UsageError


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:can/ary@db/nexus",
        "postgresql://me:5432/ary@db/nexus",
        "postgresql://me:can@ary@db/nexus",
        "postgresql://me:can ary@db:port/nexus",
        "postgresql://me:can%ary@db/nexus",
        "mysql://me:canary@db/nexus",
    ],
)
def test_a_url_in_which_a_password_may_be_split_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UsageError, match="DATABASE_URL") as refused:
        conninfo(url)
    assert not any(piece in str(refused.value) for piece in ("can/", "ary", "can@"))


@pytest.mark.parametrize(
    ("url", "host", "hostaddr"),
    [
        ("postgresql://me:pw@db:5433/nexus", "db", ""),
        ("postgresql://me@a:5433,b:5434/nexus", "a,b", ""),
        ("postgresql://nexus@/nexus?host=%2Frun%2Fx&port=5432", "/run/x", ""),
        ("postgresql://me@db/nexus?hostaddr=10.0.0.1", "db", "10.0.0.1"),
        ("postgresql:///nexus", None, None),
    ],
)
def test_a_url_that_names_a_host_leads_to_it(
    url: str, host: str | None, hostaddr: str | None
) -> None:
    parts = conninfo_to_dict(conninfo(url))
    assert (parts.get("host"), parts.get("hostaddr")) == (host, hostaddr)
    assert parts["client_encoding"] == "UTF8"


@pytest.mark.parametrize("schema", ["Foo", '"foo"', "foo -c x=y", "fo\\o"])
def test_a_schema_that_is_no_plain_name_reaches_no_options(schema: str) -> None:
    with pytest.raises(UsageError, match="NEXUS_SCHEMA"):
        conninfo("postgresql://me@db/nexus", schema)
