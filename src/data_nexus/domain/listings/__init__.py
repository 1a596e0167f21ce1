"""Listings: symbol lists, their lines, and successions of symbols."""
