"""The dashboard: pages that show how a database stands, and let a person act when it matters."""
