-- Leave out lines of a staged list whose identity is not certain.
DELETE FROM staged_listings WHERE symbol = ANY (%(codes)s::text[]);
