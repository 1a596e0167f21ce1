"""What is passed on is listed, and what the scan for secrets overlooks is argued."""

from __future__ import annotations

import json

from tests.support.source import read
from tools.licences import pins
from tools.sbom import bill

# Where something that looks like a key is none; in tests all of them are made up.
ARGUED = {
    "docs/how-to/take-a-snapshot.md": "the form of an address, with KEY and SECRET for the keys",
    "src/data_nexus/research/snapshots/storage/address.py": "the same form, in a docstring",
}


def test_the_bill_of_materials_is_the_pins_with_hashes_and_licences() -> None:
    bom = json.loads(bill())
    listed = [(each["name"], each["version"]) for each in bom["components"]]
    pinned = read("requirements.txt")
    assert sorted(listed) == [(pin.name, pin.version) for pin in pins(pinned)]
    hashes = [each["content"] for one in bom["components"] for each in one["hashes"]]
    assert len(hashes) == pinned.count("--hash=sha256:")
    assert all(one["licenses"][0]["expression"] for one in bom["components"])
    assert (bom["bomFormat"], bill()) == ("CycloneDX", bill())


def test_what_looks_like_a_secret_is_a_test_s_or_argued() -> None:
    found = json.loads(read(".secrets.baseline"))["results"]
    assert {path for path in found if not path.startswith("tests/")} == ARGUED.keys()
