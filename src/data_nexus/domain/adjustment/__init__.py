"""Adjustment: factors of splits and dividends, and findings where bars and actions disagree."""
