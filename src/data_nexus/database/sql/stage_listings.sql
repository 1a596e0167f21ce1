-- A symbol list goes into its staging table.
COPY staged_listings (symbol, venue, name, asset_type, country, currency, isin) FROM STDIN;
