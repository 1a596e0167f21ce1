-- The moment so many days ago, by the database's clock.
SELECT now() - %(days)s * interval '1 day';
