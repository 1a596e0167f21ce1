"""What backups read of a server, and the log that it keeps for them."""
