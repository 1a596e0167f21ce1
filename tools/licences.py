"""Write the list of licences of the packages that run, from their own metadata.

A package that is not installed here, because its pin's marker does not hold, keeps its row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "licences.md"
# What may be used and passed on together with Apache-2.0, by the names of SPDX.
PERMISSIVE = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"}
    | {"PSF-2.0", "Zlib"}
)
# Copyleft that leaves our licence alone, and why.
ARGUED = {
    "LGPL-3.0-only": (
        "the driver of PostgreSQL; it is imported, unchanged and installed as a package of its own,"
        " so anybody can replace it: what section 4 of the licence asks for"
    ),
    "MPL-2.0": "its copyleft ends at its own files, which are unchanged",
}
# Older words of packages' metadata, as SPDX writes them.
_SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}
_PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; (?P<marker>.+?))?(?: --hash|$)")


@dataclass(frozen=True, slots=True, order=True)
class Pin:
    """A pinned package, and where it is installed: everywhere, or where a marker holds."""

    name: str
    version: str
    marker: str = ""


@dataclass(frozen=True, slots=True)
class LicenceRow:
    """A package and its licence, as SPDX writes it; "" if its metadata does not say."""

    pin: Pin
    licence: str

    @property
    def parts(self) -> set[str]:
        """The licences that an expression joins."""
        return {each.strip(" ()") for each in re.split(r" (?:AND|OR) ", self.licence)}


def pins(text: str) -> list[Pin]:
    """Return the pins of a requirements file."""
    joined = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    found = (_PIN.match(line) for line in joined)
    return sorted(Pin(m["name"], m["version"], m["marker"] or "") for m in found if m)


def rows() -> list[LicenceRow]:
    """Return each package that runs, with its licence."""
    text = PAGE.read_text("utf-8") if PAGE.exists() else ""
    written = {row.pin: row.licence for row in rows_of(text)}
    pinned = pins((ROOT / "requirements.txt").read_text("utf-8"))
    # Of two pins of a package only one is installed; its licence is taken for the other's.
    known = {pin.name: licence for pin in pinned if (licence := installed(pin))}
    return [
        LicenceRow(pin, installed(pin) or written.get(pin) or known.get(pin.name, ""))
        for pin in pinned
    ]


def installed(pin: Pin) -> str:
    """Return the licence of a package that is installed here as pinned; "" if it is not."""
    try:
        found = distribution(pin.name)
    except PackageNotFoundError:
        return ""
    fields = message_from_string(found.read_text("METADATA") or "")
    return licence_of(fields) if found.version == pin.version else ""


def licence_of(metadata: Message) -> str:
    """Return a package's licence: its expression, else its classifier, else its short text."""
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = metadata.get_all("Classifier") or []
    words = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
    words.append((metadata.get("License") or "").strip())
    known = (_SPDX.get(word, word) for word in words)
    return next((word for word in known if word in PERMISSIVE | ARGUED.keys()), "")


def page() -> str:
    """Return the page."""
    lines = [
        f"| `{pin.name}` | {pin.version} | {row.licence} | {pin.marker or 'everywhere'} |"
        for row in rows()
        for pin in [row.pin]
    ]
    argued = [f"- {licence}: {why}." for licence, why in ARGUED.items()]
    return (
        "# Licences\n\nWritten from the packages' own metadata by `make docs`. Data Nexus itself is"
        " under Apache-2.0; these are the packages that it runs with, as `requirements.txt` pins"
        " them. `make sbom` writes the same list, with hashes, as CycloneDX.\n\n"
        "| package | version | licence | where |\n|---|---|---|---|\n"
        + "\n".join(lines)
        + "\n\nLicences that are not permissive, and why they fit:\n\n"
        + "\n".join(argued)
        + "\n"
    )


def rows_of(text: str) -> Iterator[LicenceRow]:
    """Yield the rows of a page."""
    row = re.compile(r"^\| `([a-z0-9-]+)` \| (\S+) \| (.*?) \| (.*?) \|$", re.MULTILINE)
    for name, version, licence, marker in row.findall(text):
        yield LicenceRow(Pin(name, version, "" if marker == "everywhere" else marker), licence)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
