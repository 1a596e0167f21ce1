"""Mistakes that show the token: texts that repeat it, proxies, cookies."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_CLIENT = "src/data_nexus/eodhd/client.py"
_PROXY = "tests/system/load/test_proxy.py"
_TEXTS = "tests/unit/eodhd/test_vendor_texts.py"

MUTANTS = (
    Mutant(
        name="the reason of a dead letter is not redacted",
        file="src/data_nexus/ingestion/histories/dead_letter.py",
        before="        reason=excerpt(one_line(str(unfit)), _REASON_CHARS, redact),",
        after="        reason=excerpt(one_line(str(unfit)), _REASON_CHARS, lambda text: text),",
        harm="a vendor's answer that repeats the token puts it into the database and the log",
        tests=(f"{_TEXTS}::test_a_dead_letter_says_no_part_of_a_code_that_is_the_token",),
        circumstances=2,
    ),
    Mutant(
        name="the environment's proxy sees plain requests",
        file=_CLIENT,
        before="            trust_env=False,",
        after="            trust_env=True,",
        harm="a proxy that HTTP_PROXY names reads the token",
        tests=(f"{_PROXY}::test_plain_http_goes_to_no_proxy_of_the_environment",),
        circumstances=2,
    ),
    Mutant(
        name="cookies are kept",
        file=_CLIENT,
        before="            cookie_jar=aiohttp.DummyCookieJar(),\n",
        after="            cookie_jar=aiohttp.CookieJar(unsafe=True),\n",
        harm="the vendor can tell the requests of one user from those of another beyond the token",
        tests=(f"{_PROXY}::test_no_cookie_is_kept",),
        circumstances=2,
    ),
)
