"""Commands by which a person chooses assets: watchlists, what is followed, pauses."""
