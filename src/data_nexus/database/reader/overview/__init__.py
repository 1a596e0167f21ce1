"""What a dashboard shows, by statements that no size of the database makes slow."""
