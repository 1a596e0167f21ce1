-- The dividends of an asset, by ex-date.
SELECT date, value, unadjusted_value, currency, declaration_date, record_date, payment_date, period
FROM dividends
WHERE asset_id = %(asset_id)s
ORDER BY date, value;
