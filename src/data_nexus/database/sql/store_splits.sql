-- Store splits of some assets as the vendor tells them now. One that it tells as before keeps the
-- moment at which it became known; of the assets of which it told all, those that it does not tell
-- any more go. What a changed or withdrawn one said is kept.
WITH told AS (
    SELECT *
    FROM unnest(
        %(asset_ids)s::int[], %(dates)s::date[], %(numerators)s::float8[], %(denominators)s::float8[]
    ) AS t (asset_id, date, numerator, denominator)
), withdrawn AS (
    DELETE FROM splits s
    WHERE s.asset_id = ANY(%(whole_ids)s::int[])
      AND NOT EXISTS (SELECT FROM told t WHERE t.asset_id = s.asset_id AND t.date = s.date)
    RETURNING s.*
), revised AS (
    INSERT INTO split_revisions
        (asset_id, date, valid_until, numerator, denominator, stored_at, told_at)
    SELECT asset_id, date, now(), numerator, denominator, stored_at, told_at FROM withdrawn
    UNION ALL
    SELECT s.asset_id, s.date, now(), s.numerator, s.denominator, s.stored_at, s.told_at
    FROM splits s
    JOIN told t ON t.asset_id = s.asset_id AND t.date = s.date
    WHERE (s.numerator, s.denominator) IS DISTINCT FROM (t.numerator, t.denominator)
    ON CONFLICT DO NOTHING
)
INSERT INTO splits AS s (asset_id, date, numerator, denominator)
SELECT asset_id, date, numerator, denominator
FROM told
ON CONFLICT (asset_id, date) DO UPDATE
SET numerator = excluded.numerator, denominator = excluded.denominator,
    stored_at = now(), told_at = now()
WHERE (s.numerator, s.denominator) IS DISTINCT FROM (excluded.numerator, excluded.denominator);
