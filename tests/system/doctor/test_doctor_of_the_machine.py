"""What `nexus doctor` says of clocks, disk, database and files."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_nexus.app.doctor import Instruments, LineMark
from data_nexus.database.embedded import remove
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.doctor import ACCOUNT, GB, MB, examined, marks, the, with_environment
from tests.support.vendor.sandbox import TOKEN, Sandbox


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
