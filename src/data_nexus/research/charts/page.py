"""Build the HTML page of a chart: self-contained, without network access, safe to open. Pure.

The vendor's text is embedded as JSON without a single `<`, and the page's policy lets only its own
two scripts run and nothing be fetched.
"""

from __future__ import annotations

import hashlib
import html
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

# The browser uses the same libraries as PNG and SVG; "ast" would avoid 'unsafe-eval', but needs an
# interpreter that the bundle lacks.
_DRAW = """
const spec = JSON.parse(document.getElementById("spec").textContent);
const actions = {export: true, source: false, compiled: false, editor: false};
vegaEmbed("#chart", spec, {mode: "vega-lite", actions, tooltip: {theme: "light"}});
"""
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>body {{ margin: 24px; background: white; }}</style>
</head>
<body>
<div id="chart"></div>
<script type="application/json" id="spec">{spec}</script>
<script>{bundle}</script>
<script>{draw}</script>
</body>
</html>
"""


def page(spec: Mapping[str, Any], title: str, bundle: str) -> str:
    """Return a page that draws a Vega-Lite chart; `bundle` is the script that knows how to."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in (bundle, _DRAW))
    policy = (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval';"
        " style-src 'unsafe-inline'; img-src data: blob:"
    )
    return _PAGE.format(
        policy=html.escape(policy),
        title=html.escape(title),
        spec=_inert(spec),
        bundle=bundle,
        draw=_DRAW,
    )


def _inert(spec: Mapping[str, Any]) -> str:
    r"""Return JSON in which nothing can end a script or begin a tag: `<` is `\u003c`."""
    text = json.dumps(spec, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(script: str) -> str:
    return b64encode(hashlib.sha256(script.encode()).digest()).decode()
