"""The alerts, as a person sees and silences them."""
