-- What a person is to know of. An alert that has not recovered is there once for its condition and subject;
-- a message is a row for each way by which it goes, so that whoever sends it can claim it.
CREATE TABLE alerts (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    key UUID DEFAULT gen_random_uuid() NOT NULL,
    condition TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    noticed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    raised_at TIMESTAMP WITH TIME ZONE,
    announced_at TIMESTAMP WITH TIME ZONE,
    recovered_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT alerts_pkey PRIMARY KEY (id),
    CONSTRAINT moments_are_readable CHECK (least(noticed_at, raised_at, announced_at, recovered_at) >= '0001-01-01 00:00:00+00' AND greatest(noticed_at, raised_at, announced_at, recovered_at) < '10000-01-01 00:00:00+00')
);
CREATE UNIQUE INDEX alerts_open ON alerts (condition, subject) WHERE recovered_at IS NULL;
COMMENT ON COLUMN alerts.key IS 'names it to receivers, with the kind of the message';
COMMENT ON COLUMN alerts.condition IS 'not-fresh, late, down, …';
COMMENT ON COLUMN alerts.subject IS 'an exchange, a job, a machine''s folder, or the vendor';
COMMENT ON COLUMN alerts.noticed_at IS 'since when the condition holds';
COMMENT ON COLUMN alerts.raised_at IS 'when patience ended; NULL: not yet';
COMMENT ON COLUMN alerts.announced_at IS 'since when its messages are to be sent; NULL: silenced, or no channel';
CREATE TABLE alert_messages (
    alert_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    next_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    owner BIGINT,
    attempts INTEGER DEFAULT '0' NOT NULL,
    trouble TEXT DEFAULT '' NOT NULL,
    CONSTRAINT alert_messages_pkey PRIMARY KEY (alert_id, kind, channel),
    CONSTRAINT moments_are_readable CHECK (least(created_at, next_at, sent_at) >= '0001-01-01 00:00:00+00' AND greatest(created_at, next_at, sent_at) < '10000-01-01 00:00:00+00')
);
CREATE INDEX alert_messages_unsent ON alert_messages (channel, next_at) WHERE sent_at IS NULL;
COMMENT ON COLUMN alert_messages.kind IS 'raised or recovered';
COMMENT ON COLUMN alert_messages.channel IS 'webhook, slack, email or apprise';
COMMENT ON COLUMN alert_messages.next_at IS 'not sent before this moment';
COMMENT ON COLUMN alert_messages.owner IS 'the daemon that is sending it';
COMMENT ON COLUMN alert_messages.trouble IS 'why it could not be sent';
CREATE TABLE alert_silences (
    condition TEXT NOT NULL,
    subject TEXT NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT alert_silences_pkey PRIMARY KEY (condition, subject),
    CONSTRAINT moments_are_readable CHECK (until >= '0001-01-01 00:00:00+00' AND until < '10000-01-01 00:00:00+00')
);
COMMENT ON COLUMN alert_silences.subject IS 'empty: all of the condition';
ALTER TABLE job_runs ADD COLUMN brought INTEGER;
ALTER TABLE job_runs ADD COLUMN error TEXT DEFAULT '' NOT NULL;
COMMENT ON COLUMN job_runs.brought IS 'assets or rows; NULL: nothing was to be had, or it counts nothing';
COMMENT ON COLUMN job_runs.error IS 'the kind of what failed';
