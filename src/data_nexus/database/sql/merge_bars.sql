-- Re-read: add new bars, replace changed ones, keep what they were, leave the same untouched; count per asset.
WITH compared AS MATERIALIZED (
    SELECT s.*,
           m.asset_id IS NULL AS is_new,
           (m.open, m.high, m.low, m.close, m.adjusted_close, m.volume)
               IS DISTINCT FROM (s.open, s.high, s.low, s.close, s.adjusted_close, s.volume) AS differs,
           m.open AS old_open, m.high AS old_high, m.low AS old_low, m.close AS old_close,
           m.adjusted_close AS old_adjusted_close, m.volume AS old_volume
    FROM staged_bars s
    LEFT JOIN market_data m ON m.asset_id = s.asset_id AND m.date = s.date
), changed AS MATERIALIZED (
    SELECT *,
           (open, high, low, close) <> (old_open, old_high, old_low, old_close) AS is_repriced
    FROM compared
    WHERE NOT is_new AND differs
), rescaled AS (
    -- A split multiplies the volumes before it by one ratio. It is told from restated volumes by the
    -- middle half of the re-based bars' ratios, which agree; volumes below 1000 are too coarse to ask.
    SELECT asset_id, quartiles[2] AS ratio
    FROM (
        SELECT asset_id, percentile_disc(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY volume / old_volume) AS quartiles
        FROM changed
        WHERE NOT is_repriced AND adjusted_close <> old_adjusted_close AND least(volume, old_volume) >= 1000
        GROUP BY asset_id
        HAVING count(*) > 1
    ) AS rebased
    WHERE quartiles[3] <= quartiles[1] * 1.002 AND abs(quartiles[2] - 1) > 0.002
), judged AS MATERIALIZED (
    SELECT c.*,
           r.ratio,
           c.is_repriced
               OR c.volume <> c.old_volume
                  AND CASE
                      -- Outside of what any volume or price is, PostgreSQL refuses to compute.
                      WHEN c.volume BETWEEN 1e-9 AND 1e18 AND c.old_volume BETWEEN 1e-9 AND 1e18
                      THEN coalesce(abs(c.volume - c.old_volume * r.ratio) > 1 + 0.001 * c.volume, true)
                      ELSE true
                  END AS is_restated
    FROM changed c
    LEFT JOIN rescaled r ON r.asset_id = c.asset_id
), revised AS (
    INSERT INTO market_data_revisions
        (asset_id, date, valid_until, open, high, low, close, adjusted_close, volume)
    SELECT asset_id, date, now(), old_open, old_high, old_low, old_close, old_adjusted_close, old_volume
    FROM judged
    WHERE is_restated
), rebased AS (
    INSERT INTO rebasings
        (asset_id, valid_until, bars, first_date, last_date, old_factor, new_factor, volume_ratio,
         dates, adjusted_closes, volumes)
    SELECT asset_id, now(), count(*), min(date), max(date),
           (array_agg(CASE WHEN least(old_close, old_adjusted_close) > 1e-9 THEN old_adjusted_close / old_close END
                      ORDER BY date))[1],
           (array_agg(CASE WHEN least(close, adjusted_close) > 1e-9 THEN adjusted_close / close END
                      ORDER BY date))[1],
           CASE WHEN bool_or(volume <> old_volume) THEN min(ratio) END,
           array_agg(date ORDER BY date),
           array_agg(old_adjusted_close ORDER BY date),
           CASE WHEN bool_or(volume <> old_volume) THEN array_agg(old_volume ORDER BY date) END
    FROM judged
    WHERE NOT is_restated
    GROUP BY asset_id
), merged AS (
    INSERT INTO market_data (asset_id, date, open, high, low, close, adjusted_close, volume)
    SELECT asset_id, date, open, high, low, close, adjusted_close, volume
    FROM compared
    WHERE is_new OR differs
    ORDER BY asset_id, date
    ON CONFLICT (asset_id, date) DO UPDATE
    SET open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        adjusted_close = excluded.adjusted_close, volume = excluded.volume
), counted AS (
    SELECT asset_id,
           count(*) FILTER (WHERE is_new) AS inserted,
           count(*) FILTER (WHERE NOT is_new AND differs) AS revised
    FROM compared
    GROUP BY asset_id
), arrived AS (
    -- New bars make one range as long as no stored bar lies between them. A single one needs no look.
    SELECT asset_id, range_agg(dates) AS ranges
    FROM (
        SELECT c.asset_id, daterange(min(c.date), max(c.date), '[]') AS dates
        FROM compared c
        JOIN counted n ON n.asset_id = c.asset_id
        WHERE c.is_new
        GROUP BY c.asset_id,
                 CASE WHEN n.inserted > 1 THEN (
                     SELECT max(m.date) FROM market_data m WHERE m.asset_id = c.asset_id AND m.date < c.date
                 ) END
    ) AS runs
    GROUP BY asset_id
)
SELECT n.asset_id, n.inserted, n.revised, a.ranges::text AS arrived
FROM counted n
LEFT JOIN arrived a ON a.asset_id = n.asset_id;
