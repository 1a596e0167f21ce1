-- The latest session of each exchange of which any bar is stored.
SELECT exchange, max(last_bar) FROM assets WHERE last_bar IS NOT NULL GROUP BY exchange;
