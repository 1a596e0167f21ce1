"""What is built from the tree is whole, and whoever installs it sees its types."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from flit_core.wheel import make_wheel_in

from tests.support.source import PACKAGE, ROOT, files

CALLER = """\
import data_nexus as nexus

reveal_type(nexus.connect)
nexus.lake(1)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the tree, built without a network."""
    built = make_wheel_in(ROOT / "pyproject.toml", tmp_path_factory.mktemp("dist"))
    path: Path = built.file
    return path


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    ours = {path.removeprefix("src/") for path in files(PACKAGE) if "__pycache__" not in path}
    assert {"data_nexus/py.typed", "data_nexus/database/reader/bars.sql"} <= ours
    assert "data_nexus/cli/start/scripts/nexus.fish" in ours
    assert any("migrations/versions/" in path for path in ours)
    held = {*zipfile.ZipFile(wheel).namelist()}
    assert ours - held == set()
    assert [path for path in held if path.endswith(".data/data/share/man/man1/nexus.1")]


def test_mypy_sees_the_types_of_the_installed_package(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    (site_packages,) = tmp_path.glob("venv/lib/python3*/site-packages")
    zipfile.ZipFile(wheel).extractall(site_packages)
    caller = tmp_path / "caller.py"
    caller.write_text(CALLER, encoding="utf-8")
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--no-incremental", "--config-file", ""),
            *("--python-executable", tmp_path / "venv" / "bin" / "python", caller),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'Revealed type is "def (url: str | None' in checked.stdout, (
        checked.stdout + checked.stderr
    )
    assert '"lake" has incompatible type "int"; expected "str"' in checked.stdout
    assert "Found 1 error" in checked.stdout
