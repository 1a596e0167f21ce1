"""The connection to the vendor: names looked up, and failures explained."""
