"""The simulated market: universe, bars, actions, calendar."""
