-- name: known_names
-- What can be typed as a name: the symbol of every asset that was not replaced, and every watchlist.
SELECT 'symbol' AS kind, symbol || '.' || exchange AS name FROM assets WHERE retired_at IS NULL
UNION
SELECT 'watchlist', name FROM watchlists
