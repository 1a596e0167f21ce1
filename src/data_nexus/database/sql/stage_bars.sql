-- Re-read: bars go into the staging table first.
COPY staged_bars (asset_id, date, open, high, low, close, adjusted_close, volume) FROM STDIN (FORMAT binary);
