"""Rows a second through the recorder's write path, without Kafka: `python -m tests.broker.recorder_rate`.

Decoding, making rows and writing them follow each other in one process, as in the service.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from agents.recorder import MOST_ROWS
from agents.recorder_rows import QUOTES_TABLE, row_of
from agents.recorder_store import RecordStore
from infra.clients.database import Database, open_database
from infra.embedded.postgres import EmbeddedPostgres
from infra.migrations.versions import migrate
from tests.broker.recorder_load import quote
from tests.broker.services import now_ms
from topics.catalogue import QUOTES
from topics.codec import ObjectCodec

ROUNDS = 6


async def measure(url: str) -> None:
    """Write rounds of quotes and say what each took; the first one warms up."""
    database = Database(url=url, keep_days=30)
    async with open_database(database) as connection:
        await migrate(connection)
    store, codec = RecordStore(database), ObjectCodec(QUOTES, 1)
    await store.keep_house(now_ms())
    for number in range(ROUNDS):
        offsets = range(number * MOST_ROWS, (number + 1) * MOST_ROWS)
        values = [codec.encode(quote(offset, f"rider-{offset % 997}")) for offset in offsets]
        begun_s, cpu_s = time.perf_counter(), time.process_time()
        rows = [
            row_of(
                QUOTES, SimpleNamespace(partition=0, offset=o, timestamp=now_ms(), key=b"", headers=()), codec.decode(v)
            )
            for o, v in zip(offsets, values, strict=True)
        ]
        shaped_s = time.perf_counter()
        await store.write({QUOTES_TABLE: rows}, now_ms())
        done_s = time.perf_counter()
        shape_us, write_us = (s * 1e6 / MOST_ROWS for s in (shaped_s - begun_s, done_s - shaped_s))
        cpu_us = (time.process_time() - cpu_s) * 1e6 / MOST_ROWS
        sys.stdout.write(
            f"{1e6 / (shape_us + write_us):,.0f} rows/s: {shape_us:.0f} µs a row to decode and shape, "
            f"{write_us:.0f} to write, {cpu_us:.0f} of CPU in this process\n"
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        with EmbeddedPostgres(Path(directory) / "postgres") as server:
            asyncio.run(measure(server.dsn))
