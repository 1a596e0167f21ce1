"""Every package that runs has a licence that is known and fits ours, and the list is current."""

from __future__ import annotations

from email.message import Message

import pytest

from tests.support.source import read
from tools.licences import ARGUED, PAGE, PERMISSIVE, licence_of, page, pins, rows, rows_of


def test_the_page_is_what_the_packages_say() -> None:
    assert PAGE.read_text("utf-8") == page()


def test_every_pin_has_its_row() -> None:
    listed = [row.pin for row in rows_of(PAGE.read_text("utf-8"))]
    assert listed == pins(read("requirements.txt"))
    assert len(listed) > 30


def test_every_licence_is_known_and_fits_ours() -> None:
    odd = {row.pin.name: row.licence for row in rows() if row.parts - PERMISSIVE - ARGUED.keys()}
    assert odd == {}


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License-Expression": "GPL-3.0-only"}, "GPL-3.0-only"),
        ({"License": "GPLv3"}, ""),
        ({"Classifier": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"}, ""),
        ({"License": "MIT"}, "MIT"),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT"),
        ({}, ""),
    ],
)
def test_a_licence_that_nobody_knows_is_no_licence(fields: dict[str, str], licence: str) -> None:
    metadata = Message()
    for name, text in fields.items():
        metadata[name] = text
    assert licence_of(metadata) == licence
