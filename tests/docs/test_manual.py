"""The manual page says what the commands are, and a formatter has nothing to say against it."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.support.source import ROOT
from tools.manual import FILE, page
from tools.reference import pages


def test_make_docs_would_not_change_the_manual_page() -> None:
    assert FILE.read_text(encoding="ascii") == page()


def test_the_manual_page_has_every_command_and_setting() -> None:
    text = page().replace(r"\-", "-")
    commands = re.findall(r"^## `(.*)`$", pages()["commands.md"], flags=re.MULTILINE)
    settings = re.findall(r"^\| `([A-Z_]+)`", pages()["settings.md"], flags=re.MULTILINE)
    assert len(commands) > 50
    assert len(settings) > 20
    assert [name for name in commands if f".SS {name} " not in text] == []
    assert [name for name in settings if f".B {name}\n" not in text] == []


def test_groff_formats_the_manual_page_without_a_warning() -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not on this machine")
    done = subprocess.run(
        [groff, "-man", "-ww", "-Tutf8", FILE], cwd=ROOT, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"nexus" in done.stdout
