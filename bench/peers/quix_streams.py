"""The supply job with Quix Streams: state of each driver in its RocksDB with changelog, counts in memory."""

import time

from h3.api import basic_int as h3
from quixstreams import Application, State
from quixstreams.models import SerializationContext, Serializer

from cars import BOOTSTRAP, COMMIT_S, FLUSH_S, GROUP, INPUT, OUTPUT, RESOLUTION, STATE_DIR, Counts, decoded


class SecondSerializer(Serializer):
    """Writes the value of a (key, value) pair."""

    def __call__(self, value: tuple[bytes, bytes], ctx: SerializationContext) -> bytes:  # noqa: ARG002  Quix's
        """The second of the pair."""
        return value[1]


app = Application(
    broker_address=BOOTSTRAP,
    consumer_group=GROUP,
    auto_offset_reset="earliest",
    commit_interval=COMMIT_S,
    state_dir=STATE_DIR,
    producer_extra_config={"acks": "all", "compression.type": "lz4", "linger.ms": 5},
    loglevel="WARNING",
)
pings = app.topic(INPUT, value_deserializer="bytes", key_deserializer="bytes")
output = app.topic(OUTPUT, value_serializer=SecondSerializer(), key_serializer="bytes")
counts = Counts(-1)
flushed_s = time.monotonic()


def count(value: bytes, state: State) -> list[tuple[bytes, bytes]]:
    """Keep the last state of a driver; the zones that changed, when it is time to write them."""
    global flushed_s  # noqa: PLW0603  a stream of Quix is a module
    ping = decoded(value)
    known = state.get("last")
    if known is None or known[0] <= ping["at_ms"]:
        idle = ping["status"] == "IDLE"
        cell = h3.latlng_to_cell(ping["lat"], ping["lon"], RESOLUTION)
        if known is not None and known[2]:
            counts.add(known[1], -1)
        if idle:
            counts.add(cell, 1)
        state.set("last", [ping["at_ms"], cell, idle])
    if time.monotonic() - flushed_s < FLUSH_S:
        return []
    flushed_s = time.monotonic()
    return counts.records()


app.dataframe(pings).apply(count, stateful=True, expand=True).to_topic(output, key=lambda record: record[0])
if __name__ == "__main__":
    app.run()
