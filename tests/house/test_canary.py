"""The search for a leaked token finds each disguise, and cries only then."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.vendor.canary import disguises, leaks

TOKEN = "canary5f3a9c01e7.28841620"  # noqa: S105 - nobody's
ENCODED = "".join(f"%{byte:02X}" for byte in TOKEN.encode())


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("GET /api/eod/AAPL.US?fmt=json", []),
        (f"?api_token={TOKEN}&fmt=json", ["plain"]),
        (f"?next={ENCODED}", ["percent-encoded"]),
        (f"?next={ENCODED.lower()}", ["percent-encoded"]),
        (f"?next={quote(ENCODED)}", ["percent-encoded"]),
        (f"?next={TOKEN.replace('.', '%2e')}", ["percent-encoded", "split"]),
        (TOKEN.encode().hex(), ["hexadecimal"]),
        (TOKEN[::-1], ["reversed"]),
        (f"{TOKEN[:11]}\n{TOKEN[11:]}", ["split"]),
        (f"{TOKEN[:15]}...", ["split"]),
        (f"{TOKEN[:8]}***", []),
    ],
)
def test_each_disguise_is_seen_and_named(text: str, forms: list[str]) -> None:
    assert disguises(text.encode(), TOKEN) == forms


@given(before=st.binary(max_size=8), after=st.binary(max_size=8), urlsafe=st.booleans())
def test_base64_is_seen_whatever_stands_around_the_token(
    before: bytes, after: bytes, *, urlsafe: bool
) -> None:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    assert disguises(encode(before + TOKEN.encode() + after), TOKEN) == ["base64"]


def test_base64_is_seen_across_broken_lines() -> None:
    assert disguises(base64.encodebytes(b"x" * 50 + TOKEN.encode()), TOKEN) == ["base64"]


def test_a_token_that_chance_could_find_is_refused() -> None:
    with pytest.raises(AssertionError, match="chance"):
        disguises(b"", "short")


def test_folders_are_searched_to_the_bottom(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    leaky = tmp_path / "logs" / "nexus.log"
    leaky.write_text(f"asked {TOKEN}", encoding="utf-8")
    (tmp_path / "clean.log").write_text("asked", encoding="utf-8")
    assert leaks([tmp_path], TOKEN) == {leaky: ["plain"]}
