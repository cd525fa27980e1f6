-- What was redriven: one row per dead letter and round, written before its record is published and completed with the
-- place it was published at. A row without place and problem is one whose process ended in between.
--
-- `refused_ms` is the letter's own instant: a topic made anew has other letters at the same places. `round` counts how
-- often that letter was redriven, so of two people who redrive it at once one is refused by the key.

CREATE TABLE redrives (
    dlq_topic text NOT NULL,
    dlq_partition integer NOT NULL,
    dlq_offset bigint NOT NULL,
    refused_ms bigint NOT NULL,
    round integer NOT NULL,
    redrive_id text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now(),
    author text NOT NULL,
    reason text NOT NULL,
    source_topic text NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    error_class text NOT NULL,
    rule text NOT NULL,
    attempt integer NOT NULL,
    edited boolean NOT NULL,
    record_key bytea,
    value_before bytea,
    value_after bytea NOT NULL,
    published_partition integer,
    published_offset bigint,
    published_at timestamptz,
    problem text,
    PRIMARY KEY (dlq_topic, dlq_partition, dlq_offset, refused_ms, round)
);
CREATE INDEX ON redrives (redrive_id);
