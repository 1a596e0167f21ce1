"""What a person has chosen: watchlists, what is followed, and what is paused."""
