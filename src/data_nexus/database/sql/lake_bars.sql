-- The bars of some assets within dates, by asset and date, in the binary form of COPY.
COPY (
    SELECT asset_id, date, open, high, low, close, adjusted_close, volume
    FROM market_data
    WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date BETWEEN %(first)s AND %(last)s
    ORDER BY asset_id, date
) TO STDOUT (FORMAT binary);
