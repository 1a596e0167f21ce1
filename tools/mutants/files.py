"""Mistakes in files: snapshots on disk, exports to tools, the embedded server's lock files."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_FOLDER = "src/data_nexus/research/snapshots/storage/folder.py"
_WRITE = "src/data_nexus/research/snapshots/write.py"
_DURABILITY = "tests/system/snapshots/test_lake_durability.py"
_ORDER = f"{_DURABILITY}::test_each_file_is_on_the_disk_before_its_name_and_all_names_before_the_manifest"
_EMBEDDED = "tests/contract/embedded/test_embedded.py"
_LEAN = "tests/contract/exports/test_export_lean.py"
_TOOLS = "tests/contract/exports/test_export_tools.py"

MUTANTS = (
    Mutant(
        name="a file of a snapshot is written in place",
        file=_FOLDER,
        before="            draft.replace(file)\n",
        after="            file.write_bytes(draft.read_bytes())\n            draft.unlink()\n",
        harm="an export that is killed leaves half a manifest, and the snapshot is lost",
        tests=(_ORDER,),
        circumstances=2,
    ),
    Mutant(
        name="a file has its name before it is on the disk",
        file=_FOLDER,
        before="                os.fsync(sink.fileno())\n",
        after="",
        harm="a power cut leaves files of zeros under their final names",
        tests=(_ORDER,),
        circumstances=2,
    ),
    Mutant(
        name="the manifest is there before its files",
        file=_WRITE,
        before="        storage.sync()\n        replaced = commit_delta",
        after="        replaced = commit_delta",
        harm="after a power cut the manifest names files that are not there",
        tests=(_ORDER,),
        circumstances=2,
    ),
    Mutant(
        name="a snapshot's moment is the client's clock",
        file=_WRITE,
        before="            moment, last_bar = begin_snapshot(connection)\n",
        after="            moment, last_bar = datetime.now().astimezone(), begin_snapshot(connection)[1]\n",
        harm="a snapshot made by a machine whose clock is wrong is of another day",
        tests=(f"{_DURABILITY}::test_the_moment_of_a_snapshot_is_that_of_its_transaction",),
        circumstances=2,
    ),
    Mutant(
        name="an ex-date right behind the first exported bar is lost",
        file="src/data_nexus/research/exports/lean.py",
        before="    for at in steps[steps >= first][::-1]:",
        after="    for at in steps[steps > first][::-1]:",
        harm="LEAN shows a price before a split as if there had been none",
        tests=(f"{_LEAN}::test_an_ex_date_right_behind_the_first_exported_bar_is_a_line",),
        circumstances=2,
    ),
    Mutant(
        name="a dividend on the first exported day is exported",
        file="src/data_nexus/research/exports/zipline.py",
        before="        if held[0] < dividend.date <= held[1]",
        after="        if held[0] <= dividend.date <= held[1]",
        harm="zipline looks for the close before the first bar, and ends with an error",
        tests=(f"{_TOOLS}::test_a_dividend_on_the_first_exported_day_changes_no_exported_price",),
        circumstances=2,
    ),
    Mutant(
        name="a server that is being stopped is taken for a running one",
        file="src/data_nexus/database/embedded/cluster.py",
        before='    if _state(directory) == "stopping":\n        stop(directory)\n',
        after=(
            '    if _state(directory) == "stopping" and (found := socket_folder(directory)):\n'
            "        return url_of(found)\n"
        ),
        harm="a command that starts while the server stops finds no database",
        tests=(f"{_EMBEDDED}::test_a_server_that_is_being_stopped_is_replaced",),
        circumstances=2,
    ),
    Mutant(
        name="a lock on a deleted file counts",
        file="src/data_nexus/database/embedded/locks.py",
        before="            if path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor)):",
        after="            if descriptor:",
        harm="two commands hold the only lock, and one deletes the server of the other",
        tests=(f"{_EMBEDDED}::test_a_lock_file_that_is_deleted_meanwhile_is_made_anew",),
        circumstances=2,
    ),
)
