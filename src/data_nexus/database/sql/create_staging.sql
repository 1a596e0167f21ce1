-- Where a re-read's bars wait to be compared with the stored ones; emptied at each commit.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_bars (LIKE market_data) ON COMMIT DELETE ROWS;
