-- name: listed_exchanges
-- The exchanges that the vendor has, as last listed.
SELECT code, name, country, currency, operating_mic FROM vendor_exchanges ORDER BY code

-- name: exchanges_listed_at
-- When the vendor last listed its exchanges, and how long ago that was.
SELECT max(listed_at), now() - max(listed_at) FROM vendor_exchanges

-- name: held_exchanges
-- The exchanges with assets: how many, how many with bars, and the date of the last bar.
SELECT exchange AS code, count(*) AS assets, count(last_bar) AS with_bars, max(last_bar) AS last_bar
FROM assets
GROUP BY exchange
ORDER BY exchange
