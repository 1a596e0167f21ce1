"""The doctor names what is wrong, with its remedy, whatever it is; and it never ends badly."""

from __future__ import annotations

import psycopg
import pytest

from data_nexus.config import Secret
from data_nexus.database.queries import token_id
from tests.support.programs.commands import Commands
from tests.support.programs.doctor import ACCOUNT, marks, the, with_environment
from tests.support.vendor.canary import disguises
from tests.support.vendor.sandbox import TOKEN, Sandbox, sandbox
from tests.support.vendor.tls import connect_proxy
from tests.system.conftest import Placed


def test_where_all_is_well_every_line_says_so_and_one_free_request_was_sent(
    commands: Commands, vendor: Sandbox
) -> None:
    begun = len(vendor.log())
    done = commands.run("doctor", "--json")
    # The server of the tests gives up what only a power cut can take.
    assert {name for name, mark in marks(done).items() if mark != "ok"} == {"server settings"}
    assert (done.code, done.answer["errors"], done.answer["warnings"]) == (0, 0, 1)
    assert "fsync" in the("server settings", done)[1]
    assert {*marks(done)} >= {"settings", "network", "key", "plan", "calls", "database", "tables"}
    assert {*marks(done)} >= {"disk", "clock and vendor", "clock and database", "home"}
    assert [each["endpoint"] for each in vendor.log()[begun:]] == ["user"]
    assert the("calls", done)[1].startswith(
        "100,000 left of 100,000 a day; 1,000 requests a minute"
    )
    assert the("plan", done)[1].startswith("paid")
    shown = commands.run("doctor")
    assert shown.code == 0
    assert shown.stdout.splitlines()[-1] == "0 errors, 1 warning"
    for said in (done.stdout, shown.stdout, shown.stderr):
        assert disguises(said.encode(), TOKEN) == []


def test_a_wrong_key_is_named_and_not_shown(commands: Commands) -> None:
    key = "0123456789abcd.98765432"
    done = with_environment(commands, EODHD_API_KEY=key).run("doctor", "--json")
    assert done.code == 3
    mark, seen, remedy = the("key", done)
    assert (mark, seen) == ("error", "the vendor refuses it (401)")
    assert "EODHD_API_KEY" in remedy
    assert (marks(done)["network"], marks(done)["plan"]) == ("ok", "warning")
    assert disguises(done.stdout.encode(), key) == []


def test_without_a_key_nothing_is_sent_and_the_rest_is_checked(
    commands: Commands, vendor: Sandbox
) -> None:
    begun = len(vendor.log())
    done = with_environment(commands, EODHD_API_KEY="").run("doctor", "--json")
    assert (done.code, the("key", done)[:2]) == (3, ("error", "none is set"))
    assert "nexus demo" in the("key", done)[2]
    assert (marks(done)["network"], marks(done)["tables"]) == ("warning", "ok")
    assert len(vendor.log()) == begun


def test_a_key_file_that_others_can_read_is_named_and_the_rest_is_checked(
    commands: Commands,
) -> None:
    path = commands.folder / "key"
    path.write_text(TOKEN)
    path.chmod(0o644)
    open_file = with_environment(commands, EODHD_API_KEY="", EODHD_API_KEY_FILE=str(path))
    done = open_file.run("doctor", "--json")
    assert (done.code, the("key", done)[0]) == (3, "error")
    assert the("key", done)[2] == f"run: chmod 600 {path}"
    assert (marks(done)["key file"], marks(done)["tables"]) == ("warning", "ok")
    path.chmod(0o600)
    done = open_file.run("doctor", "--json")
    assert (done.code, marks(done)["key"], marks(done)["key file"]) == (0, "ok", "ok")
    assert disguises(done.stdout.encode(), TOKEN) == []


def test_a_free_plan_is_named_with_what_it_lacks(commands_for: Placed) -> None:
    with sandbox(symbols=3, bars_per_symbol=20, clean=True, plan="free") as vendor:
        done = commands_for(vendor).run("doctor", "--json")
    assert done.code == 0
    mark, seen, remedy = the("plan", done)
    assert (mark, seen.partition(":")[0]) == ("warning", "free")
    assert "no bulk" in seen
    assert "paid plan" in remedy
    assert the("calls", done)[1].startswith("520 left of 20 a day and 500 extra")


def test_what_the_vendor_has_refused_lately_is_named_with_its_exchanges(
    commands: Commands, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.cursor().executemany(
            "INSERT INTO refusals (token_id, exchange, endpoint, refused_at)"
            " VALUES (%s, %s, %s, now() - %s * interval '1 day')",
            [
                (token_id(Secret(TOKEN)), "US", "eod-bulk-last-day", 1),
                (token_id(Secret(TOKEN)), "LSE", "eod-bulk-last-day", 2),
                (token_id(Secret(TOKEN)), "US", "div", 30),
                ("of another key", "US", "splits", 1),
            ],
        )
    done = commands.run("doctor", "--json")
    mark, seen, _ = the("refusals", done)
    assert (done.code, mark) == (0, "warning")
    assert seen == "the plan does not include eod-bulk-last-day for LSE, US"


def test_a_day_that_is_used_up_is_named(commands_for: Placed) -> None:
    with sandbox(symbols=3, bars_per_symbol=20, clean=True, daily_limit=1) as vendor:
        vendor.ask("/exchanges-list", fmt="json")
        done = commands_for(vendor).run("doctor", "--json")
    assert (done.code, the("calls", done)[0]) == (3, "error")
    assert "0 left of 1 a day" in the("calls", done)[1]
    assert "00:00 UTC" in the("calls", done)[2]


@pytest.mark.parametrize(
    ("root", "cause"),
    [
        ("https://vendor.invalid/api", "the host's name is not known"),
        ("http://127.0.0.1:1/api", "the host refuses it or cannot be reached"),
    ],
)
def test_without_a_network_that_is_the_error_and_the_rest_is_checked(
    commands: Commands, root: str, cause: str
) -> None:
    done = with_environment(commands, EODHD_BASE_URL=root).run("doctor", "--json")
    mark, seen, remedy = the("network", done)
    assert (done.code, mark) == (3, "error")
    assert cause in seen
    assert "EODHD_BASE_URL" in remedy
    assert (marks(done)["key"], marks(done)["tables"]) == ("warning", "ok")


def test_a_proxy_that_refuses_is_named_without_its_password(commands: Commands) -> None:
    with connect_proxy(0, "403 Forbidden") as proxy:
        named = f"127.0.0.1:{proxy.port}"
        behind = with_environment(
            commands,
            EODHD_BASE_URL="https://vendor.invalid/api",
            HTTPS_PROXY=f"http://{ACCOUNT}@{named}",
        )
        done = behind.run("doctor", "--json")
    mark, seen, remedy = the("network", done)
    assert (done.code, mark) == (3, "error")
    assert f"the proxy {named} (HTTPS_PROXY) refuses the way to the vendor (403)" in seen
    assert remedy == "is it allowed there?"
    assert "hidden" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variable", "text"),
    [("HTTPS_PROXY", "nonsense"), ("SSL_CERT_FILE", "/missing.pem")],
)
def test_a_proxy_or_certificates_that_cannot_be_used_are_named(
    commands: Commands, variable: str, text: str
) -> None:
    given = {"EODHD_BASE_URL": "https://vendor.invalid/api", variable: text}
    done = with_environment(commands, **given).run("doctor", "--json")
    assert (done.code, the("network", done)[0]) == (3, "error")
    assert variable in the("network", done)[1]
