"""Report what a server is and what it has room for."""
