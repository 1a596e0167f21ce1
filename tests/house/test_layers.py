"""House law 9: the rooms import downwards only, and each contract is shown to bite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.source import PACKAGE, ROOT


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Judge the package below `root` by the project's contracts."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_house_keeps_its_contracts() -> None:
    verdict = lint_imports(ROOT)
    assert verdict.returncode == 0, verdict.stdout


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("domain/reaches_up.py", "import data_nexus.database"),
        ("eodhd/reaches_across.py", "import data_nexus.database"),
        ("utils.py", ""),
        ("domain/talks.py", "import aiohttp"),
        ("sandbox/peeks.py", "import data_nexus.eodhd"),
        ("ingestion/cheats.py", "import data_nexus.sandbox"),
    ],
)
def test_a_planted_breach_is_found(tmp_path: Path, module: str, code: str) -> None:
    shutil.copytree(ROOT / PACKAGE, tmp_path / PACKAGE)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / PACKAGE / module).write_text(code, encoding="utf-8")
    verdict = lint_imports(tmp_path)
    assert verdict.returncode == 1, verdict.stdout
    assert f"data_nexus.{module.removesuffix('.py').replace('/', '.')}" in verdict.stdout
