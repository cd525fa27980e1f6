"""The bytes of a table row: one byte of format version, then JSON a person can read.

Written by `zone_rows`, kept in a changelog, read by the next worker, perhaps of a newer release.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from pricing.zones.pane_counts import PaneCounts, matrix
from pricing.zones.sources import Source, TopicProgress
from pricing.zones.zone_state import CarCounts
from windows.epochs import Epoch

FORMAT_VERSION = 2
READABLE_VERSIONS = (1, 2)
"""Version 1 did not say when a topic's sources last read something new (`TopicProgress.flows`)."""


class UnknownRowFormatError(ValueError):
    """A row was written by a release this one cannot read."""


def pack(document: dict[str, Any]) -> bytes:
    """The row's bytes; arrays become lists."""
    return bytes((FORMAT_VERSION,)) + orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def unpack(key: bytes, row: bytes) -> dict[str, Any]:
    """What `pack` was given, arrays as lists.

    Raises UnknownRowFormatError if the row has a version this release cannot read.

    >>> unpack(b"3", pack({"applied": 7}))
    {'applied': 7}
    """
    if not row or row[0] not in READABLE_VERSIONS:
        readable, found = " or ".join(map(str, READABLE_VERSIONS)), row[0] if row else "no byte at all"
        raise UnknownRowFormatError(f"format version of row {key.decode()!r} must be {readable}, got {found}")
    document: dict[str, Any] = orjson.loads(row[1:])
    return document


def cars_packed(counts: CarCounts) -> list[Any]:
    """Counts of one source as a list, in the order `cars_unpacked` reads."""
    return [
        list(counts.epoch),
        counts.pings_offset,
        counts.now_ms,
        counts.products,
        counts.at,
        counts.idle,
        _flat(counts.idle_by_product),
        counts.busy,
        counts.soon_free,
    ]


def cars_unpacked(packed: list[Any]) -> CarCounts:
    """The counts that `cars_packed` was given."""
    epoch, pings_offset, now_ms, products, at, idle, idle_by_product, busy, soon_free = packed
    return CarCounts(
        epoch=Epoch(*epoch),
        pings_offset=pings_offset,
        now_ms=now_ms,
        products=tuple(products),
        at=_array(at),
        idle=_array(idle),
        idle_by_product=matrix(idle_by_product, len(at), len(products)),
        busy=_array(busy),
        soon_free=_array(soon_free),
    )


def riders_packed(counts: PaneCounts) -> list[Any]:
    """Counts of one source and pane as a list, in the order `riders_unpacked` reads."""
    return [
        list(counts.epoch),
        counts.requests_offset,
        counts.decisions_offset,
        counts.now_ms,
        counts.products,
        counts.at,
        _flat(counts.requests),
        _flat(counts.bookings),
    ]


def riders_unpacked(packed: list[Any]) -> PaneCounts:
    """The counts that `riders_packed` was given."""
    epoch, requests_offset, decisions_offset, now_ms, products, at, requests, bookings = packed
    return PaneCounts(
        epoch=Epoch(*epoch),
        requests_offset=requests_offset,
        decisions_offset=decisions_offset,
        now_ms=now_ms,
        products=tuple(products),
        at=_array(at),
        requests=matrix(requests, len(at), len(products)),
        bookings=matrix(bookings, len(at), len(products)),
    )


def progress_packed(progress: TopicProgress) -> list[Any]:
    """How far a topic was read as a list, in the order `progress_unpacked` reads."""
    sources = [
        [number, list(it.newest), it.standing and list(it.standing), it.spoke_ms, it.complete_from_ms, it.known_from_ms]
        for number, it in progress.sources.items()
    ]
    inputs = [list(pair) for pair in progress.input_offsets.items()]
    return [progress.applied_offset, progress.source_partitions, sources, progress.flowed_ms, inputs]


def progress_unpacked(packed: list[Any]) -> TopicProgress:
    """The progress that `progress_packed` was given; one of version 1 begins with nothing known to flow."""
    applied_offset, source_partitions, sources, *flow = packed
    flowed_ms, inputs = flow or (0, [])
    return TopicProgress(
        applied_offset, source_partitions, {number: _source(rest) for number, *rest in sources}, flowed_ms, dict(inputs)
    )


def _source(packed: list[Any]) -> Source:
    newest, standing, *times = packed
    return Source(Epoch(*newest), None if standing is None else Epoch(*standing), *times)


def sparse(values: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Places and values of what is not zero."""
    places = np.flatnonzero(values)
    return [places, values[places]]


def dense(places: Iterable[int], values: Iterable[int], size: int) -> NDArray[np.int64]:
    """The array of that size that `sparse` was given."""
    full = np.zeros(size, np.int64)
    full[_array(places)] = _array(values)
    return full


def _array(values: Iterable[int]) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def _flat(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.ascontiguousarray(values).reshape(-1)
