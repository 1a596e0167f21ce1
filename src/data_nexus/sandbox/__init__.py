"""The sandbox: EODHD's REST API as a server of its own, for demos, tests and benchmarks.

It shares no code with the engine, so that its log can be evidence against the engine: it records
every request and every value served. It follows the vendor's documentation and recorded answers;
where those disagree, the module names the one that it follows.
"""
