"""The doctor names what is wrong, with its remedy, whatever it is; and it never ends badly."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from data_nexus.app.doctor import Diagnosis, Instruments, LineMark, examine
from data_nexus.config import Secret
from data_nexus.database.embedded import remove
from data_nexus.database.queries import token_id
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute
from tests.support.programs.commands import Commands, Finished, commands_at
from tests.support.vendor.canary import disguises
from tests.support.vendor.sandbox import TOKEN, Sandbox, sandbox
from tests.support.vendor.tls import connect_proxy
from tests.system.conftest import Placed

MB, GB = 1 << 20, 1 << 30


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=3, bars_per_symbol=20, clean=True) as running:
        yield running


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed) -> Commands:
    return commands_for(vendor)


def with_environment(commands: Commands, **environ: str) -> Commands:
    """The same commands with other variables; an empty one is not set."""
    given = {**commands.environment, **environ}
    return replace(commands, environment={name: text for name, text in given.items() if text})


def marks(done: Finished) -> dict[str, str]:
    return {line["name"]: line["mark"] for line in done.answer["lines"]}


def the(name: str, done: Finished) -> tuple[str, str, str]:
    """LineMark, what was seen, and remedy of the one line with a name."""
    ((mark, seen, remedy),) = [
        (line["mark"], line["seen"], line["remedy"])
        for line in done.answer["lines"]
        if line["name"] == name
    ]
    return mark, seen, remedy


def examined(
    commands: Commands, instruments: Instruments, monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, Diagnosis]:
    """The lines by name, as measured by other instruments."""
    for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(commands.folder)
    found = examine({}, commands.environment, instruments)
    return {line.name: line for line in found.lines}


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


@pytest.mark.parametrize(
    ("apart", "mark"),
    [(timedelta(seconds=30), "ok"), (timedelta(minutes=10), "warning"), (timedelta(2), "error")],
)
def test_a_clock_that_is_wrong_is_named(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, apart: timedelta, mark: str
) -> None:
    wrong_clock = Instruments(clock=lambda: datetime.now(UTC) - apart)
    lines = examined(commands, wrong_clock, monkeypatch)
    for name in ("clock and vendor", "clock and database"):
        assert (lines[name].mark, "timedatectl" in lines[name].remedy) == (mark, mark != "ok")


@pytest.mark.parametrize(("free", "mark"), [(100 * GB, "ok"), (GB, "warning"), (100 * MB, "error")])
def test_a_disk_that_is_nearly_full_is_named(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, free: int, mark: str
) -> None:
    lines = examined(commands, Instruments(free=lambda _: free), monkeypatch)
    assert (lines["disk"].mark, lines["disk"].remedy.partition(",")[0]) == (
        mark,
        "" if mark == "ok" else "free space",
    )


def test_the_disk_is_measured_by_what_the_plan_will_need(
    commands: Commands, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ten = Instruments(free=lambda _: 10 * GB)
    assert examined(commands, ten, monkeypatch)["disk"].mark is LineMark.OK
    # 20,000 histories of 5,000 bars of 110 bytes.
    execute(
        database_url,
        "INSERT INTO assets (symbol, exchange)"
        " SELECT 'S' || n, 'US' FROM generate_series(1, 20000) AS n",
    )
    line = examined(commands, ten, monkeypatch)["disk"]
    assert (line.mark, line.seen.startswith("10.0 GB free")) == (LineMark.ERROR, True)
    needed = float(line.seen.rpartition("needs ")[2].removesuffix(" GB"))
    assert 10.2 < needed < 15


def test_a_database_that_only_reads_is_named(commands: Commands, database_url: str) -> None:
    execute(
        database_url,
        "DO $$ BEGIN EXECUTE format("
        "'ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$",
    )
    done = commands.run("doctor", "--json")
    assert (done.code, the("tables", done)) == (
        3,
        (
            "error",
            "the database is read-only",
            "DATABASE_URL must name the primary server",
        ),
    )


def test_a_missing_right_is_named_with_what_to_run(
    cluster: Cluster, vendor: Sandbox, tmp_path: Path
) -> None:
    with cluster.fresh_database() as url:
        execute(
            url,
            "DROP ROLE IF EXISTS doctors_reader",
            "CREATE ROLE doctors_reader LOGIN",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO doctors_reader",
        )
        commands = commands_at(tmp_path, vendor, url.replace("//nexus@", "//doctors_reader@"))
        done = commands.run("doctor", "--json")
        execute(url, "DROP OWNED BY doctors_reader", "DROP ROLE doctors_reader")
    mark, seen, remedy = the("tables", done)
    assert (done.code, mark) == (3, "error")
    assert seen == "the role doctors_reader may not write to the database"
    assert "GRANT INSERT, UPDATE, DELETE ON public.assets TO doctors_reader" in remedy


def test_a_server_that_is_not_there_is_named_without_its_password(commands: Commands) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://{ACCOUNT}@127.0.0.1:{closed.getsockname()[1]}/name"
        done = with_environment(commands, DATABASE_URL=url).run("doctor", "--json")
    mark, seen, remedy = the("database", done)
    assert (done.code, mark) == (3, "error")
    assert seen.startswith("PostgreSQL: connection")
    assert "DATABASE_URL" in remedy
    assert "hidden" not in done.stdout + done.stderr


def test_a_setting_that_does_not_fit_is_the_line_that_comes_before_the_rest(
    commands: Commands,
) -> None:
    done = commands.run("doctor", "--json", concurrency="many")
    assert (done.code, marks(done)) == (3, {"settings": "error", "the rest": "warning"})
    assert "NEXUS_CONCURRENCY" in the("settings", done)[1]


def test_an_embedded_database_is_examined_and_none_is_made_for_it(
    vendor: Sandbox, tmp_path: Path
) -> None:
    commands = commands_at(tmp_path, vendor)
    done = commands.run("doctor", "--json")
    assert done.code == 0
    assert "to be made" in the("database", done)[1]
    assert not (tmp_path / "nexus" / "postgres").exists()
    assert commands.run("db", "url").code == 0
    done = commands.run("doctor", "--json")
    # The server is there, its tables come with the first command that needs them.
    assert (done.code, marks(done)["database"], marks(done)["tables"]) == (0, "ok", "warning")
    assert commands.run("db", "upgrade").code == 0
    done = commands.run("doctor", "--json")
    assert (done.code, {*marks(done).values()}) == (0, {"ok"})
    assert commands.run("doctor").stdout.splitlines()[-1] == "All is well."
    assert "(embedded)" in the("database", done)[1]
    remove(tmp_path / "nexus")


def test_a_bug_in_a_check_is_a_line_that_shows_nothing_of_the_error(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> int:
        raise RuntimeError(TOKEN)

    lines = examined(commands, Instruments(free=broken), monkeypatch)
    assert lines["disk"].seen == "the check itself failed (RuntimeError)"
    assert "report it" in lines["disk"].remedy
    assert lines["clock and database"].mark is LineMark.OK


def test_what_others_may_write_or_read_is_named(commands: Commands) -> None:
    home = Path(commands.environment["NEXUS_HOME"])
    home.chmod(0o777)
    done = commands.run("doctor", "--json")
    assert the("home", done) == (
        "warning",
        f"all users can write to {home}",
        f"run: chmod o-w {home}",
    )
    home.chmod(0o755)
    (home / "nexus.toml").write_text("")
    (commands.folder / "nexus.toml").write_text("look_back = 2\n")
    done = commands.run("doctor", "--json")
    assert (done.code, marks(done)["settings"]) == (3, "error")
    assert "nexus config --trust" in the("settings", done)[2]
