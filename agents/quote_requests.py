"""Quote requests as they come: batches of all partitions that wait, taken in together as columns.

What a chunk costs besides its records (decoding, checks, one publication, its acknowledgement) is paid once for all
that has come meanwhile, so the busier a worker is, the cheaper is a quote; an idle one answers each at once.

    fetch ──> P0 ▪▪  P1 ▪  P3 ▪▪▪ ──> one chunk ──> quotes ──> one publication ──> acknowledged ──> ack all
                                        while it is on its way, the next chunk gathers
"""

from collections.abc import Sequence

import numpy as np
from aiokafka import ConsumerRecord

from agents.runtime.batches import Batch
from agents.runtime.intake import Intake
from agents.runtime.worker import Worker
from pricing.quotes.quote_offers import Asked
from topics.arrays import Bools, Float64s, Int64s
from topics.catalogue import QUOTE_REQUESTS
from topics.columns import ColumnDecoder, Columns
from topics.refusals import BadRow, ErrorClass
from topics.validity import TOO_LONG, check_requests
from windows.hexagons import cells_of

MOST_RECORDS = 256
"""A chunk ends with the batch that reaches this: its answers hold the event loop for some milliseconds."""
# A request is refused in `quotes.v1`, so that its client does not wait; without these there is no one to tell.
UNANSWERABLE = {"rider_id", "request_id"}


class RequestSource:
    """What every batch of requests goes through, whoever answers it: counted, decoded, its producers looked at."""

    def __init__(self, worker: Worker) -> None:
        self._intake = Intake(QUOTE_REQUESTS, worker.contracts.columns(QUOTE_REQUESTS), check_requests, worker)
        self._decoder = worker.contracts.columns(QUOTE_REQUESTS)
        self._meter = worker.meter

    def chunk(self, batches: Sequence[Batch]) -> "Chunk":
        """The requests of some batches."""
        for batch in batches:
            self._intake.look_at_producers(batch.records, batch.partition)
            size = sum(len(record.value or b"") for record in batch.records)
            offset = batch.last_offset
            self._meter.read(batch.topic, batch.partition, records=batch.count, size=size, offset=offset)
        chunk = Chunk([record for batch in batches for record in batch.records], self._decoder)
        if chunk.records:
            asked = chunk.asked
            late_ms = max(appended - at for appended, at in zip(asked.appended_ms, asked.at_ms, strict=True))
            self._meter.latency("lateness_ms", max(0, late_ms))
        return chunk


class Chunk:
    """The answerable requests of some batches: `asked` in columns, and the `records` they came from."""

    __slots__ = ("asked", "records")

    def __init__(self, records: Sequence[ConsumerRecord], decoder: ColumnDecoder) -> None:
        """Decode and judge; what has no one to answer is left out: DEMAND dead-letters it."""
        columns = decoder.decode([record.value for record in records])
        appended_ms = np.fromiter((record.timestamp for record in records), np.int64, len(records))
        good = _answerable(columns, [record.key for record in records], appended_ms)
        self.records = [records[row] for row in columns.source_row[good].tolist()]
        self.asked = _asked(columns, np.flatnonzero(good), self.records)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop the requests that are not in `rows`."""
        if len(rows) < len(self.records):
            self.records = [self.records[row] for row in rows]
            self.asked = Asked._make([column[row] for row in rows] for column in self.asked)


def _answerable(columns: Columns, keys: Sequence[bytes | None], appended_ms: Int64s) -> Bools:
    """Rows with someone to answer: whatever else is wrong with them is said in the answer."""
    good, broken = check_requests(columns, keys, appended_ms)
    row_of = {source: row for row, source in enumerate(columns.source_row.tolist())} if broken else {}
    for bad in broken:
        if _has_someone_to_answer(bad):
            good[row_of[bad.row]] = True
    return good


def _has_someone_to_answer(bad: BadRow) -> bool:
    return bad.error_class != ErrorClass.INVALID_KEY and bad.field not in UNANSWERABLE and bad.rule != TOO_LONG


def _asked(columns: Columns, rows: Int64s, records: Sequence[ConsumerRecord]) -> Asked:
    lat, lon, to_lat, to_lon = (
        columns.floats(name)[rows] for name in ("pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon")
    )
    deadlines, given = columns.ints("deadline_ms")[rows].tolist(), columns.present("deadline_ms")[rows].tolist()
    return Asked(
        partition=[record.partition for record in records],
        offset=[record.offset for record in records],
        appended_ms=[record.timestamp for record in records],
        request_id=columns.texts("request_id", rows),
        rider_id=columns.texts("rider_id", rows),
        at_ms=columns.ints("at_ms")[rows].tolist(),
        pickup_lat=lat.tolist(),
        pickup_lon=lon.tolist(),
        dropoff_lat=to_lat.tolist(),
        dropoff_lon=to_lon.tolist(),
        product=columns.texts("product", rows),
        deadline_ms=[value if present else None for value, present in zip(deadlines, given, strict=True)],
        cell=_pickup_cells(lat, lon),
    )


def _pickup_cells(lat: Float64s, lon: Float64s) -> list[int]:
    """Cell of each pickup; 0 where the coordinates are none."""
    inside = (np.abs(lat) <= 90.0) & (np.abs(lon) <= 180.0)
    cells = np.zeros(lat.size, np.int64)
    cells[inside] = cells_of(lat[inside], lon[inside])
    found: list[int] = cells.tolist()
    return found
