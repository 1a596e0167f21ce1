"""Say why there is no connection to the vendor, and what to do: a sentence for each cause.

The errors' own texts hold the address, and with a proxy its password: none of them is repeated.
"""

from __future__ import annotations

import errno

import aiohttp

from data_nexus.config import without_user

# What means that nothing was sent.
NO_CONNECTION = (
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientConnectorError,
)
_WANTS_PASSWORD = 407
_NO_WAY_OUT = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})
_CERTIFICATE = (
    "the certificate is not trusted; is a login page of this network in the way, is this machine's"
    " clock right? If a proxy of yours reads TLS, name its certificates by SSL_CERT_FILE"
)
_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (
        aiohttp.ConnectionTimeoutError,
        "nothing answered in time; is a firewall in the way, is a proxy needed?",
    ),
    (
        aiohttp.ClientConnectorDNSError,
        "the host's name is not known; is there a network, is EODHD_BASE_URL right?",
    ),
    (aiohttp.ClientConnectorCertificateError, _CERTIFICATE),
    (aiohttp.ClientConnectorSSLError, "no TLS; is EODHD_BASE_URL right, is a proxy in the way?"),
)


def cause_of(error: Exception, proxy: str | None = None) -> str:
    """Return why there is no connection, in words, and the remedy; with the proxy if there is one.

    The proxy is shown without its user and password.
    """
    if proxy is None:
        return _plain_cause(error)
    way = f"the proxy {without_user(proxy)} (HTTPS_PROXY)"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        if error.status == _WANTS_PASSWORD:
            return f"{way} asks for a user and a password ({error.status}); are they in it?"
        return f"{way} refuses the way to the vendor ({error.status}); is it allowed there?"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"{way} refuses it or cannot be reached; is HTTPS_PROXY right?"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name of {way} is not known; is HTTPS_PROXY right?"
    return f"{_plain_cause(error)}, through {way}"


def _plain_cause(error: Exception) -> str:
    for kind, words in _CAUSES:
        if isinstance(error, kind):
            return words
    number = error.errno if isinstance(error, OSError) else None
    if number in _NO_WAY_OUT:
        return "there is no route to the host; is there a network?"
    return "the host refuses it or cannot be reached; is EODHD_BASE_URL right, is a proxy needed?"
