-- Rows that cannot be read are few. Whoever is erased is looked for in their bytes, and by id in all others: with these
-- indexes, beside those on rider_id, a rider is found without reading whole tables.

CREATE INDEX ON quotes (day) WHERE record IS NULL;
CREATE INDEX ON booking_decisions (day) WHERE record IS NULL;
CREATE INDEX ON ride_events (day) WHERE record IS NULL;
