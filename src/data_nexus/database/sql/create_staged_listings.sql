-- Where a symbol list waits to be compared with the assets.
CREATE TEMPORARY TABLE staged_listings (
    symbol text PRIMARY KEY,
    venue text NOT NULL,
    name text NOT NULL,
    asset_type text NOT NULL,
    country text NOT NULL,
    currency text NOT NULL,
    isin text
) ON COMMIT DROP;
