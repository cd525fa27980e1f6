-- One table per kind of record. Each record of a recorded topic is exactly one row, at the place where it stands:
-- day of the broker's append time (UTC), topic, partition, offset. A record that cannot be read is a row, too: its
-- bytes and the reason in place of `record`. Partitions, one per day, are made and dropped by the recorder.
--
-- Ids are outside input of any length, hence hash indexes: they have no bound, and ids are asked for by equality.

CREATE TABLE quotes (
    day date NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    appended_at timestamptz NOT NULL,
    record_key bytea,
    headers jsonb NOT NULL,
    quote_id text,
    request_id text,
    rider_id text,
    outcome text,
    refusal text,
    at_ms bigint,
    now_ms bigint,
    valid_until_ms bigint,
    market text,
    product text,
    zone text,
    cell text,
    currency text,
    amount_minor bigint,
    multiplier_hundredths integer,
    eta_s integer,
    fallback text,
    request_offset bigint,
    tick_partition integer,
    tick_offset bigint,
    tick_now_ms bigint,
    policy_offset bigint,
    markets_offset bigint,
    record jsonb,
    unreadable_value bytea,
    unreadable_reason text,
    PRIMARY KEY (day, topic, partition, record_offset),
    CHECK ((record IS NULL) = (unreadable_reason IS NOT NULL))
) PARTITION BY RANGE (day);
CREATE INDEX ON quotes USING hash (quote_id);
CREATE INDEX ON quotes USING hash (rider_id);

CREATE TABLE ticks (
    day date NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    appended_at timestamptz NOT NULL,
    record_key bytea,
    headers jsonb NOT NULL,
    zone text,
    market text,
    now_ms bigint,
    epoch_generation integer,
    epoch_started_ms bigint,
    previous_offset bigint,
    supply_offset bigint,
    demand_offset bigint,
    city_offset bigint,
    policy_offset bigint,
    markets_offset bigint,
    models_offset bigint,
    forecast_offset bigint,
    model text,
    fallback text,
    supply_complete boolean,
    demand_complete boolean,
    data_age_ms bigint,
    cells_priced integer,
    highest_multiplier_hundredths integer,
    record jsonb,
    unreadable_value bytea,
    unreadable_reason text,
    PRIMARY KEY (day, topic, partition, record_offset),
    CHECK ((record IS NULL) = (unreadable_reason IS NOT NULL))
) PARTITION BY RANGE (day);
CREATE INDEX ON ticks (zone, now_ms);

CREATE TABLE booking_decisions (
    day date NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    appended_at timestamptz NOT NULL,
    record_key bytea,
    headers jsonb NOT NULL,
    decision_id text,
    quote_id text,
    ride_id text,
    rider_id text,
    outcome text,
    refusal text,
    at_ms bigint,
    now_ms bigint,
    zone text,
    cell text,
    product text,
    currency text,
    amount_minor bigint,
    acceptance_offset bigint,
    quote_offset bigint,
    record jsonb,
    unreadable_value bytea,
    unreadable_reason text,
    PRIMARY KEY (day, topic, partition, record_offset),
    CHECK ((record IS NULL) = (unreadable_reason IS NOT NULL))
) PARTITION BY RANGE (day);
CREATE INDEX ON booking_decisions USING hash (quote_id);
CREATE INDEX ON booking_decisions USING hash (rider_id);

CREATE TABLE ride_events (
    day date NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    appended_at timestamptz NOT NULL,
    record_key bytea,
    headers jsonb NOT NULL,
    event_id text,
    rider_id text,
    ride_id text,
    kind text,
    at_ms bigint,
    quote_id text,
    amount_minor bigint,
    currency text,
    driver_id text,
    record jsonb,
    unreadable_value bytea,
    unreadable_reason text,
    PRIMARY KEY (day, topic, partition, record_offset),
    CHECK ((record IS NULL) = (unreadable_reason IS NOT NULL))
) PARTITION BY RANGE (day);
CREATE INDEX ON ride_events USING hash (ride_id);
CREATE INDEX ON ride_events USING hash (rider_id);

CREATE TABLE dead_letters (
    day date NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    appended_at timestamptz NOT NULL,
    record_key bytea,
    headers jsonb NOT NULL,
    source_topic text,
    source_partition integer,
    source_offset bigint,
    source_timestamp_ms bigint,
    source_key bytea,
    source_value bytea,
    error_class text,
    field text,
    rule text,
    sentence text,
    attempt integer,
    service text,
    now_ms bigint,
    record jsonb,
    unreadable_value bytea,
    unreadable_reason text,
    PRIMARY KEY (day, topic, partition, record_offset),
    CHECK ((record IS NULL) = (unreadable_reason IS NOT NULL))
) PARTITION BY RANGE (day);

-- The first record of a quote id binds. Written without DISTINCT, so that a question about one rider stays one.
CREATE VIEW binding_quotes AS
SELECT * FROM quotes AS quote
WHERE quote_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM quotes AS earlier
    WHERE earlier.quote_id = quote.quote_id
      AND (earlier.topic, earlier.partition, earlier.record_offset) < (quote.topic, quote.partition, quote.record_offset)
);
