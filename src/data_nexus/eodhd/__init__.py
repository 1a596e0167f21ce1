"""The only place that knows how the vendor spells things: requests, answers, refusals."""
