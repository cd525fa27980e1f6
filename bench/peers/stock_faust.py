"""The supply job as a stock Faust agent with a Table, by Faust's own guide: nothing of ours below it."""

import sys

import faust
from h3.api import basic_int as h3

from cars import BOOTSTRAP, COMMIT_S, FLUSH_S, GROUP, INPUT, OUTPUT, RESOLUTION, STATE_DIR, Counts, decoded

app = faust.App(
    GROUP,
    broker=f"kafka://{BOOTSTRAP}",
    store="memory://",
    datadir=STATE_DIR,
    topic_partitions=4,
    topic_replication_factor=1,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    broker_commit_interval=COMMIT_S,
    broker_max_poll_records=2000,
    stream_buffer_maxsize=16384,
    producer_acks=-1,
    producer_compression_type="lz4",
    producer_linger=5,
    web_enabled=False,
)
pings = app.topic(INPUT, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
output = app.topic(OUTPUT, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
drivers = app.Table("drivers", key_type=str, value_type=list, partitions=4)
by_source: dict[int, Counts] = {}


@app.agent(pings)
async def count(stream: faust.StreamT) -> None:
    """Keep the last state of each driver."""
    async for event in stream.events():
        ping = decoded(event.value)
        source = event.message.partition
        known = drivers.get(ping["driver_id"])
        if known is not None and known[0] > ping["at_ms"]:
            continue
        idle = ping["status"] == "IDLE"
        cell = h3.latlng_to_cell(ping["lat"], ping["lon"], RESOLUTION)
        counts = by_source.setdefault(source, Counts(source))
        if known is not None and known[2]:
            counts.add(known[1], -1)
        if idle:
            counts.add(cell, 1)
        drivers[ping["driver_id"]] = [ping["at_ms"], cell, idle]


@app.timer(FLUSH_S)
async def publish() -> None:
    """Write the zones that changed."""
    for counts in by_source.values():
        for key, value in counts.records():
            await output.send(key=key, value=value)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "--loop", "uvloop", "worker", "-l", "warn"]
    app.main()
