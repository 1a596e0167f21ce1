-- Count answers whose rows do not add up.
SELECT count(*)
FROM sync_log
WHERE received <> inserted + revised + unchanged + rejected;
