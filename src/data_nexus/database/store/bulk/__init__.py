"""Sessions of whole exchanges: advance by them, compare them again, store their feeds."""
