"""Pings by the million, decoded all at once: every record moves one field on in each step.

Shares no code with the project. A position per record walks through one long buffer of all values; a step reads the
same field of all of them with numpy. A record whose bytes run out, or that has bytes left, is not decodable.

    field      driver_id       at_ms    lat  lon  status  products (blocks)  free_at_ms (null | long)   end
    record 0   ·········│      ······│  8    8    ·       ··················  ·
    record 1   ·······│ ...
"""

import json
import urllib.request
from typing import NamedTuple

import numpy as np
from confluent_kafka import Consumer, TopicPartition

FIELDS = ["driver_id", "at_ms", "lat", "lon", "status", "products", "free_at_ms"]
STATUSES = 4
LONGEST = 10


class Pings(NamedTuple):
    """Columns of the records of one topic in their order; `driver` numbers keys, -1 where key and value disagree."""

    partition: np.ndarray
    offset: np.ndarray
    appended: np.ndarray
    fault: np.ndarray
    decodable: np.ndarray
    driver: np.ndarray
    at: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    said: np.ndarray
    value: list


class Walk:
    """All values one behind the other, where each one is, and which can still be read."""

    def __init__(self, values):
        sizes = np.array([len(v) for v in values], np.int64)
        self.buffer = np.frombuffer(b"".join(values) + bytes(16), np.uint8)
        self.end = np.cumsum(sizes)
        self.at = self.end - sizes
        self.alive = np.ones(len(values), bool)
        self.high = np.concatenate([[0], np.cumsum(self.buffer >= 0x80)])

    def skip(self, count):
        """Move on by so many bytes; returns where each record was."""
        was = self.at.copy()
        self.alive &= (count >= 0) & (count <= self.end - self.at)
        self.at = np.where(self.alive, self.at + count, self.at)
        return was

    def longs(self, rows=None):
        """One zigzag number of each record in `rows` (all)."""
        rows = np.flatnonzero(self.alive) if rows is None else rows[self.alive[rows]]
        value = np.zeros(self.at.size, np.uint64)
        for place in range(LONGEST):
            short = self.at[rows] >= self.end[rows]
            self.alive[rows[short]] = False
            rows = rows[~short]
            byte = self.buffer[self.at[rows]]
            self.at[rows] += 1
            value[rows] |= (byte & 0x7F).astype(np.uint64) << np.uint64(7 * place)
            rows = rows[byte >= 0x80]
            if not rows.size:
                break
        self.alive[rows] = False
        return (value >> np.uint64(1)).astype(np.int64) ^ -(value & np.uint64(1)).astype(np.int64)

    def doubles(self):
        """One double of each record; NaN where there is none."""
        was = self.skip(np.full(self.at.size, 8))
        was[~self.alive] = 0
        raw = self.buffer[was[:, None] + np.arange(8)]
        return np.where(self.alive, np.ascontiguousarray(raw).view("<f8")[:, 0], np.nan)


def decode(values, keys, schema):
    """Columns of framed values of one schema id: decodable, driver ok, at, lat, lon, products said."""
    framed = np.array([v is not None and len(v) >= 5 and v[:5] == schema for v in values])
    walk = Walk([v[5:] if ok else b"" for v, ok in zip(values, framed, strict=True)])
    walk.alive &= framed
    size = walk.longs()
    start = walk.skip(size)
    same = walk.alive & _same(walk.buffer, start, size, keys)
    text = walk.alive & _is_text(walk, start, size)
    at, lat, lon = walk.longs(), walk.doubles(), walk.doubles()
    status = walk.longs()
    walk.alive &= (status >= 0) & (status < STATUSES)
    said = _products(walk)
    branch = walk.longs()
    walk.alive &= (branch == 0) | (branch == 1)
    walk.longs(np.flatnonzero(branch == 1))
    decodable = walk.alive & (walk.at == walk.end) & text
    return decodable, same, at, lat, lon, said


def _same(buffer, start, size, keys):
    """Whether the text equals the key: compared byte by byte, all of one length at once."""
    lengths = np.array([-1 if not k else len(k) for k in keys], np.int64)
    same = lengths == size
    for length in np.unique(lengths[same]):
        rows = np.flatnonzero(same & (lengths == length))
        told = buffer[start[rows][:, None] + np.arange(length)]
        wanted = np.frombuffer(b"".join(keys[row] for row in rows.tolist()), np.uint8).reshape(-1, length)
        same[rows] = (told == wanted).all(1)
    return same


def _is_text(walk, start, size):
    """Whether the bytes are UTF-8: plain ASCII at a glance, the others one by one."""
    alive = walk.alive
    text = np.zeros(size.size, bool)
    sizes = np.where(alive, size, 0)
    text[alive] = walk.high[(start + sizes)[alive]] == walk.high[start[alive]]
    for row in np.flatnonzero(alive & ~text).tolist():
        try:
            bytes(walk.buffer[start[row] : start[row] + sizes[row]]).decode()
            text[row] = True
        except UnicodeDecodeError:
            pass
    return text


def _products(walk):
    """Whether any product is named; blocks of strings until an empty one."""
    said = np.zeros(walk.at.size, bool)
    open_ = walk.alive.copy()
    while open_.any():
        rows = np.flatnonzero(open_ & walk.alive)
        count = walk.longs(rows)
        sized = rows[count[rows] < 0]
        walk.longs(sized)
        left = np.abs(count)
        said |= open_ & (left > 0)
        open_ &= walk.alive & (left > 0)
        left[~open_] = 0
        while (left > 0).any():
            rows = np.flatnonzero((left > 0) & walk.alive)
            if not rows.size:
                break
            size = walk.longs(rows)
            step = np.zeros(walk.at.size, np.int64)
            step[rows] = size[rows]
            start = walk.skip(step)
            walk.alive &= _is_text(walk, start, step)
            left[rows] -= 1
    return said


def pings_of(bootstrap, registry, topic="driver-pings.v1", *, chunk=100_000):
    """All records of a topic of pings, read by the official client, as `Pings`; None if there are none.

    The schema is the one registered last, which must be the one that is walked through here.
    """
    with urllib.request.urlopen(f"{registry.rstrip('/')}/subjects/{topic}-value/versions/latest", timeout=10) as answer:
        latest = json.loads(answer.read())
    assert [field["name"] for field in json.loads(latest["schema"])["fields"]] == FIELDS
    schema = b"\0" + latest["id"].to_bytes(4, "big")
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "recount-pings",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,  # else the next partition waits for a fetch at the end of the one before
        }
    )
    drivers, parts = {}, []
    try:
        for number in sorted(consumer.list_topics(topic, timeout=10).topics[topic].partitions):
            chunks = _messages(consumer, topic, number, chunk)
            parts += [_columns(number, messages, schema, drivers) for messages in chunks]
    finally:
        consumer.close()
    if not parts:
        return None
    columns = [np.concatenate([part[place] for part in parts]) for place in range(len(Pings._fields) - 1)]
    return Pings(*columns, [value for part in parts for value in part[-1]])


def _messages(consumer, topic, number, chunk):
    first, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
    if first == end:
        return
    consumer.assign([TopicPartition(topic, number, first)])
    at, waiting = first, []
    while at < end:
        got = [
            m for m in consumer.consume(min(10_000, end - at), timeout=1.0) if m.error() is None and m.offset() < end
        ]
        waiting += got
        at = got[-1].offset() + 1 if got else at
        at = max(at, min(consumer.position([TopicPartition(topic, number)])[0].offset, end))
        if len(waiting) >= chunk or at >= end:
            yield waiting
            waiting = []


def _columns(number, messages, schema, drivers):
    values, keys = [m.value() for m in messages], [m.key() for m in messages]
    decodable, same, at, lat, lon, said = decode(values, keys, schema)
    driver = np.array([drivers.setdefault(k, len(drivers)) for k in keys], np.int64)
    n = len(messages)
    return (
        np.full(n, number, np.int64),
        np.array([m.offset() for m in messages], np.int64),
        np.array([m.timestamp()[1] for m in messages], np.int64),
        np.array([any(name == "fault" for name, _ in m.headers() or ()) for m in messages], bool),
        decodable,
        np.where(same, driver, -1),
        at,
        lat,
        lon,
        said,
        values,
    )


def usable(pings, *, y2k, future):
    """Rows that break no rule: decodable, key equal to the id and not empty, time and place possible, products said."""
    return (
        pings.decodable
        & (pings.driver >= 0)
        & pings.said
        & (pings.at > y2k)
        & (pings.at <= pings.appended + future)
        & (np.abs(pings.lat) <= 90)
        & (np.abs(pings.lon) <= 180)
    )


def late(pings, *, pane, grace):
    """Rows appended after their pane's grace."""
    return pings.appended > pings.at // pane * pane + pane + grace


def last_of_each(pings, rows):
    """The rows that count last for their driver: by event time, of equal ones the later record, in each partition."""
    order = rows[np.lexsort((pings.offset[rows], pings.at[rows], pings.driver[rows], pings.partition[rows]))]
    whose = np.stack([pings.partition[order], pings.driver[order]])
    last = np.ones(order.size, bool)
    last[:-1] = (whose[:, 1:] != whose[:, :-1]).any(0)
    return order[last]
