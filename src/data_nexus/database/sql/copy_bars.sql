-- First load: bars go straight into the table, in the order of its key.
COPY market_data (asset_id, date, open, high, low, close, adjusted_close, volume) FROM STDIN (FORMAT binary);
