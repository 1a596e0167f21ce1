-- name: held_exchanges
-- The exchanges with assets: how many, how many with bars, and the date of the last bar.
SELECT exchange AS code, count(*) AS assets, count(last_bar) AS with_bars, max(last_bar) AS last_bar
FROM assets
GROUP BY exchange
ORDER BY exchange
