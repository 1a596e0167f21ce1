-- Close a run with its outcome and figures.
UPDATE runs
SET finished_at = now(), outcome = %(outcome)s, figures = %(figures)s
WHERE id = %(run_id)s;
