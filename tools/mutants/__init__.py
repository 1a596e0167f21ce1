"""Small mistakes to seed into the code, and the tests that must catch each of them."""
