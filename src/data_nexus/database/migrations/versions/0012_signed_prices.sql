-- Yields, interest rates and commodities may have prices of zero or below: the rules for bars say
-- which assets may, by kind. The table refuses what is no number at all.
ALTER TABLE market_data
    DROP CONSTRAINT open_is_a_number,
    ADD CONSTRAINT open_is_a_number CHECK (open > '-Infinity' AND open < 'Infinity'),
    DROP CONSTRAINT high_is_a_number,
    ADD CONSTRAINT high_is_a_number CHECK (high > '-Infinity' AND high < 'Infinity'),
    DROP CONSTRAINT low_is_a_number,
    ADD CONSTRAINT low_is_a_number CHECK (low > '-Infinity' AND low < 'Infinity'),
    DROP CONSTRAINT close_is_a_number,
    ADD CONSTRAINT close_is_a_number CHECK (close > '-Infinity' AND close < 'Infinity'),
    DROP CONSTRAINT adjusted_close_is_a_number,
    ADD CONSTRAINT adjusted_close_is_a_number CHECK (adjusted_close > '-Infinity' AND adjusted_close < 'Infinity');

-- What was rejected of such assets is read again by the next `nexus repair`.
UPDATE assets
SET repair_wanted_at = now()
WHERE repair_wanted_at IS NULL
  AND retired_at IS NULL
  AND (exchange IN ('GBOND', 'MONEY', 'COMM')
       OR exchange = 'INDX' AND symbol IN ('IRX', 'FVX', 'TNX', 'TYX'))
  AND id IN (
      SELECT asset_id
      FROM rejected_rows
      WHERE rule IN ('prices are not negative', 'close is above zero')
  );
