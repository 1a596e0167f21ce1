"""`nexus plot` draws what is stored: as a file of each kind, and as text."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import struct
import subprocess
import sys
import termios
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psycopg
import pytest

import data_nexus as nexus
from data_nexus.cli.main import nexus as command
from data_nexus.cli.main import run
from data_nexus.errors import UsageError
from tests.support.files.browser import document_of
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import rows, value
from tests.support.programs.commands import Commands, Finished, commands_at
from tests.support.vendor.sandbox import sandbox

Plot = Callable[..., Finished]

SYMBOLS = ("AAPL.US", "MSFT.US")
HOSTILE = "A</script><script>document.title=1</script><img src=x>\x1b[2J"
MISSING = 3
SPLIT = """
    INSERT INTO splits (asset_id, date, numerator, denominator)
    SELECT id, %s, 4, 1 FROM assets WHERE symbol = 'AAPL'
"""
DIVIDEND = """
    INSERT INTO dividends (asset_id, date, value, unadjusted_value, currency)
    SELECT id, %s, 0.06, 0.24, 'USD' FROM assets WHERE symbol = 'AAPL'
"""
HOLE = """
    DELETE FROM market_data
    WHERE date = %s AND asset_id = (SELECT id FROM assets WHERE symbol = 'AAPL')
"""
READ = "UPDATE assets SET actions_wanted_at = NULL, actions_read_at = now()"
BARS = "SELECT date, close, adjusted_close FROM bars WHERE ticker = 'AAPL.US' ORDER BY date"
PNG_HEADER = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def desk(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Commands on 300 bars of two assets: three sessions missing, one split, one dividend."""
    options = {"symbols": 4, "bars_per_symbol": 300, "clean": True, "minute_limit": 1_000_000}
    with cluster.fresh_database() as url, sandbox(**options) as vendor:  # type: ignore[arg-type]
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
        assert commands.run("discover").code == 0
        assert commands.run("backfill", "--symbols", ",".join(SYMBOLS)).code == 0
        dates = [row[0] for row in rows(url, BARS)]
        with psycopg.connect(url) as connection:
            for statement, day in (
                ("DELETE FROM splits WHERE date > %s", dates[0]),
                ("DELETE FROM dividends WHERE date > %s", dates[0]),
                (SPLIT, dates[270]),
                (DIVIDEND, dates[230]),
                *((HOLE, day) for day in dates[250 : 250 + MISSING]),
            ):
                connection.execute(statement, [day])
            connection.execute("UPDATE assets SET name = %s WHERE symbol = 'AAPL'", [HOSTILE])
            connection.execute(READ)
        yield commands


@pytest.fixture
def url(desk: Commands) -> str:
    return desk.environment["DATABASE_URL"]


@pytest.fixture
def plot(
    desk: Commands, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Plot:
    """The command in this process, which has the libraries loaded already."""
    monkeypatch.chdir(desk.folder)
    monkeypatch.setattr(logging.root, "handlers", [])  # a command sets up its own
    for name, setting in desk.environment.items():
        monkeypatch.setenv(name, setting)

    def run_here(*arguments: str) -> Finished:
        code = run(command, ["plot", *arguments])
        told = capsys.readouterr()
        return Finished(code, told.out, told.err)

    return run_here


@pytest.fixture
def within(url: str) -> tuple[str, ...]:
    """Options for the dates between which all that is odd lies; no bar is missing at their end."""
    dates = [row[0] for row in rows(url, BARS)]
    return ("--from", str(dates[200]), "--to", str(dates[280]))


def text_of(done: Finished) -> str:
    assert (done.code, done.stderr) == (0, "")
    return done.stdout


def test_a_png_is_large_and_not_blank(desk: Commands, tmp_path: Path) -> None:
    out = tmp_path / "chart.png"
    assert str(out) in text_of(desk.run("plot", *SYMBOLS, "--out", str(out)))
    width, height, lines = png_lines(out.read_bytes())
    assert (width > 2000, height > 1200) == (True, True)
    # A line of one colour is nothing but zeros behind its filter and its first pixel.
    drawn = sum(any(line[5:]) for line in lines)
    assert drawn > height / 2


def png_lines(content: bytes) -> tuple[int, int, list[bytes]]:
    """The width, the height and the filtered lines of a PNG of four bytes a pixel."""
    assert content.startswith(PNG_HEADER)
    width, height, depth, kind = struct.unpack(">IIBB", content[16:26])
    assert (depth, kind) == (8, 6)
    packed, at = b"", len(PNG_HEADER)
    while at < len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        packed += content[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    pixels, size = zlib.decompress(packed), width * 4 + 1
    assert len(pixels) == height * size
    return width, height, [pixels[at : at + size] for at in range(0, len(pixels), size)]


def test_an_svg_says_what_is_drawn_and_marks_actions_and_gaps(
    plot: Plot, within: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "chart.SVG"
    text_of(plot("AAPL.US", *within, "--adjust", "splits", "--out", str(out)))
    svg = ET.fromstring(out.read_text(encoding="utf-8"))  # noqa: S314 - our own
    said = {"".join(each.itertext()) for each in svg.iter("{http://www.w3.org/2000/svg}text")}
    text = "\n".join(said)
    assert "daily candles in USD, prices adjusted for splits" in text
    assert re.search(r"\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d, as known at .* UTC", text)
    assert "dashed line: split; diamond: dividend as paid; shaded: 3 sessions without a bar" in text
    assert {"4:1", "0.24", "volume"} <= said
    tags = {each.tag.rpartition("}")[2] for each in svg.iter()}
    assert tags & {"script", "image", "foreignObject"} == set()
    shaded = [each for each in svg.iter() if each.get("fill") == "#e9a23b"]
    # Each once behind the prices and once behind the volumes.
    assert len(shaded) == 2 * MISSING


def test_a_page_is_whole_in_itself_and_takes_a_hostile_name_for_text(
    plot: Plot, within: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "chart.html"
    text_of(plot("AAPL.US", *within, "--out", str(out)))
    text = out.read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*>", text.replace("\n", " "))[0] == (
        '<script type="application/json" id="spec">'
    )
    assert (text.count("<script"), text.count("</script>")) == (3, 3)
    assert re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", text) == []
    assert not any(host in text for host in ("jsdelivr", "unpkg", "cdnjs", "googleapis"))
    spec = json.loads(text.partition('id="spec">')[2].partition("</script>")[0])
    assert "document.title=1" in spec["vconcat"][0]["title"]["text"]
    document = document_of(out, tmp_path / "profile")
    assert "<title>AAPL.US</title>" in document
    # Once what it should draw is drawn: the heading is text of the picture.
    assert "document.title=1" in document.partition("<svg")[2].partition("</svg>")[0]
    assert "<img" not in document.partition("<svg")[2].partition("</svg>")[0]
    assert document.partition("<!--console")[2] == ""


def test_text_through_a_pipe_has_80_columns_and_no_colours(
    plot: Plot, within: tuple[str, ...]
) -> None:
    text = text_of(plot("AAPL.US", *within, "--adjust", "vendor"))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in text
    assert "░ closed up, █ closed down; 3 sessions without a bar" in text
    assert "weekly candles of 81 bars in USD, prices adjusted as the vendor's" in text
    assert re.search(r"^splits: \d{4}-\d\d-\d\d 4:1$", text, re.MULTILINE)
    assert re.search(r"^dividends paid: \d{4}-\d\d-\d\d 0.24$", text, re.MULTILINE)
    assert [line.split()[0] for line in lines if re.match(r" +(split|dividend|gap) ", line)] == [
        *("split", "dividend", "gap")
    ]


def test_a_terminal_gets_colours_and_its_own_width(desk: Commands) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    done = subprocess.run(
        [sys.executable, "-m", "data_nexus", "plot", "AAPL.US"],
        env={**desk.environment, "TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    os.close(theirs)
    text = "".join(iter(lambda: _read(ours), ""))
    os.close(ours)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "\x1b[38;5;" in text
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert 50 < max(map(len, plain.splitlines())) <= 60
    assert "\x1b" not in plain


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError:  # nobody writes any more
        return ""


@pytest.mark.parametrize("adjust", ["raw", "splits", "total", "vendor"])
def test_a_picture_shows_the_bars_of_its_view(url: str, adjust: Any) -> None:  # noqa: ANN401
    with nexus.connect(url) as db:
        spec = db.plot("AAPL.US", adjust=adjust).to_dict()
        bars = db.bars("AAPL.US", adjust=adjust)
    drawn = next(held for held in spec["datasets"].values() if "close" in held[0])
    for name in ("open", "high", "low", "close", "volume"):
        assert [row[name] for row in drawn] == bars[name].to_pylist()
    assert [row["last"] for row in drawn] == [str(day) for day in bars["date"].to_pylist()]


def test_a_comparison_begins_at_100_and_breaks_at_gaps(url: str, within: tuple[str, ...]) -> None:
    first, last = within[1], within[3]
    with nexus.connect(url) as db:
        spec = db.plot([*reversed(SYMBOLS)], first, last, compare=True, log=True).to_dict()
        total = db.bars("MSFT.US", first, last, adjust="total")["close"].to_pylist()
    drawn = next(held for held in spec["datasets"].values() if "symbol" in held[0])
    by_symbol = {name: [r["value"] for r in drawn if r["symbol"] == name] for name in SYMBOLS}
    assert by_symbol["MSFT.US"] == pytest.approx([close / total[0] * 100 for close in total])
    assert (by_symbol["AAPL.US"][0], by_symbol["AAPL.US"].count(None)) == (100, MISSING)
    title = spec["vconcat"][0]["title"]
    assert title["text"] == "MSFT.US, AAPL.US"
    assert "prices adjusted for splits and dividends" in title["subtitle"][0]


def test_a_comparison_in_text_has_a_letter_for_each_symbol(plot: Plot) -> None:
    lines = text_of(plot(*SYMBOLS, "--compare")).splitlines()
    assert lines[0] == "a AAPL.US  b MSFT.US"
    assert max(map(len, lines)) <= 80
    drawn = "".join(line.partition("┤")[2] + line.partition("│")[2] for line in lines)
    assert {"a", "b"} <= set(drawn)


def test_the_figures_of_a_chart_come_as_one_document(
    plot: Plot, within: tuple[str, ...], url: str
) -> None:
    (panel,) = json.loads(text_of(plot("AAPL.US", *within, "--json")))["panels"]
    held = value(
        url,
        "SELECT count(*) FROM bars WHERE ticker = 'AAPL.US' AND date BETWEEN %s AND %s",
        within[1],
        within[3],
    )
    assert (panel["bars"], panel["missing"], panel["first_date"]) == (held, MISSING, within[1])
    assert [(mark["kind"], mark["text"]) for mark in panel["marks"]] == [
        ("dividend", "0.24"),
        ("split", "4:1"),
    ]


def test_nothing_is_known_before_the_first_load(plot: Plot) -> None:
    done = plot("AAPL.US", "--as-of", "2020-01-01")
    assert (done.code, done.stdout) == (2, "")
    assert "AAPL.US has no bar known at 2020-01-01 00:00 UTC" in done.stderr


def test_an_existing_file_is_replaced_at_once_and_left_alone_by_a_failure(
    plot: Plot, tmp_path: Path
) -> None:
    out = tmp_path / "chart.svg"
    out.write_text("old", encoding="utf-8")
    assert plot("NOPE.US", "--out", str(out)).code == 2
    assert out.read_text(encoding="utf-8") == "old"
    before = out.stat().st_ino
    text_of(plot("AAPL.US", "--out", str(out)))
    assert out.read_text(encoding="utf-8").startswith("<svg")
    assert out.stat().st_ino != before
    assert [path.name for path in tmp_path.iterdir()] == ["chart.svg"]


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("AAPL.US", "--out", "chart.gif"), "unknown ending; use one of .png, .svg, .html"),
        (("AAPL.US", "--out", "chart"), "unknown ending; use one of .png, .svg, .html"),
        (
            ("AAPL.US", "--out", "no/such/chart.png"),
            "the folder no/such does not exist; create it first",
        ),
        (("AAPL.US", "--out", "folder.svg"), "cannot be written: Is a directory"),
        (("AAPL.USS",), "AAPL.USS is not in the database"),
        (("AAPL.US", "--from", "1999-01-01", "--to", "1999-12-31"), "has no bar from 1999-01-01"),
        (tuple(f"A{n}.US" for n in range(9)), "not in the database: A0.US, A1.US"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else None,
)
def test_a_mistake_says_what_to_do(
    plot: Plot, desk: Commands, arguments: tuple[str, ...], remedy: str
) -> None:
    (desk.folder / "folder.svg").mkdir(exist_ok=True)
    done = plot(*arguments)
    assert (done.code, done.stdout) == (2, "")
    assert remedy in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not [*desk.folder.glob(".*draft")]


@pytest.mark.parametrize(
    ("library", "arguments"), [("altair", ("--out", "chart.png")), ("plotext", ())]
)
def test_a_library_that_is_not_there_is_named_with_its_remedy(
    desk: Commands, tmp_path: Path, library: str, arguments: tuple[str, ...]
) -> None:
    """As without the extra: the import of the library fails as that of an absent one does."""
    absent = f"raise ModuleNotFoundError('absent', name={library!r})"
    (tmp_path / f"{library}.py").write_text(absent, encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(tmp_path), desk.environment.get("PYTHONPATH"))))
    without = Commands(desk.folder, {**desk.environment, "PYTHONPATH": path})
    done = without.run_process("plot", "AAPL.US", *arguments)
    assert (done.code, done.stdout) == (2, "")
    assert f'needs {library}; run: pip install "data-nexus[plot]"' in done.stderr


def test_a_name_of_a_view_that_is_none_is_refused(url: str) -> None:
    with nexus.connect(url) as db, pytest.raises(UsageError, match="'net' is unknown"):
        db.plot("AAPL.US", adjust="net")  # type: ignore[arg-type]
