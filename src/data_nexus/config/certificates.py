"""Check the certificates that the environment names: those by which the vendor is recognized."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from data_nexus.errors import UsageError


def check_certificates(base_url: str, environ: Mapping[str, str]) -> None:
    """Raise `UsageError` if `SSL_CERT_FILE` is set and names no file of certificates.

    OpenSSL would ignore it, and refuse the connection for a certificate that is not trusted.
    """
    name = environ.get("SSL_CERT_FILE")
    if not name or not base_url.startswith("https:"):
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=name)
    except ssl.SSLError:
        raise UsageError(f"SSL_CERT_FILE: {name} holds no certificates (PEM)") from None
    except OSError as error:
        raise UsageError(f"SSL_CERT_FILE: {name}: {error.strerror}") from None
