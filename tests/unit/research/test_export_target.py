"""An export's files appear whole or not at all, and nothing of anybody else's is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from data_nexus.errors import UsageError
from data_nexus.research.exports.target import ExportFolder, one_file, whole_file


def names(folder: Path) -> set[str]:
    """The files below a folder, those that an export keeps for itself aside."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return found - {"nexus-export.json", "nexus-export.files"}


def export(
    folder: Path, *files: str, text: str = "new", force: bool = False, form: str = "csv"
) -> None:
    """Export files of one text."""
    target = ExportFolder(folder, form, force=force)
    for name in files:
        with target.file(*name.split("/")) as path:
            path.write_text(text)
    target.finish({"assets": len(files)})


def test_a_file_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "bars.csv"
    place.write_text("old")

    def fail() -> None:
        with whole_file(place) as path:
            path.write_text("half")
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        fail()
    assert place.read_text() == "old"
    assert names(tmp_path) == {"bars.csv"}


def test_what_an_earlier_export_wrote_is_replaced_and_what_it_alone_wrote_goes(
    tmp_path: Path,
) -> None:
    export(tmp_path, "assets.csv", "bars/A.csv", "bars/B.csv", text="old")
    (tmp_path / "notes.txt").write_text("mine")
    export(tmp_path, "assets.csv", "bars/B.csv", "bars/C.csv")
    assert names(tmp_path) == {"assets.csv", "bars/B.csv", "bars/C.csv", "notes.txt"}
    assert (tmp_path / "bars/B.csv").read_text() == "new"


@pytest.mark.parametrize("stranger", ["notes.txt", ".hidden"])
def test_a_folder_of_something_else_is_refused_with_the_remedy(
    tmp_path: Path, stranger: str
) -> None:
    (tmp_path / stranger).write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        ExportFolder(tmp_path, "csv")
    assert names(tmp_path) == {stranger}


def test_a_folder_of_another_format_is_refused(tmp_path: Path) -> None:
    export(tmp_path, "assets.csv")
    with pytest.raises(UsageError, match="not a qlib export"):
        ExportFolder(tmp_path, "qlib")


def test_what_was_forced_among_other_files_removes_none_of_them_later(tmp_path: Path) -> None:
    export(tmp_path, "assets.csv")
    ExportFolder(tmp_path, "qlib", force=True)  # and cut before its end
    export(tmp_path, "calendars/day.txt", form="qlib")
    assert names(tmp_path) == {"assets.csv", "calendars/day.txt"}


def test_what_a_tool_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    export(tmp_path, "bars/A.csv")
    aside = tmp_path / f".{'0' * 32}.partial" / "data"
    aside.mkdir(parents=True)
    (aside / "x.parquet").write_text("half")
    (tmp_path / ".mine.partial").write_text("mine")
    export(tmp_path, "bars/A.csv")
    assert names(tmp_path) == {"bars/A.csv", ".mine.partial"}


def test_force_writes_among_other_files_and_removes_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    export(tmp_path, "bars/A.csv", force=True)
    assert names(tmp_path) == {"notes.txt", "bars/A.csv"}


def test_pipes_among_the_records_of_an_export_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "nexus-export.json")
    with pytest.raises(UsageError, match="holds files that are not a csv export"):
        ExportFolder(tmp_path, "csv")
    ExportFolder(tmp_path, "csv", force=True).finish({})
    os.mkfifo(tmp_path / "nexus-export.files")
    with pytest.raises(UsageError, match="not a regular file"):
        ExportFolder(tmp_path, "csv")


def test_a_file_cannot_be_a_folder_nor_a_folder_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        ExportFolder(tmp_path / "file", "csv", force=True)
    with pytest.raises(UsageError, match="is a folder"):
        one_file(tmp_path, force=True)


def test_a_file_that_is_there_is_replaced_by_force_only(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        one_file(tmp_path / "bars.csv", force=False)
    assert one_file(tmp_path / "bars.csv", force=True) == tmp_path / "bars.csv"


@pytest.mark.parametrize(("first", "second"), [("A.csv", "a.csv"), ("a.csv", "A.csv")])
def test_a_name_is_written_once_also_where_case_is_ignored(
    first: str, second: str, tmp_path: Path
) -> None:
    target = ExportFolder(tmp_path, "csv")
    with target.file("bars", first) as path:
        path.write_text("first")
    with pytest.raises(UsageError, match="two assets"):
        target.reserve("bars", second)
    assert (tmp_path / "bars" / first).read_text() == "first"


@pytest.mark.parametrize(
    "parts", [("..", "x"), ("/etc/x",), ("a/b",), ("",), (), (".x",), ("a\0b",)]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="not file names"):
        ExportFolder(tmp_path, "csv").reserve(*parts)


def test_a_list_of_files_that_leads_out_of_the_folder_removes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    export(folder, "bars/A.csv")
    (tmp_path / "mine.csv").write_text("mine")
    (folder / "nexus-export.files").write_text("../mine.csv\nbars/A.csv\n")
    export(folder, "bars/B.csv")
    assert names(tmp_path) == {
        "mine.csv",
        "out/bars/B.csv",
        "out/nexus-export.json",
        "out/nexus-export.files",
    }


def test_a_kill_leaves_no_half_file_and_the_next_export_clears_up(tmp_path: Path) -> None:
    export(tmp_path, "bars/A.csv", "bars/B.csv", text="old")
    program = f"""
        import sys, time
        from pathlib import Path
        from data_nexus.research.exports.target import ExportFolder
        target = ExportFolder(Path({str(tmp_path)!r}), "csv")
        with target.file("bars", "C.csv") as path:
            path.write_text("new")
        with target.file("bars", "B.csv") as path:
            path.write_text("half")
            print("writing", flush=True)
            time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "writing\n"
        running.send_signal(signal.SIGKILL)
    whole = {
        name: (tmp_path / name).read_text() for name in ("bars/A.csv", "bars/B.csv", "bars/C.csv")
    }
    assert whole == {"bars/A.csv": "old", "bars/B.csv": "old", "bars/C.csv": "new"}
    assert '"is_complete": false' in (tmp_path / "nexus-export.json").read_text()
    export(tmp_path, "bars/D.csv")
    assert names(tmp_path) == {"bars/D.csv"}
    assert '"is_complete": true' in (tmp_path / "nexus-export.json").read_text()
