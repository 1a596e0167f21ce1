"""How answers of the sandbox look on the wire."""
