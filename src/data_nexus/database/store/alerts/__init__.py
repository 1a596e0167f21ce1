"""The alerts, as the daemons raise, send and end them."""
