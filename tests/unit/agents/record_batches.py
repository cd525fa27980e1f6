"""Kafka record batches for tests, as other clients write them, and both ways to read them: aiokafka's and ours."""

import random
import struct
from typing import NamedTuple

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from agents.runtime import raw_fetch
from tests.unit.topics.chunks import PING, framed
from topics.catalogue import DRIVER_PINGS
from topics.schemas import schema_of

TP = TopicPartition("pings", 3)
HEADER_BYTES = 61
APPEND_TIME, TRANSACTIONAL, CONTROL = 8, 16, 32
ABORT, COMMIT = 0, 1
# The real class, whatever `raw_fetch.install` has put in its place.
STOCK = raw_fetch._PartitionRecords.__mro__[1]
PING_SCHEMA = schema_of(DRIVER_PINGS)


class Read(NamedTuple):
    """What reading a response gave: records, the next fetch position, and whether it ended by an error."""

    records: list
    following: int
    failed: bool


def stock(data, at=0, *, aborted=(), level=0):
    """As aiokafka reads it, an object per record."""
    return _drained(STOCK(TP, MemoryRecords(data), list(aborted), at, None, None, True, level))


def objects(data, at=0, *, aborted=(), level=0):
    """As ours reads a topic that is not raw, an object per record."""
    records, topics = raw_fetch._MemoryRecords(data), raw_fetch.RawTopics(lambda _topic: False)
    return _drained(raw_fetch._PartitionRecords(TP, records, list(aborted), at, None, topics, True, level))


def raw_runs(data, at=0, *, aborted=(), level=0):
    """As ours reads it, in runs."""
    topics = raw_fetch.RawTopics(lambda _topic: True)
    records = raw_fetch._MemoryRecords(data)
    return _drained(raw_fetch._PartitionRecords(TP, records, list(aborted), at, None, topics, True, level))


def raw(data, at=0, *, aborted=(), level=0):
    """As ours reads it, its runs taken apart into objects."""
    read = raw_runs(data, at, aborted=aborted, level=level)
    return read._replace(records=[run[row] for run in read.records for row in range(len(run))])


def _drained(records):
    found = []
    try:
        found.extend(records)
    except CorruptRecordException:
        return Read(found, records.next_fetch_offset, True)
    return Read(found, records.next_fetch_offset, False)


def sealed(batch, attributes=0, base=0):
    """`batch` at offset `base`, with further attributes and the checksum that fits."""
    made = bytearray(batch)
    struct.pack_into(">q", made, 0, base)
    struct.pack_into(">h", made, 21, struct.unpack_from(">h", made, 21)[0] | attributes)
    struct.pack_into(">I", made, 17, calc_crc32c(bytes(made[21:])))
    return bytes(made)


def batch(rows, *, base=0, codec=0, producer=-1, attributes=0):
    """A batch of (offset delta, timestamp, key, value, headers), compressed by `codec`."""
    transactional = bool(attributes & TRANSACTIONAL)
    builder = DefaultRecordBatchBuilder(2, codec, transactional, producer, 0, 0, 1 << 30)
    for delta, timestamp, key, value, headers in rows:
        builder.append(delta, timestamp, key, value, headers)
    return sealed(builder.build(), attributes, base)


def control(base, producer, kind):
    """The marker that ends a transaction."""
    builder = DefaultRecordBatchBuilder(2, 0, True, producer, 0, 0, 1 << 20)
    builder.append(0, 1_700_000_000_000, struct.pack(">hh", 0, kind), struct.pack(">hi", 0, 0), [])
    return sealed(builder.build(), CONTROL | TRANSACTIONAL, base)


def some_rows(dice: random.Random, count: int):
    """Rows with holes between offsets, nulls, empty and long keys, headers, and pings among other values."""
    delta = 0
    for _ in range(count):
        key = dice.choice([None, b"", b"driver-%d" % dice.randrange(1000), dice.randbytes(dice.randrange(200))])
        value = dice.choice([None, b"", framed(PING_SCHEMA, PING), dice.randbytes(dice.randrange(300))])
        headers = [
            (dice.choice(["", "ce_id", "Grüße"]), dice.choice([None, b"", dice.randbytes(dice.randrange(90))]))
            for _ in range(dice.choice([0, 0, 1, 3]))
        ]
        yield delta, 1_700_000_000_000 + dice.randrange(-(10**6), 10**6), key, value, headers
        delta += 1 if dice.random() < 0.8 else dice.randrange(1, 60)


class Log(NamedTuple):
    """A response's bytes, (first offset, end, place) of each batch, and what a broker names as aborted with it."""

    data: bytes
    batches: list
    aborted: list


def some_log(dice: random.Random, batches: int) -> Log:
    """Batches of all codecs and sizes, transactions that end well or not, gaps, at times half a batch at the end."""
    made, spans, offset, open_since, aborted = b"", [], 5, {}, []
    for _ in range(batches):
        first, at = offset, len(made)
        kind = dice.random()
        if kind < 0.15 and open_since:
            producer, since = open_since.popitem()
            outcome = dice.choice([ABORT, COMMIT])
            made += control(offset, producer, outcome)
            aborted += [(producer, since)] if outcome == ABORT else []
            offset += 1
        else:
            producer = dice.randrange(100, 103) if kind < 0.4 else dice.choice([-1, 55])
            attributes = (TRANSACTIONAL if kind < 0.4 else 0) | (APPEND_TIME if dice.random() < 0.5 else 0)
            if kind < 0.4:
                open_since.setdefault(producer, offset)
            rows = list(some_rows(dice, dice.choice([1, 1, 2, 20, 200])))
            made += batch(rows, base=offset, codec=dice.randrange(5), producer=producer, attributes=attributes)
            offset += rows[-1][0] + 1
        spans.append((first, offset, at))
        offset += dice.choice([0, 0, 3])
    if dice.random() < 0.5:
        made += batch(some_rows(dice, 3), base=offset)[: dice.randrange(1, 80)]
    return Log(made, spans, aborted)
