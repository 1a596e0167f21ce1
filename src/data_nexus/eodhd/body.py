"""Decompress a body; refuse it if it is incomplete, corrupt or larger than the cap. Pure.

aiohttp and httpx accept a cut gzip stream as a success; here a stream is complete only when its
trailer has been read and nothing follows it.
"""

from __future__ import annotations

from isal import isal_zlib

from data_nexus.errors import AnswerTooLarge, BrokenAnswer

_GZIP = 31
# Encodings that an error names; any other text of a header is not repeated.
_OTHERS = frozenset({"br", "compress", "deflate", "zstd"})


def plain(body: bytes, encoding: str, cap: int, subject: str) -> bytes:
    """Return a body as the vendor wrote it.

    Raises `BrokenAnswer` for a gzip stream that is cut, corrupt or followed by anything, and for
    an encoding that was not requested; `AnswerTooLarge` for more than `cap` decompressed bytes.
    """
    if encoding in ("", "identity"):
        if len(body) > cap:
            raise AnswerTooLarge(f"{subject}: more than {cap} bytes")
        return body
    if encoding != "gzip":
        found = encoding if encoding in _OTHERS else "something unknown"
        raise BrokenAnswer(f"{subject}: encoded as {found}, which was not requested")
    # The last four bytes are the length (RFC 1952): a bomb with a false length stops there.
    length = int.from_bytes(body[-4:], "little")
    stream = isal_zlib.decompressobj(wbits=_GZIP)
    try:
        text: bytes = stream.decompress(body, max_length=min(length, cap) + 1)
    except isal_zlib.error:  # type: ignore[misc]  # its stub does not declare it as a class
        raise BrokenAnswer(f"{subject}: the gzip stream is corrupt") from None
    if len(text) > cap:
        raise AnswerTooLarge(f"{subject}: more than {cap} bytes when decompressed")
    if not stream.eof:
        raise BrokenAnswer(f"{subject}: the gzip stream was cut")
    if stream.unused_data:
        raise BrokenAnswer(f"{subject}: bytes follow the gzip stream")
    return text
