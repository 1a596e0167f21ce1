-- All dividends.
SELECT asset_id, date, value, unadjusted_value, currency, declaration_date, record_date, payment_date, period,
       stored_at
FROM dividends
ORDER BY asset_id, date, value;
