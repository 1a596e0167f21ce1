"""Mutate bytes, and write good answers with one hostile value. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

Row = dict[str, str]  # each key with its value in JSON text

# The token that a run pretends to have: no text that leaves a decoder may show a part of it.
TOKEN = "7d41c0e95ab26f.58203946"  # noqa: S105 - of no worth anywhere  # nosec B105

# Values, each whole in itself: in place of one value they leave the rest of an answer as it is.
VALUES: tuple[bytes, ...] = (
    *(b"null", b"true", b"false", b"[]", b"{}", b"[1]", b'{"value":1}', b'""', b'" "'),
    *(b"0", b"-0", b"-1", b"1", b"1e-999", b"5e-324", b"1e15", b"1e300", b"1e308", b"1.8e308"),
    *(b"1e999", b"-1e999", b"2147483648", b"9223372036854775808", b"9007199254740993"),
    *(b"9" * 20, b"9" * 400, b"9" * 4300, b"9" * 4301, b"-" + b"9" * 5000),
    *(b"9" * 400 + b"." + b"9" * 400, b"0." + b"9" * 4000, b"1e" + b"9" * 400),
    *(b"NaN", b"Infinity", b"-Infinity", b"01", b"+1", b".5", b"1.", b"0x10", b"1_0", b"*"),
    *(b"None", b"undefined", b"NULL", b"TRUE", b"nan", b"inf"),
    *(b'"NaN"', b'"inf"', b'"1e999"', b'"1234"', b'"1,234.5"', b'"NA"', b'"None"', b'"null"'),
    *(b'"2024-02-30"', b'"0000-00-00"', b'"2024-1-5"', b'"2024-01-05T00:00:00"', b'"20240105"'),
    *(b'"10000-01-01"', b'"9999-12-31"', b'"0001-01-01"', b'"2024-W01-2"', b"20240105"),
    *(b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\u0000"', b'"a\\u001b]52;c;x\\u0007"', b'"\\x41"'),
    *(b'"\x00"', b'"a\tb"', b'"a\nb"', b'"\xff"', b'"caf\xe9"', b'"\xed\xa0\x80"', b'"\xc0\xaf"'),
    *(b'"4/1"', b'"1e300/1"', b'"1/0"', b'"4\\/1"', b'"1e-300/1e300"', b'"../../x"', b'"A/B"'),
    *(b'"=1+1"', b'"[/x]"', b'"[link=http://x]y[/link]"', b'"<script>"', b'"\xe2\x80\xae"'),
    *(b'"\xef\xbc\x91"', b'"' + b"x" * 70_000 + b'"', b'"' + TOKEN.encode() + b'"'),
    *(b'"' + b"x" * 24 + TOKEN.encode() + b'"', b'{"a":NaN,"b":[1e999,{"c":"\xff"}]}'),
    *(b"[" * 5000 + b"]" * 5000, b'{"a":' * 900 + b"1" + b"}" * 900),
)
_SPLICES: tuple[bytes, ...] = (
    *VALUES,
    *(b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b"\r\n", b"\xef\xbb\xbf", b"<html>"),
    *(b'"warning":"x",', b'"code":"MCD",', b'"code":"ZZZ",', b'"date":null,', b"/* x */", b"'"),
)
_SMALL_SPLICES = tuple(splice for splice in _SPLICES if len(splice) < 2000)


def _flipped(body: bytearray, chance: Random, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(body))
    body[at] ^= 1 << chance.randrange(8)


def _spliced(body: bytearray, chance: Random, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(body) + 1)
    splices = _SPLICES if chance.random() < 0.05 else _SMALL_SPLICES
    body[at : at + chance.randrange(6)] = chance.choice(splices)


def _valued(body: bytearray, chance: Random, _: Sequence[bytes]) -> None:
    """Put a hostile value where a value begins."""
    at = body.find(b":", chance.randrange(len(body)))
    end = min((e for e in (body.find(b",", at), body.find(b"}", at)) if e > at), default=-1)
    if 0 <= at < end:
        body[at + 1 : end] = chance.choice(_SMALL_SPLICES)


def _cut(body: bytearray, chance: Random, _: Sequence[bytes]) -> None:
    del body[chance.randrange(len(body)) :]


def _without(body: bytearray, chance: Random, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(body))
    del body[at : at + chance.randint(1, 40)]


def _doubled(body: bytearray, chance: Random, _: Sequence[bytes]) -> None:
    at, to = chance.randrange(len(body)), chance.randrange(len(body))
    body[to:to] = body[at : at + chance.randint(1, 80)]


def _crossed(body: bytearray, chance: Random, pool: Sequence[bytes]) -> None:
    other = chance.choice(pool)
    body[chance.randrange(len(body)) :] = other[chance.randrange(len(other) + 1) :]


def _noised(body: bytearray, chance: Random, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(body))
    body[at : at + chance.randrange(4)] = chance.randbytes(chance.randint(1, 8))


_Mutation = Callable[[bytearray, Random, Sequence[bytes]], None]
MUTATIONS: tuple[_Mutation, ...] = (
    *(_flipped, _spliced, _valued, _cut, _without, _doubled, _crossed, _noised),
)
_LONGEST = 200_000


def mutated(pool: Sequence[bytes], chance: Random) -> bytes:
    """Return one of the inputs after one to four mutations."""
    body = bytearray(chance.choice(pool))
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        if body:
            chance.choice(MUTATIONS)(body, chance, pool)
    return bytes(body[:_LONGEST])


def written(rows: Sequence[dict[str, bytes]]) -> bytes:
    """Return rows as a JSON array, their values as they are."""
    texts = (b",".join(b'"%s":%s' % (k.encode(), v) for k, v in row.items()) for row in rows)
    return b"[%s]" % b",".join(b"{%s}" % text for text in texts)


def with_one_odd_value(rows: Sequence[Row], chance: Random) -> tuple[bytes, str, bytes]:
    """Return good rows with one value replaced, or one more: the body, the key, the value.

    The key may be one that nothing reads. With the key "" the whole row is replaced.
    """
    at = chance.randrange(len(rows))
    key = chance.choice([*rows[at], "unread", ""])
    value = chance.choice(VALUES)
    texts = [{name: text.encode() for name, text in row.items()} for row in rows]
    if not key:
        bodies = [written([row])[1:-1] for row in texts]
        bodies[at] = value
        return b"[%s]" % b",".join(bodies), key, value
    texts[at][key] = value
    return written(texts), key, value
