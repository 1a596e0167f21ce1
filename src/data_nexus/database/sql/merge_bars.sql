-- Re-read: add new bars, replace changed ones, keep what raw values were, leave the same untouched; count per asset.
WITH compared AS MATERIALIZED (
    SELECT s.*,
           m.asset_id IS NULL AS is_new,
           (m.open, m.high, m.low, m.close, m.adjusted_close, m.volume)
               IS DISTINCT FROM (s.open, s.high, s.low, s.close, s.adjusted_close, s.volume) AS differs,
           (m.open, m.high, m.low, m.close, m.volume)
               IS DISTINCT FROM (s.open, s.high, s.low, s.close, s.volume) AS is_restated,
           m.open AS old_open, m.high AS old_high, m.low AS old_low, m.close AS old_close,
           m.adjusted_close AS old_adjusted_close, m.volume AS old_volume
    FROM staged_bars s
    LEFT JOIN market_data m ON m.asset_id = s.asset_id AND m.date = s.date
), revised AS (
    INSERT INTO market_data_revisions
        (asset_id, date, valid_until, open, high, low, close, adjusted_close, volume)
    SELECT asset_id, date, now(), old_open, old_high, old_low, old_close, old_adjusted_close, old_volume
    FROM compared
    WHERE NOT is_new AND is_restated
), merged AS (
    INSERT INTO market_data (asset_id, date, open, high, low, close, adjusted_close, volume)
    SELECT asset_id, date, open, high, low, close, adjusted_close, volume
    FROM compared
    WHERE is_new OR differs
    ORDER BY asset_id, date
    ON CONFLICT (asset_id, date) DO UPDATE
    SET open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        adjusted_close = excluded.adjusted_close, volume = excluded.volume
)
SELECT asset_id,
       count(*) FILTER (WHERE is_new) AS inserted,
       count(*) FILTER (WHERE NOT is_new AND differs) AS revised
FROM compared
GROUP BY asset_id;
