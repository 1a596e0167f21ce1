"""Symbols from files as people and spreadsheets write them."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from data_nexus.cli.load.symbol_files import read_symbols
from data_nexus.errors import UsageError

BOTH = ["AAPL.US", "MSFT.US"]


def symbols(path: Path, content: str | bytes, column: str | None = None) -> list[str]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [str(each) for each in read_symbols(str(path), column)]


@pytest.mark.parametrize(
    "content",
    [
        "AAPL.US\nMSFT.US\n",
        "AAPL.US\r\nMSFT.US",
        "AAPL.US\rMSFT.US\r",
        "\ufeffAAPL.US\nMSFT.US\n",
        "AAPL.US, MSFT.US\n",
        "AAPL.US;MSFT.US\n",
        "AAPL.US\tMSFT.US\n",
        "# mine\n\nAAPL.US # the fruit\nMSFT.US\nAAPL.US\n",
        "AAPL.US,Apple Inc\nMSFT.US,Microsoft\n",
        "AAPL.US,Apple.com\nMSFT.US,Microsoft\n",
        "symbol,name\nAAPL.US,x\nMSFT.US,y\n",
        'name;Symbol\n"x; y";AAPL.US\nz;MSFT.US\n',
        "Ticker\tname\nAAPL.US\tx\nMSFT.US\ty\n",
        '"code","exchange"\r\n"AAPL","US"\r\n"MSFT.US","us"\r\n',
        'AAPL.US,"the #1, by size"\nMSFT.US,"no. 2"\n',
    ],
)
def test_what_spreadsheets_and_people_write_is_read(tmp_path: Path, content: str) -> None:
    assert symbols(tmp_path / "mine", content) == BOTH


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no symbols"),
        (" \n# nothing\n", "no symbols"),
        ('"' + "x" * 200_000, "no symbols"),
        ("# mine\n\nAAPL.US\n\nM\x1b[2JSFT.US\n", "line 5: not a symbol: 'M\\x1b[2JSFT.US'"),
        ("AAPL.US\n--x\n", "line 2: not a symbol: '--x'"),
        ("symbol\nAAPL\n", "line 2: not a symbol: 'AAPL'; write it with its exchange"),
        ("AAPL.US\x00MSFT.US\n", "not a symbol"),
        ("AAPL.US\n".encode("utf-16"), "not UTF-8"),
        (b"AAPL.US\n" * 2_000_000, "16,000,000 bytes are no list of symbols"),
    ],
)
def test_what_is_no_list_of_symbols_is_named_with_its_line(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        symbols(tmp_path / "mine", content)
    assert said in str(refused.value)


def test_a_code_with_a_dot_beside_its_exchange_keeps_it(tmp_path: Path) -> None:
    assert symbols(tmp_path / "mine", "symbol,exchange\nBRK.B,US\n") == ["BRK.B.US"]


def test_a_column_may_be_named_and_an_unknown_one_is_answered_with_those_there_are(
    tmp_path: Path,
) -> None:
    content = "symbol,mine\nNO.US,AAPL.US\nNO.US,MSFT.US\n"
    assert symbols(tmp_path / "mine", content, "Mine") == BOTH
    with pytest.raises(UsageError, match=r"no column 'x'; there are: symbol, mine"):
        symbols(tmp_path / "mine", content, "x")
    with pytest.raises(UsageError, match=r"no column 'x'; there are: none"):
        symbols(tmp_path / "mine", "", "x")


def test_a_minus_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    given = SimpleNamespace(buffer=io.BytesIO(b"AAPL.US\nMSFT.US\n"))
    monkeypatch.setattr("sys.stdin", given)
    assert [str(each) for each in read_symbols("-")] == BOTH
