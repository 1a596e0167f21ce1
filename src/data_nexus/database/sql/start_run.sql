-- Open a run.
INSERT INTO runs (command) VALUES (%(command)s) RETURNING id;
