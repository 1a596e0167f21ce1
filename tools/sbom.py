"""Print what the program runs with as a bill of materials: CycloneDX, in JSON.

    make sbom

The packages, versions and hashes are those that `requirements.txt` pins, the licences those of the
reference page. The same pins give the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from data_nexus import __version__
from tools.licences import ROOT, rows


def bill() -> str:
    """Return the bill of materials."""
    pinned = (ROOT / "requirements.txt").read_text("utf-8")
    own = Component(
        name="data-nexus",
        version=__version__,
        type=ComponentType.APPLICATION,
        licenses=[LicenseExpression("Apache-2.0")],
        bom_ref="data-nexus",
        purl=PackageURL("pypi", name="data-nexus", version=__version__),
    )
    components = [*_components(pinned)]
    bom = Bom(
        metadata=BomMetaData(component=own),
        components=components,
        serial_number=uuid5(NAMESPACE_URL, pinned),
    )
    # Which package needs which is not in the pins: the program needs them all.
    bom.register_dependency(own, components)
    found = json.loads(JsonV1Dot6(bom).output_as_string())
    # The moment of writing is no property of what is written.
    del found["metadata"]["timestamp"]
    return json.dumps(found, indent=2)


def _components(pinned: str) -> Iterator[Component]:
    hashes = {
        (name, version): re.findall(r"sha256:([0-9a-f]{64})", rest)
        for name, version, rest in re.findall(
            r"^([a-z0-9-]+)==(\S+)((?:.*\\\n)*.*)$", pinned, re.MULTILINE
        )
    }
    for row in rows():
        name, version = row.pin.name, row.pin.version
        yield Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            bom_ref=f"{name}@{version}",
            purl=PackageURL("pypi", name=name, version=version),
            licenses=[LicenseExpression(row.licence)],
            hashes=[
                HashType(alg=HashAlgorithm.SHA_256, content=each) for each in hashes[name, version]
            ],
        )


if __name__ == "__main__":
    print(bill())  # noqa: T201 - its answer
