-- What the daemon does by a schedule. A run is a row with a unique key: of two daemons one inserts it,
-- and does it.
CREATE TABLE jobs (
    name TEXT NOT NULL,
    action TEXT NOT NULL,
    exchange TEXT,
    schedule TEXT NOT NULL,
    is_default BOOLEAN DEFAULT 'false' NOT NULL,
    paused_at TIMESTAMP WITH TIME ZONE,
    since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT jobs_pkey PRIMARY KEY (name),
    CONSTRAINT moments_are_readable CHECK (least(paused_at, since) >= '0001-01-01 00:00:00+00' AND greatest(paused_at, since) < '10000-01-01 00:00:00+00')
);
COMMENT ON COLUMN jobs.action IS 'what it does: update';
COMMENT ON COLUMN jobs.exchange IS 'NULL: all';
COMMENT ON COLUMN jobs.schedule IS 'as `nexus jobs add` takes it';
COMMENT ON COLUMN jobs.since IS 'since when it is due';
CREATE TABLE job_runs (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    job TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    missed INTEGER DEFAULT '0' NOT NULL,
    attempts INTEGER DEFAULT '1' NOT NULL,
    owner BIGINT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    outcome TEXT DEFAULT 'running' NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    retry_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT job_runs_pkey PRIMARY KEY (id),
    CONSTRAINT job_runs_job_due_at_key UNIQUE (job, due_at),
    CONSTRAINT moments_are_readable CHECK (least(due_at, started_at, ended_at, retry_at) >= '0001-01-01 00:00:00+00' AND greatest(due_at, started_at, ended_at, retry_at) < '10000-01-01 00:00:00+00')
);
COMMENT ON COLUMN job_runs.due_at IS 'the moment at which it was to run';
COMMENT ON COLUMN job_runs.missed IS 'earlier ones that it makes up for';
COMMENT ON COLUMN job_runs.owner IS 'the worker that runs it';
COMMENT ON COLUMN job_runs.outcome IS 'running, done, late, failed or drained';
COMMENT ON COLUMN job_runs.detail IS 'why, in a sentence';
COMMENT ON COLUMN job_runs.retry_at IS 'when it is tried again';
