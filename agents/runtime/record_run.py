"""Consecutive records of one partition as arrays over the bytes they came in; a record becomes an object when asked.

A run is a sequence of `ConsumerRecord`s like any list of them, so that what looks at a few (dead letters, late events,
producers' names) reads as before, and what looks at all takes `parts_of` instead: values and keys as spans.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

import numpy as np
from aiokafka import ConsumerRecord

from topics.arrays import Bools, Int64s
from topics.columns_chunk import Joined, join
from topics.record_walk import HEADERS, KEY, KEY_END, OFFSET, RECORD_END, TIMESTAMP, VALUE, VALUE_END

LONGEST_HEADERS_BYTES = 64 * 2**10
"""Of one record. An empty header takes two bytes, and next to none compressed, but an object as any other."""
_VARINT_MORE = 128


class RecordRun(Sequence[ConsumerRecord]):
    """Records in offset order.

    `places` int64[8, n] says where each stands in `data` (see `topics.record_walk`), `broken` bool[n] which of them
    have no record's form: their value is all their bytes. `appended` says whether timestamps are the broker's.
    """

    __slots__ = ("appended", "broken", "data", "partition", "places", "topic")

    def __init__(self, data: bytes, places: Int64s, broken: Bools, *, appended: bool) -> None:
        self.data, self.places, self.broken, self.appended = data, places, broken, appended
        self.topic, self.partition = "", -1

    def __len__(self) -> int:
        """Records, at least one."""
        return int(self.places.shape[1])

    @property
    def offset(self) -> int:
        """Offset of the last record: as one item of a fetch, a run counts as read when that one was."""
        return int(self.places[OFFSET, -1])

    @overload
    def __getitem__(self, which: int) -> ConsumerRecord: ...

    @overload
    def __getitem__(self, which: slice) -> "RecordRun": ...

    def __getitem__(self, which: int | slice) -> "ConsumerRecord | RecordRun":
        """One record as aiokafka would have given it, or a part of the run over the same bytes.

        Headers that take more than LONGEST_HEADERS_BYTES together are read as none.
        """
        if isinstance(which, slice):
            part = RecordRun(self.data, self.places[:, which], self.broken[which], appended=self.appended)
            part.topic, part.partition = self.topic, self.partition
            return part
        place: list[int] = self.places[:, which].tolist()
        key = self.data[place[KEY] : place[KEY_END]] if place[KEY] >= 0 else None
        value = self.data[place[VALUE] : place[VALUE_END]] if place[VALUE] >= 0 else None
        has_headers = not self.broken[which] and place[RECORD_END] - place[HEADERS] <= LONGEST_HEADERS_BYTES
        return ConsumerRecord(
            topic=self.topic,
            partition=self.partition,
            offset=place[OFFSET],
            timestamp=place[TIMESTAMP],
            timestamp_type=int(self.appended),
            key=key,
            value=value,
            checksum=None,
            serialized_key_size=-1 if key is None else len(key),
            serialized_value_size=-1 if value is None else len(value),
            headers=tuple(_headers(self.data, place[HEADERS], place[RECORD_END])) if has_headers else (),
        )

    def below(self, offset: int) -> int:
        """How many of the records stand below `offset`."""
        return int(np.searchsorted(self.places[OFFSET], offset))

    @property
    def values(self) -> Joined:
        """Values, where they stand."""
        return self._spans(VALUE, VALUE_END)

    @property
    def keys(self) -> Joined:
        """Keys, where they stand."""
        return self._spans(KEY, KEY_END)

    def _spans(self, first: int, last: int) -> Joined:
        absent = self.places[first] < 0
        starts = np.where(absent, self.places[last], self.places[first]) if absent.any() else self.places[first]
        return Joined(self.data, np.ascontiguousarray(starts), np.ascontiguousarray(self.places[last]), absent)


class Parts(NamedTuple):
    """Of n records: values and keys as spans, append times int64[n], and a mask of those that are no records."""

    values: Joined
    keys: Joined
    appended_ms: Int64s
    broken: Bools | None


def parts_of(records: Sequence[ConsumerRecord]) -> Parts:
    """The parts of a run, without an object per record; of a list of records, the same."""
    if isinstance(records, RecordRun):
        broken = records.broken if records.broken.any() else None
        return Parts(records.values, records.keys, records.places[TIMESTAMP], broken)
    appended_ms = np.fromiter((record.timestamp for record in records), np.int64, len(records))
    values, keys = join([record.value for record in records]), join([record.key for record in records])
    return Parts(values, keys, appended_ms, None)


def _headers(data: bytes, start: int, end: int) -> Iterator[tuple[str, bytes | None]]:
    """Headers at `start`, which the walk has found to be well formed; a name that is not UTF-8 is read as near."""
    _, p = _varint(data, start)
    while p < end:
        size, p = _varint(data, p)
        name, p = data[p : p + size].decode(errors="replace"), p + size
        size, p = _varint(data, p)
        yield name, data[p : p + size] if size >= 0 else None
        p += max(size, 0)


def _varint(data: bytes, p: int) -> tuple[int, int]:
    bits = shift = 0
    while True:
        byte = data[p]
        p += 1
        bits |= (byte & _VARINT_MORE - 1) << shift
        if byte < _VARINT_MORE:
            return (bits >> 1) ^ -(bits & 1), p
        shift += 7
