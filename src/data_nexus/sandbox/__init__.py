"""The sandbox: EODHD's REST API as a server of its own, for demos, tests and benchmarks.

It shares no code with the engine, so that it can be the engine's witness: it logs every request
and knows every value that it served. What it imitates is told by the vendor's documentation and
by recorded answers; where those disagree, the module says which it follows.
"""
